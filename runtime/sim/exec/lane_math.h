// The conversions, 16-bit operations and approximate functions of generated kernels over the 32 lanes of a register.
//
//   const LaneMath& math = lane_math();
//   math.f32x2_to_bf16x2(d, hi, lo);     // cvt.rn.bf16x2.f32 d, hi, lo for a whole warp
//
// Every instruction set gives the bits of the scalar functions in fp_convert.h and approx.h; all 32 lanes are computed, so a
// caller with a partial mask writes to a buffer and copies the active lanes. d may alias an operand.
#pragma once

#include "runtime/sim/exec/tensor_core.h"

namespace bsgen::sim {

struct LaneMath {
  using Unary = void (*)(MutableLanes d, Lanes a);
  using Binary = void (*)(MutableLanes d, Lanes a, Lanes b);
  using Ternary = void (*)(MutableLanes d, Lanes a, Lanes b, Lanes c);

  Binary f32x2_to_f16x2, f32x2_to_bf16x2;            // cvt.rn.{f16x2,bf16x2}.f32 d, a, b: a goes to the upper half
  Binary f32x2_to_f16x2_relu, f32x2_to_bf16x2_relu;
  Unary f32_to_f16, f32_to_bf16;                     // to the low half, the upper half zero
  Unary f16_to_f32, bf16_to_f32;                     // from the low half
  Unary f32_to_tf32;                                 // cvt.rna.tf32.f32
  Binary add_f16x2, sub_f16x2, mul_f16x2;
  Binary add_bf16x2, sub_bf16x2, mul_bf16x2;
  Ternary fma_f16x2, fma_bf16x2;

  // approx.h: [0] plain, [1] .ftz
  Unary ex2_approx[2], lg2_approx[2], rcp_approx[2], rsqrt_approx[2], sqrt_approx[2];
  Unary sin_approx[2], cos_approx[2];
  Unary tanh_approx;
  Binary div_approx[2], div_full[2];
  Unary ex2_approx_f16x2, ex2_approx_bf16x2, tanh_approx_f16x2, tanh_approx_bf16x2;
};

// kBaseline where `isa` is not available.
const LaneMath& lane_math(Isa isa);
// The best one of this machine.
const LaneMath& lane_math();

}  // namespace bsgen::sim
