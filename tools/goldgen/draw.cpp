#include "tools/goldgen/draw.h"

#include "compiler/support/hash.h"

namespace bsgen::goldens {

Drawer::Drawer(const std::string& name, Spread spread) : seed_(hash_text(name).low), spread_(spread) {}

// SplitMix64 (Steele, Lea, Flood 2014).
std::uint64_t Drawer::bits(std::uint64_t place) const {
  std::uint64_t x = seed_ + (place + 1) * 0x9e3779b97f4a7c15;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

std::uint32_t Drawer::number(std::uint64_t place, int exponent_bits, int mantissa_bits) const {
  const std::uint64_t drawn = bits(place);
  const std::uint32_t most = (1u << exponent_bits) - 1, sign = static_cast<std::uint32_t>(drawn & 1) << (exponent_bits + mantissa_bits);
  const auto mantissa = static_cast<std::uint32_t>(drawn >> 8) & ((1u << mantissa_bits) - 1);
  const auto pick = static_cast<std::uint32_t>(drawn >> 40);
  std::uint32_t exponent = (most >> 1) - 2 + pick % 5;
  if (exponent >= most) exponent = most - 1;
  if (spread_ == Spread::kWide) exponent = 1 + pick % (most - 1);
  if (spread_ == Spread::kEdge) {
    const std::uint32_t which = pick / 8 % 16;
    if (which < 5) return sign;                                           // zero
    if (which < 8) return sign | mantissa;                                // subnormal
    if (which < 11) return sign | (most - 1) << mantissa_bits | mantissa;  // huge
    if (which == 11) return sign | most << mantissa_bits;                 // infinity (NaN or a number in e4m3)
    if (which == 12) return sign | most << mantissa_bits | mantissa;
  }
  return sign | exponent << mantissa_bits | mantissa;
}

std::uint32_t Drawer::numbers(std::uint64_t place, int exponent_bits, int mantissa_bits) const {
  const int width = 1 + exponent_bits + mantissa_bits;
  std::uint32_t word = 0;
  for (int part = 0; part * width < 32; ++part) word |= number(place * 4 + static_cast<std::uint64_t>(part), exponent_bits, mantissa_bits) << (part * width);
  return word;
}

std::uint32_t Drawer::word(Draw draw, std::uint64_t place) const {
  switch (draw) {
    case Draw::kF32:
    case Draw::kTf32: return numbers(place, 8, 23);
    case Draw::kF16: return numbers(place, 5, 10);
    case Draw::kBf16: return numbers(place, 8, 7);
    case Draw::kE4m3: return numbers(place, 4, 3);
    case Draw::kE5m2: return numbers(place, 5, 2);
    case Draw::kIndex: return static_cast<std::uint32_t>(place) * 2 | (static_cast<std::uint32_t>(place) * 2 + 1) << 16;
    case Draw::kBits: break;
  }
  // Integers: small ones as often as any, for shifts and fields.
  const std::uint64_t drawn = bits(place * 4);
  return static_cast<std::uint32_t>(drawn) >> (drawn >> 40) % 32;
}

}  // namespace bsgen::goldens
