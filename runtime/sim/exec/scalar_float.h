// Rare floating-point instructions as functions of one lane (scalar_ops.h). Every result is rounded once.
#pragma once

#include "runtime/sim/exec/fp_convert.h"
#include "runtime/sim/exec/scalar_ops.h"

namespace bsgen::sim::scalar {

enum class FloatOp : std::uint8_t { kAdd, kSub, kMul, kFma, kMin, kMax, kNeg, kAbs };
// Op::immediate of the functions below.
struct FloatMode {
  FloatOp op = FloatOp::kAdd;
  Round round = Round::kNearest;
  bool bf16 = false, packed = false;       // 16-bit types
  bool ftz = false, sat = false, relu = false;
  bool nan = false;                        // min and max: NaN where one operand is
  bool xorsign = false, abs = false;       // min and max: of magnitudes, the sign a's times b's (xorsign); plain magnitudes (abs)
  bool three = false;                      // min and max of three
  std::int64_t encode() const;
  static FloatMode decode(std::int64_t bits);
};

// f16, bf16 and their pairs.
std::uint64_t half(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::int64_t mode);
// f32: min and max in their rare forms.
std::uint64_t single(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::int64_t mode);
// f32x2: add, sub, mul, fma.
std::uint64_t single_pair(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::int64_t mode);
// add, sub and fma of f32 with 16-bit operands: d = a + c, a b + c; c is f32.
std::uint64_t mixed(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::int64_t mode);
// add, sub, mul, fma in f32, rounded once in any direction.
float rounded_f32(FloatOp op, Round round, float a, float b, float c);

// Comparisons of 16-bit values: immediate = a LaneOp comparison, bit 8 bf16, bit 9 packed, bits 16 and up what true gives (per half).
std::uint64_t compare_half(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::int64_t mode);
// testp: immediate 0 finite, 1 infinite, 2 number, 3 notanumber, 4 normal, 5 subnormal; bit 3 f64.
std::uint64_t testp(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::int64_t mode);
// slct: c >= 0 ? a : b; immediate 0 = c is s32, 1 = f32, 3 = f32 with .ftz.
std::uint64_t slct(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::int64_t mode);
// rcp.approx.ftz.f64 and rsqrt.approx{.ftz}.f64: immediate 0 rcp, 1 rsqrt, bit 1 ftz (20 bits of mantissa; rsqrt without: 53).
std::uint64_t approximate_f64(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::int64_t mode);

}  // namespace bsgen::sim::scalar
