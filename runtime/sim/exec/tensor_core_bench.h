// How fast this machine executes one mma, for `bsgen bench --suite sim`.
#pragma once

#include "runtime/sim/exec/tensor_core.h"

namespace bsgen::sim {

// 10^9 floating-point operations (2 m n k per instruction) a second on one core: the best of
// several short runs on random normal operands, about 50 ms in all. 0 where the combination or the
// instruction set does not exist.
double mma_gflops(const MmaShape& shape, Isa isa, const TensorCoreModel& model);

}  // namespace bsgen::sim
