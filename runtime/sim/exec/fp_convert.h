// PTX's conversions and 16-bit arithmetic, bit for bit, for one value; loops over lanes vectorise.
//
//   d = f32_to_bf16(x);          // cvt.rn.bf16.f32
//   d = fma_f16(a, b, c);        // fma.rn.f16
//
// Rules that hold for all (PTX ISA, "Floating Point Instructions" and "cvt"): every result is
// rounded once; subnormals are kept; NaN results are canonical (0x7fffffff, 0x7fff, fp8 0x7f),
// whatever the payload was. Nothing here calls libm or depends on the host's rounding mode being
// anything but to nearest. All functions are pure and thread-safe.
//
// What is defined here is always inlined: translation units built for AVX2 or AVX-512 include this
// header, and a copy of theirs must never be the one that the linker keeps for the rest.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "runtime/sim/exec/tensor_core.h"

#define BSGEN_SIM_INLINE [[gnu::always_inline]] inline

namespace bsgen::sim {

// .rn / .rni, .rz / .rzi, .rm / .rmi, .rp / .rpi, and .rna (nearest, ties away from zero)
enum class Round : std::uint8_t { kNearest, kZero, kDown, kUp, kNearestAway };

inline constexpr std::uint32_t kNanF32 = 0x7fffffffu;
inline constexpr std::uint16_t kNan16 = 0x7fff;  // f16 and bf16
inline constexpr std::uint8_t kNanFp8 = 0x7f;

BSGEN_SIM_INLINE std::uint32_t bits_of(float x) {
  return std::bit_cast<std::uint32_t>(x);
}
BSGEN_SIM_INLINE float f32_of(std::uint32_t bits) {
  return std::bit_cast<float>(bits);
}
BSGEN_SIM_INLINE bool is_nan_bits(std::uint32_t bits) {
  return (bits & 0x7fffffffu) > 0x7f800000u;
}

// --- widening: exact -----------------------------------------------------------------------------

BSGEN_SIM_INLINE float f16_to_f32(std::uint16_t h) {
  const std::uint32_t sign = std::uint32_t{h & 0x8000u} << 16, rest = h & 0x7fffu;
  const std::uint32_t wide = rest << 13;
  const std::uint32_t normal = wide + (112u << 23);
  const std::uint32_t top = wide + (224u << 23);  // infinity; a NaN keeps its payload
  const std::uint32_t subnormal = bits_of(static_cast<float>(static_cast<int>(rest)) * 0x1p-24f);
  return f32_of(sign | (rest < 0x400 ? subnormal : rest < 0x7c00 ? normal : top));
}
BSGEN_SIM_INLINE float bf16_to_f32(std::uint16_t b) {
  return f32_of(std::uint32_t{b} << 16);
}

// --- narrowing to nearest even: the hot ones, without branches
// -------------------------------------

BSGEN_SIM_INLINE std::uint16_t f32_to_bf16(float x) {
  const std::uint32_t u = bits_of(x);
  const std::uint32_t rounded = (u + 0x7fff + (u >> 16 & 1)) >> 16;
  return static_cast<std::uint16_t>(is_nan_bits(u) ? kNan16 : rounded);
}
BSGEN_SIM_INLINE std::uint16_t f32_to_f16(float x) {
  const std::uint32_t u = bits_of(x), sign = u >> 16 & 0x8000, rest = u & 0x7fffffff;
  // Below 2^-14: adding 0.5 leaves a multiple of 2^-24, rounded by the addition itself, in the low
  // mantissa bits.
  const std::uint32_t subnormal = bits_of(f32_of(rest) + 0.5f) - bits_of(0.5f);
  const std::uint32_t normal = (rest - (112u << 23) + 0xfff + (rest >> 13 & 1)) >> 13;
  const std::uint32_t finite = rest < (113u << 23) ? subnormal : normal;
  const std::uint32_t capped = rest >= 0x47800000u ? 0x7c00u : finite;  // from 2^16 on
  return static_cast<std::uint16_t>(rest > 0x7f800000u ? kNan16 : sign | capped);
}

// --- narrowing in any direction, to any format
// -----------------------------------------------------

// A binary format with `exponent_bits` and `mantissa_bits`, an infinity and subnormals.
struct FloatFormat {
  int exponent_bits, mantissa_bits;
};
inline constexpr FloatFormat kF16Format{5, 10}, kBf16Format{8, 7}, kTf32Format{8, 10},
    kF32Format{8, 23}, kE5m2Format{5, 2};

// The bits of x in that format, rounded once. Overflow gives infinity, or the largest finite number
// where the direction says so. NaN gives all bits of exponent and mantissa set.
constexpr std::uint32_t round_to_format(double x, FloatFormat format, Round round) {
  const std::uint64_t u = std::bit_cast<std::uint64_t>(x),
                      magnitude = u & ~(std::uint64_t{1} << 63);
  const int e = format.exponent_bits, m = format.mantissa_bits;
  const std::uint32_t top = ((1u << e) - 1) << m;
  if (magnitude > 0x7ffull << 52) return top | ((1u << m) - 1);
  const bool negative = u >> 63;
  const std::uint32_t sign = negative ? 1u << (e + m) : 0;
  if (magnitude == 0x7ffull << 52) return sign | top;
  if (magnitude == 0) return sign;
  const int bias = (1 << (e - 1)) - 1;
  const int exponent = static_cast<int>(magnitude >> 52) -
                       1023;  // a subnormal double is below every format's half step
  const std::uint64_t significand = (magnitude & 0xfffffffffffffull) | 0x10000000000000ull;
  const int scale = exponent < 1 - bias ? 1 - bias : exponent;  // of the result's leading place
  const int drop = 52 - m + (scale - exponent);
  const std::uint64_t kept = drop < 64 ? significand >> drop : 0;
  const std::uint64_t rest =
      drop < 64 ? significand & ((std::uint64_t{1} << drop) - 1) : significand;
  const std::uint64_t half = drop < 64 ? std::uint64_t{1} << (drop - 1) : ~std::uint64_t{0};
  bool up = false;
  switch (round) {
    case Round::kNearest:
      up = rest > half || (rest == half && (kept & 1));
      break;
    case Round::kNearestAway:
      up = rest >= half;
      break;
    case Round::kZero:
      break;
    case Round::kDown:
      up = negative && rest != 0;
      break;
    case Round::kUp:
      up = !negative && rest != 0;
      break;
  }
  const std::uint64_t biased = static_cast<std::uint64_t>(scale + bias - 1)
                               << m;  // the leading one adds the missing 1
  const std::uint64_t result = biased + kept + (up ? 1 : 0);
  if (result < top) return sign | static_cast<std::uint32_t>(result);
  const bool to_infinity = round == Round::kNearest || round == Round::kNearestAway ||
                           (round == Round::kDown && negative) ||
                           (round == Round::kUp && !negative);
  return sign | (to_infinity ? top : top - 1);
}

// What `.relu` (negative -> +0, NaN stays) and `.sat` (to [0, 1], NaN -> +0) do before rounding.
// `.satfinite` clamps the result.
BSGEN_SIM_INLINE float relu(float x) {
  return bits_of(x) >> 31 && !is_nan_bits(bits_of(x)) ? 0.f : x;
}
BSGEN_SIM_INLINE float saturate(float x) {
  return x > 0.f ? (x < 1.f ? x : 1.f) : 0.f;
}

std::uint16_t f32_to_f16(float x, Round round);
std::uint16_t f32_to_bf16(float x, Round round);
std::uint16_t f64_to_f16(double x);  // to nearest even
std::uint16_t f64_to_bf16(double x);
float f64_to_f32(double x, Round round);
float s64_to_f32(std::int64_t x, Round round);  // and, by widening, every smaller integer
float u64_to_f32(std::uint64_t x, Round round);

// cvt.rna.tf32.f32: half away from zero at bit 13; the low 13 bits of the result are zero.
BSGEN_SIM_INLINE std::uint32_t f32_to_tf32(float x) {
  const std::uint32_t u = bits_of(x);
  const bool finite = (u & 0x7f800000u) != 0x7f800000u;
  return is_nan_bits(u) ? kNanF32 : (finite ? u + 0x1000u : u) & 0xffffe000u;
}
// cvt.{rna,rn,rz}{.relu}{.satfinite}.tf32.f32: float32 bits whose low 13 bits are zero.
std::uint32_t f32_to_tf32(float x, Round round, bool satfinite = false);

// cvt.rni.f32.f32 and its sisters: to an integral value. NaN -> canonical. Only the four directions
// of PTX.
float round_to_integral(float x, Round round);

// cvt.rzi.s32.f32 and its sisters: rounds, then clamps to the range of Int. NaN gives 0, and
// 2^(width - 1) for 64-bit integers and for f64 sources (PTX ISA, cvt).
template <class Int, class Float>
Int float_to_int(Float x, Round round) {
  static_assert(std::is_integral_v<Int>);
  constexpr double kLow = static_cast<double>(std::numeric_limits<Int>::min());
  constexpr double kBeyond =
      std::is_signed_v<Int> ? -kLow
                            : 2.0 * static_cast<double>(std::uint64_t{1} << (8 * sizeof(Int) - 1));
  if (x != x) {
    if (sizeof(Int) < 8 && sizeof(Float) < 8) return 0;
    return static_cast<Int>(std::uint64_t{1} << (8 * sizeof(Int) - 1));
  }
  double whole = static_cast<double>(x);
  switch (round) {
    case Round::kNearest:
      whole = std::nearbyint(whole);
      break;
    case Round::kNearestAway:
      whole = std::round(whole);
      break;
    case Round::kZero:
      whole = std::trunc(whole);
      break;
    case Round::kDown:
      whole = std::floor(whole);
      break;
    case Round::kUp:
      whole = std::ceil(whole);
      break;
  }
  if (whole < kLow) return std::numeric_limits<Int>::min();
  if (whole >= kBeyond) return std::numeric_limits<Int>::max();
  return static_cast<Int>(whole);
}

// --- fp8
// ---------------------------------------------------------------------------------------------

// cvt.rn.satfinite.e4m3x2.f32 (one half): to nearest even, overflow and infinity to the largest
// finite number, NaN 0x7f.
std::uint8_t f32_to_e4m3(float x);
std::uint8_t f32_to_e5m2(float x);
// cvt.rn.f16x2.e4m3x2 (one half): exact.
std::uint16_t e4m3_to_f16(std::uint8_t x);
std::uint16_t e5m2_to_f16(std::uint8_t x);

// --- 16-bit arithmetic, one rounding
// -------------------------------------------------------------------

// Exact sums need more bits than a double or a float has, so an inexact step in between rounds to
// odd: to the exact value, or to the neighbour whose last bit is set. Rounding that to fewer bits
// (two fewer at least) rounds the exact value (Boldo and Melquiond, "Emulation of FMA and correctly
// rounded sums: proved algorithms using rounding to odd").
BSGEN_SIM_INLINE double add_to_odd(double a, double b) {
  const double sum = a + b;
  const double b_seen = sum - a;
  const double error =
      (a - (sum - b_seen)) + (b - b_seen);  // TwoSum: exact, NaN where the sum is not finite
  const std::uint64_t u = std::bit_cast<std::uint64_t>(sum);
  const std::uint64_t step = (error > 0) == (sum > 0) ? 1 : ~std::uint64_t{0};
  const bool inexact = (error < 0) | (error > 0);
  return std::bit_cast<double>(u + ((inexact & !(u & 1)) ? step : 0));
}
BSGEN_SIM_INLINE float f64_to_f32_odd(double x) {
  const float nearest = static_cast<float>(x);
  const double back = static_cast<double>(nearest);
  const std::uint32_t u = bits_of(nearest);
  const std::uint32_t cut = u - (std::fabs(back) > std::fabs(x) ? 1 : 0);
  return f32_of(back == x ? u : cut | 1);
}

// Of two f16, float32 has enough bits that rounding twice is rounding once (24 >= 2 x 11 + 2); of
// two bf16 too, but for products below 2^-126.
BSGEN_SIM_INLINE std::uint16_t add_f16(std::uint16_t a, std::uint16_t b) {
  return f32_to_f16(f16_to_f32(a) + f16_to_f32(b));
}
BSGEN_SIM_INLINE std::uint16_t sub_f16(std::uint16_t a, std::uint16_t b) {
  return f32_to_f16(f16_to_f32(a) - f16_to_f32(b));
}
BSGEN_SIM_INLINE std::uint16_t mul_f16(std::uint16_t a, std::uint16_t b) {
  return f32_to_f16(f16_to_f32(a) * f16_to_f32(b));
}
BSGEN_SIM_INLINE std::uint16_t fma_f16(std::uint16_t a, std::uint16_t b, std::uint16_t c) {
  const double product = static_cast<double>(f16_to_f32(a)) * static_cast<double>(f16_to_f32(b));
  return f32_to_f16(f64_to_f32_odd(add_to_odd(product, static_cast<double>(f16_to_f32(c)))));
}
BSGEN_SIM_INLINE std::uint16_t add_bf16(std::uint16_t a, std::uint16_t b) {
  return f32_to_bf16(bf16_to_f32(a) + bf16_to_f32(b));
}
BSGEN_SIM_INLINE std::uint16_t sub_bf16(std::uint16_t a, std::uint16_t b) {
  return f32_to_bf16(bf16_to_f32(a) - bf16_to_f32(b));
}
BSGEN_SIM_INLINE std::uint16_t mul_bf16(std::uint16_t a, std::uint16_t b) {
  const double product = static_cast<double>(bf16_to_f32(a)) * static_cast<double>(bf16_to_f32(b));
  return f32_to_bf16(f64_to_f32_odd(product));
}
BSGEN_SIM_INLINE std::uint16_t fma_bf16(std::uint16_t a, std::uint16_t b, std::uint16_t c) {
  const double product = static_cast<double>(bf16_to_f32(a)) * static_cast<double>(bf16_to_f32(b));
  return f32_to_bf16(f64_to_f32_odd(add_to_odd(product, static_cast<double>(bf16_to_f32(c)))));
}

// .relu on a result: a negative one, -0 included, becomes +0. .sat: to [0, 1].
std::uint16_t relu16(std::uint16_t x);
std::uint16_t saturate_f16(std::uint16_t x);
std::uint16_t saturate_bf16(std::uint16_t x);
// min and max: the operand that is a number, -0 < +0; the `.NaN` forms return NaN when one operand
// is.
std::uint16_t min_f16(std::uint16_t a, std::uint16_t b, bool propagate_nan = false);
std::uint16_t max_f16(std::uint16_t a, std::uint16_t b, bool propagate_nan = false);
std::uint16_t min_bf16(std::uint16_t a, std::uint16_t b, bool propagate_nan = false);
std::uint16_t max_bf16(std::uint16_t a, std::uint16_t b, bool propagate_nan = false);

}  // namespace bsgen::sim
