// cvt in the forms that have no vector loop: any pair of types, any modifier, in the order of the PTX ISA (section "cvt").
#pragma once

#include "runtime/sim/exec/fp_convert.h"
#include "runtime/sim/exec/scalar_ops.h"

namespace bsgen::sim::scalar {

struct Conversion {
  ptx::ScalarType to = ptx::ScalarType::kNone, from = ptx::ScalarType::kNone;
  Round round = Round::kNearest;
  bool integral = false, ftz = false, sat = false, relu = false, satfinite = false;
  std::int64_t encode() const;
  static Conversion decode(std::int64_t bits);
};

// One value; immediate = a Conversion.
std::uint64_t convert(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::int64_t conversion);

// Pairs of fp8: to e4m3 or e5m2 from two f32 (a goes to the upper half) or from f16x2, and back. Op::immediate = these bits.
enum Fp8Mode : std::int64_t { kE5m2 = 1, kFromF16 = 2, kWithRelu = 4 };
std::uint64_t to_fp8_pair(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::int64_t mode);
std::uint64_t from_fp8_pair(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::int64_t mode);

}  // namespace bsgen::sim::scalar
