// Formats in a wide float, the slow and obvious way: the reference that conversions are tested
// against.
#pragma once

#include <cmath>
#include <cstdint>

#include "runtime/sim/exec/fp_convert.h"

namespace bsgen::sim {

// 113 bits of precision: every product of two 16-bit floats, and every f16 fma, is exact in it.
#if defined(__x86_64__)
using Wide = __float128;
#else
using Wide = long double;
#endif

// A non-negative code without its sign, decoded by the definition of the format.
inline Wide decode_magnitude(std::uint32_t code, FloatFormat f) {
  const int bias = (1 << (f.exponent_bits - 1)) - 1;
  const std::uint32_t field = code >> f.mantissa_bits,
                      mantissa = code & ((1u << f.mantissa_bits) - 1);
  const int exponent = (field == 0 ? 1 : static_cast<int>(field)) - bias - f.mantissa_bits;
  Wide value = field == 0 ? mantissa : mantissa | 1u << f.mantissa_bits;
  for (int i = 0; i < exponent; ++i) value *= 2;
  for (int i = 0; i > exponent; --i) value /= 2;
  return value;
}

// The code of a finite x, by search among all codes: the two neighbours, then the rule. The code
// after the largest finite one is infinity and, for rounding, stands where the next number would.
inline std::uint32_t reference_round(Wide x, FloatFormat f, Round round) {
  const bool negative = x < 0;
  const Wide magnitude = negative ? -x : x;
  const std::uint32_t infinity = ((1u << f.exponent_bits) - 1) << f.mantissa_bits;
  std::uint32_t low = 0, high = infinity;  // magnitude lies in [low, high), or beyond
  const std::uint32_t sign = negative ? 1u << (f.exponent_bits + f.mantissa_bits) : 0;
  while (high - low > 1) {
    const std::uint32_t middle = (low + high) / 2;
    (decode_magnitude(middle, f) <= magnitude ? low : high) = middle;
  }
  const Wide below = decode_magnitude(low, f), above = decode_magnitude(low + 1, f);
  if (below == magnitude) return sign | low;
  bool up = false;
  switch (round) {
    case Round::kNearest:
      up = magnitude - below > above - magnitude ||
           (magnitude - below == above - magnitude && (low & 1));
      break;
    case Round::kNearestAway:
      up = magnitude - below >= above - magnitude;
      break;
    case Round::kZero:
      break;
    case Round::kDown:
      up = negative;
      break;
    case Round::kUp:
      up = !negative;
      break;
  }
  return sign | (low + (up ? 1 : 0));
}

}  // namespace bsgen::sim
