// mma.sync with integers and with f64; floats are matrix_multiply (warp_ops.h). Op::extra = the registers of d, a, b and c.
#pragma once

#include "runtime/sim/exec/program.h"
#include "runtime/sim/exec/tensor_core_integer.h"

namespace bsgen::sim {

// Op::immediate of integer_multiply.
std::int64_t integer_mma_mode(const IntegerMmaShape& shape);
void integer_multiply(Warp& warp, const Op& op);
// immediate = 256 m + k
void double_multiply(Warp& warp, const Op& op);

}  // namespace bsgen::sim
