#include "runtime/sim/exec/fp_convert.h"

namespace bsgen::sim {

std::uint16_t f32_to_f16(float x, Round round) {
  return static_cast<std::uint16_t>(round_to_format(x, kF16Format, round));
}
std::uint16_t f32_to_bf16(float x, Round round) {
  return static_cast<std::uint16_t>(round_to_format(x, kBf16Format, round));
}
std::uint16_t f64_to_f16(double x) {
  return static_cast<std::uint16_t>(round_to_format(x, kF16Format, Round::kNearest));
}
std::uint16_t f64_to_bf16(double x) {
  return static_cast<std::uint16_t>(round_to_format(x, kBf16Format, Round::kNearest));
}
float f64_to_f32(double x, Round round) {
  return f32_of(round_to_format(x, kF32Format, round));
}

std::uint32_t f32_to_tf32(float x, Round round, bool satfinite) {
  std::uint32_t bits = round_to_format(x, kTf32Format, round) << 13;
  if (is_nan_bits(bits)) return kNanF32;
  if (satfinite && (bits & 0x7fffffffu) == 0x7f800000u) bits -= 1u << 13;
  return bits;
}

// A 64-bit integer has more bits than a double: odd rounding of the upper part keeps the direction
// right.
float u64_to_f32(std::uint64_t x, Round round) {
  if (x >> 53 == 0) return f64_to_f32(static_cast<double>(x), round);
  const std::uint64_t sticky = (x & 0xffff) != 0 ? 1 : 0;
  return f64_to_f32(static_cast<double>(x >> 16 | sticky) * 0x1p16, round);
}
float s64_to_f32(std::int64_t x, Round round) {
  if (x >= 0) return u64_to_f32(static_cast<std::uint64_t>(x), round);
  const Round mirrored = round == Round::kDown ? Round::kUp
                         : round == Round::kUp ? Round::kDown
                                               : round;
  return -u64_to_f32(std::uint64_t{0} - static_cast<std::uint64_t>(x), mirrored);
}

float round_to_integral(float x, Round round) {
  if (is_nan_bits(bits_of(x))) return f32_of(kNanF32);
  float whole = x;
  switch (round) {
    case Round::kNearest:
      whole = std::nearbyint(x);
      break;
    case Round::kNearestAway:
      whole = std::round(x);
      break;
    case Round::kZero:
      whole = std::trunc(x);
      break;
    case Round::kDown:
      whole = std::floor(x);
      break;
    case Round::kUp:
      whole = std::ceil(x);
      break;
  }
  return f32_of((bits_of(whole) & 0x7fffffffu) | (bits_of(x) & 0x80000000u));  // -0.3 gives -0
}

std::uint8_t f32_to_e4m3(float x) {
  if (is_nan_bits(bits_of(x))) return kNanFp8;
  const std::uint8_t sign = static_cast<std::uint8_t>(bits_of(x) >> 24 & 0x80);
  const float magnitude = f32_of(bits_of(x) & 0x7fffffffu);
  if (magnitude > 448.f) return sign | 0x7e;  // the format has no infinity
  // Same spacing as a format with 4 exponent and 3 mantissa bits, whose top exponent holds numbers;
  // 448 is its 0x7e.
  if (magnitude >= 256.f)
    return sign | static_cast<std::uint8_t>(0x78 + std::nearbyint((magnitude - 256.f) / 32.f));
  return sign | static_cast<std::uint8_t>(round_to_format(magnitude, {4, 3}, Round::kNearest));
}
std::uint8_t f32_to_e5m2(float x) {
  if (is_nan_bits(bits_of(x))) return kNanFp8;
  const std::uint8_t bits =
      static_cast<std::uint8_t>(round_to_format(x, kE5m2Format, Round::kNearest));
  return (bits & 0x7f) == 0x7c ? bits - 1 : bits;
}
std::uint16_t e4m3_to_f16(std::uint8_t x) {
  if ((x & 0x7f) == 0x7f) return kNan16;
  // As f16 bits the number is 2^8 too small, subnormals included.
  const float value =
      f16_to_f32(static_cast<std::uint16_t>((x & 0x80) << 8 | (x & 0x7f) << 7)) * 256.f;
  return f32_to_f16(value);
}
std::uint16_t e5m2_to_f16(std::uint8_t x) {
  return (x & 0x7f) > 0x7c ? kNan16 : static_cast<std::uint16_t>(x << 8);
}

namespace {

template <std::uint16_t kInfinity>
bool is_nan16(std::uint16_t x) {
  return (x & 0x7fff) > kInfinity;
}

// Orders like the numbers, with -0 below +0.
int order(std::uint16_t x) {
  return x & 0x8000 ? -(x & 0x7fff) - 1 : x;
}

template <std::uint16_t kInfinity>
std::uint16_t pick(std::uint16_t a, std::uint16_t b, bool propagate_nan, bool larger) {
  const bool nan_a = is_nan16<kInfinity>(a), nan_b = is_nan16<kInfinity>(b);
  if ((nan_a && nan_b) || (propagate_nan && (nan_a || nan_b))) return kNan16;
  if (nan_a) return b;
  if (nan_b) return a;
  return (order(a) < order(b)) == larger ? b : a;
}

}  // namespace

std::uint16_t relu16(std::uint16_t x) {
  // NaN results are canonical by now, and canonical ones are not negative.
  return x & 0x8000 ? 0 : x;
}
std::uint16_t saturate_f16(std::uint16_t x) {
  return f32_to_f16(saturate(f16_to_f32(x)));
}
std::uint16_t saturate_bf16(std::uint16_t x) {
  return f32_to_bf16(saturate(bf16_to_f32(x)));
}
std::uint16_t min_f16(std::uint16_t a, std::uint16_t b, bool nan) {
  return pick<0x7c00>(a, b, nan, false);
}
std::uint16_t max_f16(std::uint16_t a, std::uint16_t b, bool nan) {
  return pick<0x7c00>(a, b, nan, true);
}
std::uint16_t min_bf16(std::uint16_t a, std::uint16_t b, bool nan) {
  return pick<0x7f80>(a, b, nan, false);
}
std::uint16_t max_bf16(std::uint16_t a, std::uint16_t b, bool nan) {
  return pick<0x7f80>(a, b, nan, true);
}

}  // namespace bsgen::sim
