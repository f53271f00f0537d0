// bsgen_tensor, in logical order, as the TensorView in memory order that a launch takes.
#pragma once

#include "bsgen/c/bsgen.h"
#include "bsgen/status.h"
#include "bsgen/tensor.h"
#include "runtime/launch/loaded_kernel.h"

namespace bsgen::c {

// `operand` names it in messages. The launch itself checks shapes, so a wrong one passes here as it is.
Expected<TensorView> activation_view(const bsgen_tensor& tensor, const runtime::OperandSpec& operand, const runtime::LoadedKernel& kernel);
Expected<TensorView> values_view(const bsgen_tensor& tensor, const runtime::OperandSpec& operand, const runtime::LoadedKernel& kernel);
Expected<TensorView> vector_view(const bsgen_tensor& tensor, const runtime::OperandSpec& operand, const runtime::LoadedKernel& kernel);

}  // namespace bsgen::c
