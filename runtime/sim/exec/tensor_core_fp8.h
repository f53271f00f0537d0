// mma.sync with fp8 operands, in all its forms: which arithmetic executes it depends on the architecture.
//
// Where the tensor core has fp8 (sm_89, sm_100 and up) it is the fused sum of tensor_core_model.cpp. On sm_90 only wgmma has it:
// ptxas makes f16 mma of mma.sync, so both operands are widened to f16, exactly, and every 16 of k are one f16 step.
#pragma once

#include "runtime/sim/exec/tensor_core.h"

namespace bsgen::sim {

// k is 16 or 32; nullptr where the combination does not exist. The model decides at execution.
MmaFunction fp8_mma_function(const MmaShape& shape);

}  // namespace bsgen::sim
