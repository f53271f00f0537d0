#include "tools/goldgen/bound.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bsgen::goldens {
namespace {

struct Shape {
  int exponent_bits, mantissa_bits;
};
Shape shape_of(Bound::Format format) {
  switch (format) {
    case Bound::Format::kF16: return {5, 10};
    case Bound::Format::kBf16: return {8, 7};
    default: return {8, 23};
  }
}
int bias(Shape shape) { return (1 << (shape.exponent_bits - 1)) - 1; }

// Infinity counts as the next power of two, so that an overflow a hair early is judged like any other error.
double value_of(std::uint32_t bits, Shape shape) {
  const auto exponent = static_cast<int>(bits >> shape.mantissa_bits & ((1u << shape.exponent_bits) - 1)), most = (1 << shape.exponent_bits) - 1;
  const std::uint32_t mantissa = bits & ((1u << shape.mantissa_bits) - 1), sign = bits >> (shape.exponent_bits + shape.mantissa_bits) & 1;
  if (exponent == most && mantissa != 0) return std::numeric_limits<double>::quiet_NaN();
  const double significand = mantissa + (exponent > 0 ? std::ldexp(1.0, shape.mantissa_bits) : 0.0);
  const double magnitude = std::ldexp(significand, std::max(exponent, 1) - bias(shape) - shape.mantissa_bits);
  return sign ? -magnitude : magnitude;
}

}  // namespace

bool can_both_be_right(const Bound& bound, std::uint32_t simulated, std::uint32_t recorded) {
  if (simulated == recorded) return true;
  const Shape shape = shape_of(bound.format);
  if (bound.format != Bound::Format::kF32 && (simulated ^ recorded) >> 16 != 0) return false;
  const double a = value_of(simulated, shape), b = value_of(recorded, shape);
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  const double size = std::max(std::fabs(a), std::fabs(b)), least = std::ldexp(1.0, 1 - bias(shape));
  const double ulp = std::ldexp(1.0, std::ilogb(std::max(size, least)) - shape.mantissa_bits);
  const double allowed = std::max({bound.ulps * ulp, bound.relative * size, bound.absolute}) + ulp;
  if (bound.flushes && std::min(std::fabs(a), std::fabs(b)) == 0 && size <= least + allowed) return true;
  return std::fabs(a - b) <= allowed;
}

}  // namespace bsgen::goldens
