// Operand formats of the tensor core: what one bit pattern is worth, and the exponent the hardware
// aligns it by.
#pragma once

#include <bit>
#include <cstdint>

#include "runtime/sim/exec/tensor_core.h"

namespace bsgen::sim {

// A format of which every value is a float32 value too. The exponent is the one that the tensor
// core sees: that of the leading bit for normal numbers, `min_exponent` for subnormal ones (they
// are not normalised).
struct OperandFormat {
  int bits;  // storage
  int exponent_bits;
  int mantissa_bits;  // stored, below the leading one
  int min_exponent;   // of normal numbers
  bool has_infinity;  // e4m3 has none, and NaN only with all bits set
};

constexpr OperandFormat format_of(MmaType type) {
  switch (type) {
    case MmaType::kF16:
      return {16, 5, 10, -14, true};
    case MmaType::kBf16:
      return {16, 8, 7, -126, true};
    case MmaType::kTf32:
      return {32, 8, 10, -126, true};
    case MmaType::kE4m3:
      return {8, 4, 3, -6, false};
    case MmaType::kE5m2:
      return {8, 5, 2, -14, true};
  }
  return {};
}

// Elements per 32-bit register lane.
constexpr int per_register(MmaType type) {
  return 32 / format_of(type).bits;
}

// Where fragments keep an element: PTX ISA, "Matrix Fragments for mma.m16n8kK". With E elements per
// register, four neighbouring lanes hold 4 E consecutive k of one row, and register pairs (r, r +
// 1) the rows g and g + 8:
//
//   A(row, k): register (row / 8) + 2 (k / 4E), lane 4 (row % 8) + (k % 4E) / E, element k % E
//   B(k, n):   register k / 4E,                 lane 4 n         + (k % 4E) / E, element k % E
//   C(row, n): register 2 (row / 8) + n % 2,    lane 4 (row % 8) + n / 2               (f32)
//              register row / 8,                lane 4 (row % 8) + n / 2, half n % 2   (f16)
struct FragmentIndex {
  int reg, lane, element;
};
constexpr FragmentIndex a_index(int e, int row, int k) {
  return {row / 8 + 2 * (k / (4 * e)), 4 * (row % 8) + k % (4 * e) / e, k % e};
}
constexpr FragmentIndex b_index(int e, int k, int n) {
  return {k / (4 * e), 4 * n + k % (4 * e) / e, k % e};
}
constexpr FragmentIndex c_index(AccType acc, int row, int n) {
  return acc == AccType::kF32 ? FragmentIndex{2 * (row / 8) + n % 2, 4 * (row % 8) + n / 2, 0}
                              : FragmentIndex{row / 8, 4 * (row % 8) + n / 2, n % 2};
}

// The float32 that equals the element `bits` (low bits of the word). tf32: the tensor core ignores
// the low 13 bits.
template <MmaType kType>
inline float decode(std::uint32_t bits) {
  constexpr OperandFormat f = format_of(kType);
  if constexpr (kType == MmaType::kTf32) return std::bit_cast<float>(bits & 0xffffe000u);
  if constexpr (kType == MmaType::kBf16) return std::bit_cast<float>(bits << 16);
  const std::uint32_t sign = (bits >> (f.bits - 1) & 1) << 31;
  const std::uint32_t magnitude = bits & ((1u << (f.bits - 1)) - 1);
  const std::uint32_t exponent = magnitude >> f.mantissa_bits;
  constexpr std::uint32_t kTop = (1u << f.exponent_bits) - 1;
  constexpr std::uint32_t kRebias = (127 - (1 - f.min_exponent)) << 23;
  if (f.has_infinity ? exponent == kTop : magnitude == 0x7f) {
    const std::uint32_t mantissa = (magnitude << (23 - f.mantissa_bits)) & 0x7fffff;
    return std::bit_cast<float>(sign | 0x7f800000u | mantissa);
  }
  if (exponent == 0) {  // subnormal: an integer times the smallest step, exact
    const float step = std::bit_cast<float>(
        static_cast<std::uint32_t>(127 + f.min_exponent - f.mantissa_bits) << 23);
    const float value = static_cast<float>(static_cast<int>(magnitude)) * step;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) | sign);
  }
  return std::bit_cast<float>(sign | ((magnitude << (23 - f.mantissa_bits)) + kRebias));
}

// Exponents as the vector code adds and compares them, two of them within 16 bits. A zero loses
// against every product, an infinity or NaN wins against every one (also times a zero), so one
// comparison of the maximum finds both.
inline constexpr int kZeroExponent = -8192;
inline constexpr int kSpecialExponent = 16000;

// The aligning exponent of an operand given as the float32 that equals it.
template <MmaType kType>
inline int exponent_of(float value) {
  constexpr int kMin = format_of(kType).min_exponent;
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const int biased = static_cast<int>(bits >> 23 & 255);
  if (biased == 255) return kSpecialExponent;
  if ((bits & 0x7fffffffu) == 0) return kZeroExponent;
  return biased - 127 > kMin ? biased - 127 : kMin;
}

}  // namespace bsgen::sim
