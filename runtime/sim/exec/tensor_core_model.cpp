// The scalar integer model of one fused step: the definition that every vector version is compared
// with.
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "runtime/sim/exec/tensor_core_tile.h"

namespace bsgen::sim {

namespace {

// |x| = significand * 2^(exponent - 23); the leading bit is bit 23, or below it for what is
// subnormal in its format.
struct Parts {
  bool negative, zero, infinite, nan;
  std::uint32_t significand;
  int exponent;
};

Parts split(float x, int min_exponent) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t mantissa = bits & 0x7fffff;
  const int biased = static_cast<int>(bits >> 23 & 255);
  Parts p{};
  p.negative = bits >> 31;
  p.infinite = biased == 255 && mantissa == 0;
  p.nan = biased == 255 && mantissa != 0;
  p.zero = biased == 0 && mantissa == 0;
  p.significand = biased == 0 ? mantissa : mantissa | 0x800000;
  p.exponent = biased == 0 ? -126 : biased - 127;
  if (p.exponent < min_exponent) {  // normal as float32, subnormal in its own format
    const int shift = min_exponent - p.exponent;
    p.significand = shift < 32 ? p.significand >> shift : 0;
    p.exponent = min_exponent;
  }
  return p;
}

// magnitude * 2^exponent cut toward zero to an integer.
std::int64_t cut(std::uint64_t magnitude, int exponent) {
  if (exponent >= 0) return static_cast<std::int64_t>(magnitude << exponent);
  return exponent <= -64 ? 0 : static_cast<std::int64_t>(magnitude >> -exponent);
}

// magnitude * 2^exponent rounded to float32 with `bits` fraction bits, toward zero; from 2^128 on
// it is infinite.
float round_to_f32(std::uint64_t magnitude, int exponent, int bits) {
  const int leading = 63 - std::countl_zero(magnitude) + exponent;
  if (leading > 127) return std::numeric_limits<float>::infinity();
  const int unit = (leading < -126 ? -126 : leading) - bits;  // exponent of the last bit kept
  return std::ldexp(static_cast<float>(cut(magnitude, exponent - unit)), unit);
}

// The same to float16, to nearest even.
float round_to_f16(std::uint64_t magnitude, int exponent) {
  const int leading = 63 - std::countl_zero(magnitude) + exponent;
  if (leading > 15) return std::numeric_limits<float>::infinity();
  const int unit = (leading < -14 ? -14 : leading) - 10;
  std::uint64_t kept = static_cast<std::uint64_t>(cut(magnitude, exponent - unit));
  if (unit > exponent && unit - exponent < 64) {
    const int dropped = unit - exponent;
    const std::uint64_t rest = magnitude & ((std::uint64_t{1} << dropped) - 1);
    const std::uint64_t half = std::uint64_t{1} << (dropped - 1);
    if (rest > half || (rest == half && (kept & 1))) ++kept;
  }
  const float value = std::ldexp(static_cast<float>(kept), unit);
  return value > 65504.f ? std::numeric_limits<float>::infinity() : value;
}

}  // namespace

float dot_step_mixed(MmaType a_type, MmaType b_type, AccType acc, const float* a, const float* b,
                     int k, float c, int fraction_bits) {
  const Parts pc = split(c, acc == AccType::kF16 ? -14 : -126);
  Parts pa[32], pb[32];
  bool nan = pc.nan;
  bool plus_infinity = pc.infinite && !pc.negative, minus_infinity = pc.infinite && pc.negative;
  int emax = exponent_floor(acc);
  if (!pc.zero && pc.exponent > emax) emax = pc.exponent;
  for (int i = 0; i < k; ++i) {
    pa[i] = split(a[i], format_of(a_type).min_exponent);
    pb[i] = split(b[i], format_of(b_type).min_exponent);
    const bool zero = pa[i].zero || pb[i].zero;
    const bool infinite = pa[i].infinite || pb[i].infinite;
    nan = nan || pa[i].nan || pb[i].nan || (infinite && zero);
    if (infinite) (pa[i].negative != pb[i].negative ? minus_infinity : plus_infinity) = true;
    if (!zero && pa[i].exponent + pb[i].exponent > emax) emax = pa[i].exponent + pb[i].exponent;
  }
  if (nan || (plus_infinity && minus_infinity)) return std::bit_cast<float>(0x7fffffffu);
  if (plus_infinity) return std::numeric_limits<float>::infinity();
  if (minus_infinity) return -std::numeric_limits<float>::infinity();

  // Every addend in units of 2^(emax - F).
  std::int64_t sum = cut(pc.significand, pc.exponent - 23 - emax + fraction_bits);
  if (pc.negative) sum = -sum;
  for (int i = 0; i < k; ++i) {
    const std::uint64_t product = std::uint64_t{pa[i].significand} * pb[i].significand;
    const int exponent = pa[i].exponent + pb[i].exponent - 46;
    const std::int64_t addend = product == 0 ? 0 : cut(product, exponent - emax + fraction_bits);
    sum += pa[i].negative != pb[i].negative ? -addend : addend;
  }
  if (sum == 0) return 0.f;  // an integer has no negative zero
  const std::uint64_t magnitude = static_cast<std::uint64_t>(sum < 0 ? -sum : sum);
  const float result = acc == AccType::kF16 ? round_to_f16(magnitude, emax - fraction_bits)
                                            : round_to_f32(magnitude, emax - fraction_bits,
                                                           result_bits(a_type, fraction_bits));
  return sum < 0 ? -result : result;
}

float dot_step(MmaType type, AccType acc, const float* a, const float* b, int k, float c,
               int fraction_bits) {
  return dot_step_mixed(type, type, acc, a, b, k, c, fraction_bits);
}

}  // namespace bsgen::sim
