// The epilogue as IR, over one float or a vector of them. The functions are those of templates/bsgen/common/math.cuh, operation by
// operation in the accurate form: at most 4 ulp, and the same bits as a device where every step is an IEEE operation.
#pragma once

#include "compiler/epilogue/epilogue.h"
#include "runtime/cpu/llvm/emitter.h"

namespace bsgen::cpu {

// parameters[i] belongs to epilogue.parameters()[i].
Value* emit_epilogue(Emitter& emit, const epilogue::Epilogue& epilogue, Value* acc, const Values& parameters);

}  // namespace bsgen::cpu
