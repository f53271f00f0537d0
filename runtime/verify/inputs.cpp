// Values of operands, and the conversions between fp32 and the narrower types, in integer arithmetic.
#include <bit>
#include <cmath>

#include "compiler/support/philox.h"
#include "runtime/verify/verify.h"

namespace bsgen::verify {

float input_value(std::uint64_t seed, std::uint32_t tensor, std::uint64_t index) {
  const PhiloxBlock block =
      philox4x32({static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32), tensor, 0}, seed);
  std::int32_t sum = 0;
  for (const std::uint32_t word : block) sum += static_cast<std::int32_t>((word & 0xffff) + (word >> 16));
  constexpr std::int32_t kMean = 8 * 65535 / 2;
  // sqrt(1.5) to nearest fp32, over 2^16: a uniform on [0, 1) has variance 1/12, eight of them 2/3.
  constexpr float kScale = 0x1.3988e2p+0f * 0x1p-16f;
  return static_cast<float>(sum - kMean) * kScale;  // |sum - mean| < 2^24: the conversion is exact
}

std::uint16_t to_fp16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint16_t sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000);
  const std::uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return 0x7fff;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;  // 65520 and more round to infinity
  if (magnitude < 0x38800000) {                       // below 2^-14: a multiple of 2^-24
    // Adding 0.5 leaves 24 - 1 bits below the binary point 2^-1: ulp 2^-24, rounded to nearest even by the adder.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return sign | static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(shifted) - 0x3f000000);
  }
  const std::uint32_t rounded = magnitude + 0xfff + (magnitude >> 13 & 1);
  return sign | static_cast<std::uint16_t>((rounded >> 13) - (112 << 10));
}

float from_fp16(std::uint16_t bits) {
  const std::uint32_t sign = (bits & 0x8000u) << 16;
  const std::uint32_t exponent = bits >> 10 & 31, fraction = bits & 1023u;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
  if (exponent == 0) {
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

std::uint16_t to_bf16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fff;
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

float from_bf16(std::uint16_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }

float round_tf32(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7f800000) == 0x7f800000) return value;
  return std::bit_cast<float>((bits + 0x1000) & ~std::uint32_t{0x1fff});  // the carry may reach the exponent, as it should
}

}  // namespace bsgen::verify
