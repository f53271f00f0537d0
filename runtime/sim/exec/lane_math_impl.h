// The body of LaneMath, compiled once per instruction set by lane_math_*.cpp; each includes this in an anonymous namespace of its
// own, so that no copy is shared between them.
#pragma once

#include "runtime/sim/exec/approx.h"
#include "runtime/sim/exec/fp_convert.h"
#include "runtime/sim/exec/lane_math.h"

namespace bsgen::sim {
namespace {

constexpr int kLanes = 32;

template <auto kOp>
void unary(MutableLanes d, Lanes a) {
  std::uint32_t result[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) result[lane] = kOp(a[lane]);
  for (int lane = 0; lane < kLanes; ++lane) d[lane] = result[lane];
}
template <auto kOp>
void binary(MutableLanes d, Lanes a, Lanes b) {
  std::uint32_t result[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) result[lane] = kOp(a[lane], b[lane]);
  for (int lane = 0; lane < kLanes; ++lane) d[lane] = result[lane];
}
template <auto kOp>
void ternary(MutableLanes d, Lanes a, Lanes b, Lanes c) {
  std::uint32_t result[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) result[lane] = kOp(a[lane], b[lane], c[lane]);
  for (int lane = 0; lane < kLanes; ++lane) d[lane] = result[lane];
}

using Half = std::uint16_t;
using Word = std::uint32_t;
BSGEN_SIM_INLINE Half low(Word x) { return static_cast<Half>(x); }
BSGEN_SIM_INLINE Half high(Word x) { return static_cast<Half>(x >> 16); }
BSGEN_SIM_INLINE Word pack(Half hi, Half lo) { return Word{hi} << 16 | lo; }

// Each half of a packed register by one 16-bit operation.
#define BSGEN_SIM_HALVES1(op) \
  [](Word a) __attribute__((always_inline)) { return pack(op(high(a)), op(low(a))); }
#define BSGEN_SIM_HALVES2(op) \
  [](Word a, Word b) __attribute__((always_inline)) { return pack(op(high(a), high(b)), op(low(a), low(b))); }
#define BSGEN_SIM_HALVES3(op)                                                  \
  [](Word a, Word b, Word c) __attribute__((always_inline)) {                  \
    return pack(op(high(a), high(b), high(c)), op(low(a), low(b), low(c)));    \
  }
#define BSGEN_SIM_OP1(expression) [](Word a) __attribute__((always_inline)) { return Word{expression}; }
#define BSGEN_SIM_OP2(expression) [](Word a, Word b) __attribute__((always_inline)) { return Word{expression}; }

constexpr LaneMath kLaneMath = {
    .f32x2_to_f16x2 = &binary<BSGEN_SIM_OP2(pack(f32_to_f16(f32_of(a)), f32_to_f16(f32_of(b))))>,
    .f32x2_to_bf16x2 = &binary<BSGEN_SIM_OP2(pack(f32_to_bf16(f32_of(a)), f32_to_bf16(f32_of(b))))>,
    .f32x2_to_f16x2_relu =
        &binary<BSGEN_SIM_OP2(pack(f32_to_f16(relu(f32_of(a))), f32_to_f16(relu(f32_of(b)))))>,
    .f32x2_to_bf16x2_relu =
        &binary<BSGEN_SIM_OP2(pack(f32_to_bf16(relu(f32_of(a))), f32_to_bf16(relu(f32_of(b)))))>,
    .f32_to_f16 = &unary<BSGEN_SIM_OP1(f32_to_f16(f32_of(a)))>,
    .f32_to_bf16 = &unary<BSGEN_SIM_OP1(f32_to_bf16(f32_of(a)))>,
    .f16_to_f32 = &unary<BSGEN_SIM_OP1(bits_of(f16_to_f32(low(a))))>,
    .bf16_to_f32 = &unary<BSGEN_SIM_OP1(a << 16)>,
    .f32_to_tf32 = &unary<BSGEN_SIM_OP1(f32_to_tf32(f32_of(a)))>,
    .add_f16x2 = &binary<BSGEN_SIM_HALVES2(add_f16)>,
    .sub_f16x2 = &binary<BSGEN_SIM_HALVES2(sub_f16)>,
    .mul_f16x2 = &binary<BSGEN_SIM_HALVES2(mul_f16)>,
    .add_bf16x2 = &binary<BSGEN_SIM_HALVES2(add_bf16)>,
    .sub_bf16x2 = &binary<BSGEN_SIM_HALVES2(sub_bf16)>,
    .mul_bf16x2 = &binary<BSGEN_SIM_HALVES2(mul_bf16)>,
    .fma_f16x2 = &ternary<BSGEN_SIM_HALVES3(fma_f16)>,
    .fma_bf16x2 = &ternary<BSGEN_SIM_HALVES3(fma_bf16)>,
    .ex2_approx = {&unary<BSGEN_SIM_OP1(bits_of(ex2_approx(f32_of(a))))>,
        &unary<BSGEN_SIM_OP1(bits_of(ex2_approx<kFtz>(f32_of(a))))>},
    .lg2_approx = {&unary<BSGEN_SIM_OP1(bits_of(lg2_approx(f32_of(a))))>,
        &unary<BSGEN_SIM_OP1(bits_of(lg2_approx<kFtz>(f32_of(a))))>},
    .rcp_approx = {&unary<BSGEN_SIM_OP1(bits_of(rcp_approx(f32_of(a))))>,
        &unary<BSGEN_SIM_OP1(bits_of(rcp_approx<kFtz>(f32_of(a))))>},
    .rsqrt_approx = {&unary<BSGEN_SIM_OP1(bits_of(rsqrt_approx(f32_of(a))))>,
        &unary<BSGEN_SIM_OP1(bits_of(rsqrt_approx<kFtz>(f32_of(a))))>},
    .sqrt_approx = {&unary<BSGEN_SIM_OP1(bits_of(sqrt_approx(f32_of(a))))>,
        &unary<BSGEN_SIM_OP1(bits_of(sqrt_approx<kFtz>(f32_of(a))))>},
    .sin_approx = {&unary<BSGEN_SIM_OP1(bits_of(sin_approx(f32_of(a))))>,
        &unary<BSGEN_SIM_OP1(bits_of(sin_approx<kFtz>(f32_of(a))))>},
    .cos_approx = {&unary<BSGEN_SIM_OP1(bits_of(cos_approx(f32_of(a))))>,
        &unary<BSGEN_SIM_OP1(bits_of(cos_approx<kFtz>(f32_of(a))))>},
    .tanh_approx = &unary<BSGEN_SIM_OP1(bits_of(tanh_approx(f32_of(a))))>,
    .div_approx = {&binary<BSGEN_SIM_OP2(bits_of(div_approx(f32_of(a), f32_of(b))))>,
        &binary<BSGEN_SIM_OP2(bits_of(div_approx<kFtz>(f32_of(a), f32_of(b))))>},
    .div_full = {&binary<BSGEN_SIM_OP2(bits_of(div_full(f32_of(a), f32_of(b))))>,
        &binary<BSGEN_SIM_OP2(bits_of(div_full<kFtz>(f32_of(a), f32_of(b))))>},
    .ex2_approx_f16x2 = &unary<BSGEN_SIM_HALVES1(ex2_approx_f16)>,
    .ex2_approx_bf16x2 = &unary<BSGEN_SIM_HALVES1(ex2_approx_bf16)>,
    .tanh_approx_f16x2 = &unary<BSGEN_SIM_HALVES1(tanh_approx_f16)>,
    .tanh_approx_bf16x2 = &unary<BSGEN_SIM_HALVES1(tanh_approx_bf16)>,
};

#undef BSGEN_SIM_HALVES1
#undef BSGEN_SIM_HALVES2
#undef BSGEN_SIM_HALVES3
#undef BSGEN_SIM_OP1
#undef BSGEN_SIM_OP2

}  // namespace
}  // namespace bsgen::sim
