// How far an approximate instruction's result may lie from the true value, as the PTX ISA gives it, and whether two answers can both be right.
#pragma once

#include <cstdint>

namespace bsgen::goldens {

struct Bound {
  double ulps = 0, relative = 0, absolute = 0;  // the widest of those given holds
  enum class Format : std::uint8_t { kF32, kF16, kBf16 } format = Format::kF32;  // of the result: 16-bit ones lie in a word's low half
  bool flushes = false;                         // subnormal results become zero
};

// The simulated device rounds the true value once: it may lie one ulp from it, the GPU as far as the bound says.
bool can_both_be_right(const Bound& bound, std::uint32_t simulated, std::uint32_t recorded);

}  // namespace bsgen::goldens
