#include "runtime/sim/exec/scalar_convert.h"

#include <limits>

namespace bsgen::sim::scalar {
namespace {

using ptx::ScalarType;
using U = std::uint64_t;
using Int = __int128;

bool is_int(ScalarType type) { return type >= ScalarType::kU8 && type <= ScalarType::kS64; }
double flushed(double x) { return std::fabs(x) < 0x1p-126 ? std::copysign(0.0, x) : x; }

double widen(ScalarType from, U a) {
  switch (from) {
    case ScalarType::kF16: return static_cast<double>(f16_to_f32(static_cast<std::uint16_t>(a)));
    case ScalarType::kBf16: return static_cast<double>(bf16_to_f32(static_cast<std::uint16_t>(a)));
    case ScalarType::kF32: return static_cast<double>(f32_of(static_cast<std::uint32_t>(a)));
    default: return std::bit_cast<double>(a);
  }
}

double to_whole(double x, Round round) {
  switch (round) {
    case Round::kNearest: return std::nearbyint(x);
    case Round::kNearestAway: return std::round(x);
    case Round::kZero: return std::trunc(x);
    case Round::kDown: return std::floor(x);
    case Round::kUp: return std::ceil(x);
  }
  return x;
}

// An integer as the double that rounds like it: exact, or odd with its upper 53 bits (every other format has fewer by far).
double odd_double(Int value) {
  const bool negative = value < 0;
  const auto magnitude = static_cast<unsigned __int128>(negative ? -value : value);
  U top = static_cast<U>(magnitude);
  double scale = 1;
  if (top >> 53) {
    top = top >> 12 | ((top & 0xfff) != 0);
    scale = 4096;
  }
  return (negative ? -1.0 : 1.0) * static_cast<double>(top) * scale;
}
double rounded_double(Int value, Round round) {
  const bool negative = value < 0;
  const U magnitude = static_cast<U>(negative ? -value : value);
  int shift = 0;
  while (magnitude >> shift >> 53) ++shift;
  U kept = magnitude >> shift;
  const U rest = magnitude - (kept << shift), half = shift > 0 ? U{1} << (shift - 1) : 1;
  const bool up = round == Round::kNearest ? rest > half || (rest == half && shift > 0 && (kept & 1))
                  : round == Round::kUp    ? rest != 0 && !negative
                  : round == Round::kDown  ? rest != 0 && negative
                                           : false;
  kept += up;
  const double made = std::ldexp(static_cast<double>(kept), shift);
  return negative ? -made : made;
}

FloatFormat format_of_result(ScalarType to) {
  return to == ScalarType::kF16 ? kF16Format : to == ScalarType::kBf16 ? kBf16Format : to == ScalarType::kTf32 ? kTf32Format : kF32Format;
}

U to_float(const Conversion& how, double x, Int integer) {
  if (how.to == ScalarType::kF64) {
    double made = is_int(how.from) ? rounded_double(integer, how.round) : x;
    if (how.sat) made = made > 0 ? (made < 1 ? made : 1.0) : 0.0;
    return made != made ? 0x7fffffffffffffffull : std::bit_cast<U>(made);
  }
  if (how.relu && std::signbit(x) && x == x) x = 0;
  if (how.sat) x = x > 0 ? (x < 1 ? x : 1.0) : 0.0;
  const FloatFormat format = format_of_result(how.to);
  U made = round_to_format(x, format, how.round);
  const U top = ((U{1} << format.exponent_bits) - 1) << format.mantissa_bits, sign = U{1} << (format.exponent_bits + format.mantissa_bits);
  if (how.satfinite && (made & (sign - 1)) == top) --made;
  if (how.ftz && how.to == ScalarType::kF32 && (made & top) == 0) made &= sign;
  if (how.to != ScalarType::kTf32) return made;
  return (made & (sign - 1)) > top ? U{kNanF32} : made << 13;
}

template <class T>
U clamped(double x, Round round) { return static_cast<U>(static_cast<Int>(float_to_int<T>(x, round))); }
// NaN gives 0 unless the integer or the float has 64 bits, so narrow sources go as float.
template <class T>
U float_to_integer(const Conversion& how, double x) {
  return how.from == ScalarType::kF64 ? clamped<T>(x, how.round)
                                      : static_cast<U>(static_cast<Int>(float_to_int<T>(static_cast<float>(x), how.round)));
}

Int as_integer(ScalarType type, U a) {
  switch (type) {
    case ScalarType::kU8: return static_cast<std::uint8_t>(a);
    case ScalarType::kU16: return static_cast<std::uint16_t>(a);
    case ScalarType::kU32: return static_cast<std::uint32_t>(a);
    case ScalarType::kU64: return a;
    case ScalarType::kS8: return static_cast<std::int8_t>(a);
    case ScalarType::kS16: return static_cast<std::int16_t>(a);
    case ScalarType::kS32: return static_cast<std::int32_t>(a);
    default: return static_cast<std::int64_t>(a);
  }
}

U to_integer(const Conversion& how, double x) {
  switch (how.to) {
    case ScalarType::kU8: return float_to_integer<std::uint8_t>(how, x);
    case ScalarType::kU16: return float_to_integer<std::uint16_t>(how, x);
    case ScalarType::kU32: return float_to_integer<std::uint32_t>(how, x);
    case ScalarType::kU64: return float_to_integer<std::uint64_t>(how, x);
    case ScalarType::kS8: return float_to_integer<std::int8_t>(how, x);
    case ScalarType::kS16: return float_to_integer<std::int16_t>(how, x);
    case ScalarType::kS32: return float_to_integer<std::int32_t>(how, x);
    default: return float_to_integer<std::int64_t>(how, x);
  }
}

}  // namespace

std::int64_t Conversion::encode() const {
  return static_cast<std::int64_t>(to) | static_cast<std::int64_t>(from) << 8 | static_cast<std::int64_t>(round) << 16 | integral << 20 | ftz << 21 |
         sat << 22 | relu << 23 | satfinite << 24;
}
Conversion Conversion::decode(std::int64_t bits) {
  const auto bit = [&](int at) { return (bits >> at & 1) != 0; };
  return {static_cast<ScalarType>(bits & 0xff),
          static_cast<ScalarType>(bits >> 8 & 0xff),
          static_cast<Round>(bits >> 16 & 15),
          bit(20),
          bit(21),
          bit(22),
          bit(23),
          bit(24)};
}

U convert(U a, U, U, std::int64_t conversion) {
  const Conversion how = Conversion::decode(conversion);
  if (is_int(how.from)) {
    const Int value = as_integer(how.from, a);
    return to_float(how, odd_double(value), value);
  }
  double x = widen(how.from, a);
  if (how.ftz && how.from == ScalarType::kF32) x = flushed(x);
  if (is_int(how.to)) return to_integer(how, x);
  if (how.integral && x == x) x = std::copysign(to_whole(x, how.round), x);
  return to_float(how, x, 0);
}

U to_fp8_pair(U a, U b, U, std::int64_t mode) {
  float upper = f32_of(static_cast<std::uint32_t>(a)), lower = f32_of(static_cast<std::uint32_t>(b));
  if (mode & kFromF16) {
    upper = f16_to_f32(static_cast<std::uint16_t>(a >> 16));
    lower = f16_to_f32(static_cast<std::uint16_t>(a));
  }
  const auto one = [&](float x) {
    if (mode & kWithRelu) x = relu(x);
    return mode & kE5m2 ? f32_to_e5m2(x) : f32_to_e4m3(x);
  };
  return U{one(upper)} << 8 | one(lower);
}

U from_fp8_pair(U a, U, U, std::int64_t mode) {
  const auto one = [&](U byte) {
    const auto code = static_cast<std::uint8_t>(byte);
    const std::uint16_t made = mode & kE5m2 ? e5m2_to_f16(code) : e4m3_to_f16(code);
    return U{mode & kWithRelu ? relu16(made) : made};
  };
  return one(a >> 8) << 16 | one(a);
}

}  // namespace bsgen::sim::scalar
