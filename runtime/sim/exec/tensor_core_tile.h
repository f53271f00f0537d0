// One mma as every instruction set executes it, and what the parts share. Internal to
// runtime/sim/exec.
//
// The hardware adds one step as integers: every product and c is cut (toward zero) to a multiple of
// 2^(emax - F), emax the largest exponent, and the exact sum is rounded once. The vector code does
// the same with float32 multiplications and one conversion to int32 per product:
//
//   emax[row] = max over k of (exponent(a) + exponent(b)), and exponent(c)      16-bit integers,
//   two k per lane t[row]    = trunc((a * b) * 2^(F - emax)) exact product, exact scaling d[row] =
//   round((sum of t) * 2^(emax - F))
//
// That is exact while the float32 range is not left: a * b has at most 22 bits, is below 2^128
// where emax < 127, and what underflows is below 2^-126, far below 2^(emax - F) where emax >=
// kMinFastExponent. Outputs outside that window, among them all that meet an infinity or NaN
// (kSpecialExponent), are computed again, alone, by the scalar model.
#pragma once

#include <cstdint>

#include "runtime/sim/exec/tensor_core_types.h"

namespace bsgen::sim {

inline constexpr int kMinFastExponent = -100;
inline constexpr int kMaxFastExponent =
    119;  // 33 products below 4 x 2^119: no overflow of a float32 output

// Lowest exponent that addends are aligned to (research: the published MATLAB model of the tensor
// cores).
constexpr int exponent_floor(AccType acc) {
  return acc == AccType::kF16 ? -21 : -133;
}

constexpr int step_of(MmaType type, const TensorCoreModel& model, int k) {
  const int step = type == MmaType::kTf32                             ? model.step_tf32
                   : type == MmaType::kE4m3 || type == MmaType::kE5m2 ? model.step_fp8
                                                                      : model.step_16bit;
  return step < k ? step : k;
}
constexpr bool is_fp8(MmaType type) {
  return type == MmaType::kE4m3 || type == MmaType::kE5m2;
}
constexpr int fraction_bits_of(MmaType type, const TensorCoreModel& model) {
  return is_fp8(type) ? model.fraction_bits_fp8 : model.fraction_bits;
}
// Fraction bits of a float32 result: Ada's and Hopper's fp8 path returns no more than it aligns
// with.
constexpr int result_bits(MmaType type, int fraction_bits) {
  return is_fp8(type) && fraction_bits < 23 ? fraction_bits : 23;
}

// The scalar model for operands of two types; dot_step is this with both the same.
float dot_step_mixed(MmaType a_type, MmaType b_type, AccType acc, const float* a, const float* b,
                     int k, float c, int fraction_bits);

// The mma functions of one instruction set; nullptr where the combination does not exist or this
// build lacks the set.
MmaFunction mma_function_baseline(const MmaShape& shape);
MmaFunction mma_function_avx2(const MmaShape& shape);
MmaFunction mma_function_avx512(const MmaShape& shape);

// make.operator()<A, B, Acc, K>() of the combination that `shape` names; nullptr where PTX has
// none.
template <class Make>
MmaFunction dispatch_shape(const MmaShape& shape, const Make& make) {
  using enum MmaType;
  const bool f32 = shape.acc == AccType::kF32;
  const auto is = [&](MmaType a, MmaType b, int k) {
    return shape.a == a && shape.b == b && shape.k == k;
  };
  if (is(kF16, kF16, 16)) {
    return f32 ? make.template operator()<kF16, kF16, AccType::kF32, 16>()
               : make.template operator()<kF16, kF16, AccType::kF16, 16>();
  }
  if (is(kF16, kF16, 8)) {
    return f32 ? make.template operator()<kF16, kF16, AccType::kF32, 8>()
               : make.template operator()<kF16, kF16, AccType::kF16, 8>();
  }
  if (!f32) return nullptr;
  if (is(kBf16, kBf16, 16)) return make.template operator()<kBf16, kBf16, AccType::kF32, 16>();
  if (is(kBf16, kBf16, 8)) return make.template operator()<kBf16, kBf16, AccType::kF32, 8>();
  if (is(kTf32, kTf32, 8)) return make.template operator()<kTf32, kTf32, AccType::kF32, 8>();
  if (is(kTf32, kTf32, 4)) return make.template operator()<kTf32, kTf32, AccType::kF32, 4>();
  if (is(kE4m3, kE4m3, 32)) return make.template operator()<kE4m3, kE4m3, AccType::kF32, 32>();
  if (is(kE4m3, kE5m2, 32)) return make.template operator()<kE4m3, kE5m2, AccType::kF32, 32>();
  if (is(kE5m2, kE4m3, 32)) return make.template operator()<kE5m2, kE4m3, AccType::kF32, 32>();
  if (is(kE5m2, kE5m2, 32)) return make.template operator()<kE5m2, kE5m2, AccType::kF32, 32>();
  return nullptr;
}

}  // namespace bsgen::sim
