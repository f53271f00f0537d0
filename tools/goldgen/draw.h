// Words of input, drawn from a case's name: the same wherever and whenever they are drawn.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/goldgen/cases.h"

namespace bsgen::goldens {

class Drawer {
 public:
  Drawer(const std::string& name, Spread spread);
  std::uint32_t word(Draw draw, std::uint64_t place) const;

 private:
  std::uint64_t bits(std::uint64_t place) const;
  // A float of these widths.
  std::uint32_t number(std::uint64_t place, int exponent_bits, int mantissa_bits) const;
  std::uint32_t numbers(std::uint64_t place, int exponent_bits, int mantissa_bits) const;  // as many as fill a word

  std::uint64_t seed_;
  Spread spread_;
};

}  // namespace bsgen::goldens
