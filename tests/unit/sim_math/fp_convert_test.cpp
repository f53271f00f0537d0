// Conversions and 16-bit arithmetic against a search among all codes of the format.
#include "runtime/sim/exec/fp_convert.h"

#include <fmt/format.h>

#include <cmath>
#include <random>
#include <vector>

#include "tests/support/catch.h"
#include "tests/unit/sim_math/reference_float.h"

namespace bsgen::sim {
namespace {

constexpr Round kDirections[] = {Round::kNearest, Round::kZero, Round::kDown, Round::kUp,
                                 Round::kNearestAway};

bool is_nan16(std::uint32_t x, std::uint32_t infinity) {
  return (x & 0x7fff) > infinity;
}

// Every code's value, the midpoint to the next, and the doubles beside both.
std::vector<double> points_of(std::uint32_t code, FloatFormat f) {
  const double low = static_cast<double>(decode_magnitude(code, f)),
               high = static_cast<double>(decode_magnitude(code + 1, f));
  const double middle = low / 2 + high / 2;
  std::vector<double> points;
  for (const double x : {low, middle}) {
    for (const double y : {std::nextafter(x, -1.0), x, std::nextafter(x, 1e300)}) {
      points.push_back(y);
      points.push_back(-y);
    }
  }
  return points;
}

TEST_CASE("rounding_to_16_bits_is_exact_around_every_code_in_every_direction") {
  for (const FloatFormat f : {kF16Format, kBf16Format}) {
    const std::uint32_t infinity = ((1u << f.exponent_bits) - 1) << f.mantissa_bits;
    for (std::uint32_t code = 0; code < infinity; ++code) {
      for (const double x : points_of(code, f)) {
        for (const Round round : kDirections) {
          // The reference knows the code beside: no search.
          const std::uint32_t sign = std::signbit(x) ? 0x8000 : 0;
          const double m = std::fabs(x);
          const double low = static_cast<double>(decode_magnitude(code, f)),
                       high = static_cast<double>(decode_magnitude(code + 1, f));
          if (m < low) continue;  // the code before has it
          const bool negative = sign != 0;
          bool up = m > low &&
                    ((round == Round::kDown && negative) || (round == Round::kUp && !negative));
          if (round == Round::kNearest)
            up = m - low > high - m || (m - low == high - m && (code & 1));
          if (round == Round::kNearestAway) up = m - low >= high - m;
          const std::uint32_t expected = sign | (code + (up ? 1 : 0));
          const std::uint32_t got = round_to_format(x, f, round);
          if (got != expected)
            FAIL(fmt::format("{:a} direction {}: {:04x}, not {:04x}", x, static_cast<int>(round),
                             got, expected));
        }
      }
    }
  }
}

TEST_CASE("fast_conversions_to_16_bits_equal_the_general_ones") {
  std::mt19937 random(1);
  const auto check = [](std::uint32_t bits) {
    const float x = f32_of(bits);
    if (f32_to_f16(x) != f32_to_f16(x, Round::kNearest)) FAIL(fmt::format("f16 of {:08x}", bits));
    if (f32_to_bf16(x) != f32_to_bf16(x, Round::kNearest))
      FAIL(fmt::format("bf16 of {:08x}", bits));
    if (f32_to_tf32(x) != f32_to_tf32(x, Round::kNearestAway, false))
      FAIL(fmt::format("tf32 of {:08x}", bits));
    const double wide = x;
    if (is_nan_bits(bits)) return;
    if (bits_of(f64_to_f32_odd(wide)) != bits) FAIL(fmt::format("odd of {:08x}", bits));
  };
  for (int i = 0; i < 2'000'000; ++i) check(static_cast<std::uint32_t>(random()));
  for (std::uint32_t high = 0; high < 0x10000; ++high) {
    for (const std::uint32_t low :
         {0u, 1u, 0xfffu, 0x1000u, 0x1001u, 0x2fffu, 0x3000u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu}) {
      check(high << 16 | low);
    }
  }
}

TEST_CASE("widening_is_exact_for_every_16_bit_pattern") {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const double sign = bits & 0x8000 ? -1 : 1;
    const float h = f16_to_f32(static_cast<std::uint16_t>(bits)),
                b = bf16_to_f32(static_cast<std::uint16_t>(bits));
    const std::uint32_t magnitude = bits & 0x7fff;
    if (is_nan16(bits, 0x7c00)) {
      CHECK(h != h);
    } else {
      const double expected = magnitude == 0x7c00
                                  ? INFINITY
                                  : static_cast<double>(decode_magnitude(magnitude, kF16Format));
      if (h != sign * expected || std::signbit(h) != (sign < 0))
        FAIL(fmt::format("f16 {:04x}", bits));
      CHECK(f32_to_f16(h) == bits);
    }
    if (is_nan16(bits, 0x7f80)) {
      CHECK(b != b);
    } else {
      const double expected = magnitude == 0x7f80
                                  ? INFINITY
                                  : static_cast<double>(decode_magnitude(magnitude, kBf16Format));
      if (b != sign * expected || std::signbit(b) != (sign < 0))
        FAIL(fmt::format("bf16 {:04x}", bits));
      CHECK(f32_to_bf16(b) == bits);
    }
  }
}

TEST_CASE("nan_results_are_canonical") {
  for (const std::uint32_t nan : {0x7fc00000u, 0xffc12345u, 0x7f800001u, 0xffffffffu}) {
    const float x = f32_of(nan);
    CHECK(f32_to_f16(x) == 0x7fff);
    CHECK(f32_to_bf16(x) == 0x7fff);
    CHECK(f32_to_f16(x, Round::kZero) == 0x7fff);
    CHECK(f32_to_tf32(x) == 0x7fffffffu);
    CHECK(f32_to_e4m3(x) == 0x7f);
    CHECK(f32_to_e5m2(x) == 0x7f);
    CHECK(bits_of(round_to_integral(x, Round::kZero)) == 0x7fffffffu);
    CHECK(bits_of(saturate(x)) == 0);
    CHECK(is_nan_bits(bits_of(relu(x))));
  }
  CHECK(bits_of(relu(-0.f)) == 0);
  CHECK(relu(-3.f) == 0.f);
  CHECK(saturate(3.f) == 1.f);
  CHECK(bits_of(saturate(-0.f)) == 0);
}

TEST_CASE("tf32_rounds_half_away_from_zero_at_bit_13") {
  CHECK(f32_to_tf32(f32_of(0x3f800fffu)) == 0x3f800000u);
  CHECK(f32_to_tf32(f32_of(0x3f801000u)) == 0x3f802000u);  // a tie goes up
  CHECK(f32_to_tf32(f32_of(0xbf801000u)) == 0xbf802000u);  // and down where negative
  CHECK(f32_to_tf32(f32_of(0x3f801000u), Round::kNearest, false) == 0x3f800000u);
  CHECK(f32_to_tf32(f32_of(0x3f803000u), Round::kNearest, false) == 0x3f804000u);
  CHECK(f32_to_tf32(f32_of(0x3f801fffu), Round::kZero, false) == 0x3f800000u);
  CHECK(f32_to_tf32(f32_of(0x00001000u)) == 0x00002000u);  // subnormals too
  CHECK(f32_to_tf32(f32_of(0x7f7fffffu)) == 0x7f800000u);  // overflow is infinite
  CHECK(f32_to_tf32(f32_of(0x7f7fffffu), Round::kNearestAway, true) == 0x7f7fe000u);
  CHECK(f32_to_tf32(f32_of(0xff800000u)) == 0xff800000u);
}

TEST_CASE("fp8_conversions_round_to_nearest_even_and_saturate") {
  // e4m3 is the format with 4 and 3 bits whose top exponent holds numbers up to 448.
  const auto e4m3 = [](int code) {
    const int field = code >> 3, mantissa = code & 7;
    return field == 0 ? std::ldexp(mantissa, -9) : std::ldexp(8 + mantissa, field - 10);
  };
  for (int code = 0; code < 0x7f; ++code) {
    const double low = e4m3(code), high = e4m3(code + 1);
    CHECK(f16_to_f32(e4m3_to_f16(static_cast<std::uint8_t>(code))) == low);
    CHECK(f16_to_f32(e4m3_to_f16(static_cast<std::uint8_t>(code | 0x80))) == -low);
    CHECK(f32_to_e4m3(static_cast<float>(low)) == code);
    CHECK(f32_to_e4m3(static_cast<float>(-low)) == (code | 0x80));
    if (code == 0x7e) continue;
    const float middle = static_cast<float>((low + high) / 2);
    CHECK(f32_to_e4m3(middle) == (code & 1 ? code + 1 : code));
    CHECK(f32_to_e4m3(std::nextafter(middle, 0.f)) == code);
    CHECK(f32_to_e4m3(std::nextafter(middle, 1e9f)) == code + 1);
  }
  for (std::uint32_t code = 0; code < 0x7c; ++code) {
    const double low = static_cast<double>(decode_magnitude(code, kE5m2Format)),
                 high = static_cast<double>(decode_magnitude(code + 1, kE5m2Format));
    CHECK(f16_to_f32(e5m2_to_f16(static_cast<std::uint8_t>(code))) == low);
    CHECK(f32_to_e5m2(static_cast<float>(low)) == code);
    if (code == 0x7b) continue;
    const float middle = static_cast<float>((low + high) / 2);
    CHECK(f32_to_e5m2(middle) == (code & 1 ? code + 1 : code));
    CHECK(f32_to_e5m2(std::nextafter(middle, 1e9f)) == code + 1);
  }
  for (const float big : {449.f, 1e30f, INFINITY}) {
    CHECK(f32_to_e4m3(big) == 0x7e);
    CHECK(f32_to_e4m3(-big) == 0xfe);
  }
  for (const float big : {57345.f, 65536.f, INFINITY}) {
    CHECK(f32_to_e5m2(big) == 0x7b);
    CHECK(f32_to_e5m2(-big) == 0xfb);
  }
  CHECK(e4m3_to_f16(0x7f) == 0x7fff);
  CHECK(e4m3_to_f16(0xff) == 0x7fff);
  CHECK(e5m2_to_f16(0x7d) == 0x7fff);
  CHECK(e5m2_to_f16(0xfc) == 0xfc00);
}

// --- 16-bit arithmetic
// -----------------------------------------------------------------------------

std::uint32_t reference_result(Wide exact, double approximate, FloatFormat f, bool signed_zero) {
  if (approximate != approximate) return 0x7fff;
  if (std::isinf(approximate))
    return (approximate < 0 ? 0x8000u : 0u) | ((1u << f.exponent_bits) - 1) << f.mantissa_bits;
  if (exact == 0) return signed_zero ? 0x8000 : 0;
  return reference_round(exact, f, Round::kNearest);
}

// x + y where a Wide cannot hold both: what is far below only decides on which side of a tie the
// sum lies.
Wide exact_sum(Wide x, Wide y) {
  const Wide big = (x < 0 ? -x : x) > (y < 0 ? -y : y) ? x : y, small = big == x ? y : x;
  const Wide low = (big < 0 ? -big : big) * 0x1p-60;
  if (small == 0 || (small < 0 ? -small : small) > low * 0x1p-30) return x + y;
  return big + (small < 0 ? -low : low);
}

TEST_CASE("16_bit_arithmetic_rounds_once") {
  std::mt19937 random(3);
  for (const bool half : {true, false}) {
    const FloatFormat f = half ? kF16Format : kBf16Format;
    const auto value = [&](std::uint16_t x) { return half ? f16_to_f32(x) : bf16_to_f32(x); };
    const auto operand = [&] {
      const std::uint16_t x = static_cast<std::uint16_t>(random());
      // mostly within some binades of 1, so that sums do not just return one operand
      return random() % 4 == 0 ? x
                               : static_cast<std::uint16_t>(
                                     (x & 0x83ff) | (half ? 0x3000 : 0x3c00) | (x & 0x0c00));
    };
    for (int i = 0; i < 60'000; ++i) {
      const std::uint16_t a = operand(), b = operand();
      std::uint16_t c = operand();
      const float x = value(a), y = value(b);
      // every fourth sum nearly cancels
      if (i % 4 == 0) c = half ? f32_to_f16(-x * y) : f32_to_bf16(-x * y);
      const float z = value(c);
      const double dx = x, dy = y, dz = z;
      const std::uint16_t product = half ? mul_f16(a, b) : mul_bf16(a, b),
                          sum = half ? add_f16(a, b) : add_bf16(a, b);
      const std::uint16_t difference = half ? sub_f16(a, b) : sub_bf16(a, b),
                          fused = half ? fma_f16(a, b, c) : fma_bf16(a, b, c);
      CHECK(product ==
            reference_result(Wide(dx) * dy, dx * dy, f, std::signbit(x) != std::signbit(y)));
      CHECK(sum == reference_result(exact_sum(dx, dy), dx + dy, f, std::signbit(dx + dy)));
      CHECK(difference == reference_result(exact_sum(dx, -dy), dx - dy, f, std::signbit(dx - dy)));
      CHECK(fused == reference_result(exact_sum(Wide(dx) * dy, dz), dx * dy + dz, f,
                                      std::signbit(dx * dy + dz)));
    }
  }
}

TEST_CASE("fma_does_not_round_twice") {
  // 1 + 2^-11 is a tie between two f16; the addend decides, from far below what a double holds
  // beside it.
  const std::uint16_t one = 0x3c00, tie = f32_to_f16(0x1p-11f);
  CHECK(fma_f16(tie, one, one) == 0x3c00);
  CHECK(fma_f16(f32_to_f16(1 + 0x1p-10f), f32_to_f16(1 + 0x1p-10f), 0) == f32_to_f16(1 + 0x1p-9f));
  // bf16: 2^-133 * 1.5 would be rounded to a tie by float32 first
  CHECK(mul_bf16(f32_to_bf16(0x1.01p-100f), f32_to_bf16(0x1.fep-34f)) ==
        reference_round(Wide(0x1.01p-100) * 0x1.fep-34, kBf16Format, Round::kNearest));
  CHECK(mul_bf16(f32_to_bf16(0x1.02p-67f), f32_to_bf16(0x1.02p-67f)) ==
        1);                                                            // just above half of 2^-133
  CHECK(mul_bf16(f32_to_bf16(0x1p-67f), f32_to_bf16(0x1p-67f)) == 0);  // exactly half: to even
  // a product beside 2^-134 times an addend: the sum is above a tie by 2^-150
  const std::uint16_t big = f32_to_bf16(1.f), half_ulp = f32_to_bf16(0x1p-8f);
  CHECK(fma_bf16(f32_to_bf16(0x1p-60f), f32_to_bf16(0x1p-60f), big) == big);
  CHECK(fma_bf16(half_ulp, big, big) == big);
}

TEST_CASE("min_and_max_prefer_numbers_and_order_zeros") {
  CHECK(min_f16(0x0000, 0x8000) == 0x8000);
  CHECK(max_f16(0x8000, 0x0000) == 0x0000);
  CHECK(max_bf16(0x3f80, 0x7fff) == 0x3f80);
  CHECK(max_bf16(0x3f80, 0x7fff, true) == 0x7fff);
  CHECK(min_bf16(0x7fc0, 0x7f81) == 0x7fff);
  CHECK(min_f16(0xc000, 0x3c00) == 0xc000);
  CHECK(max_f16(0xc000, 0xbc00) == 0xbc00);
  CHECK(relu16(0x8000) == 0);
  CHECK(relu16(0x7fff) == 0x7fff);
  CHECK(saturate_f16(0x4000) == 0x3c00);
  CHECK(saturate_bf16(0x7fff) == 0);
}

// --- integers
// ----------------------------------------------------------------------------------------

TEST_CASE("float_to_integer_rounds_then_saturates") {
  CHECK(float_to_int<std::int32_t>(2.5f, Round::kNearest) == 2);
  CHECK(float_to_int<std::int32_t>(3.5f, Round::kNearest) == 4);
  CHECK(float_to_int<std::int32_t>(-2.5f, Round::kZero) == -2);
  CHECK(float_to_int<std::int32_t>(-2.5f, Round::kDown) == -3);
  CHECK(float_to_int<std::int32_t>(2.1f, Round::kUp) == 3);
  CHECK(float_to_int<std::int32_t>(3e9f, Round::kZero) == 2147483647);
  CHECK(float_to_int<std::int32_t>(-3e9f, Round::kZero) ==
        std::numeric_limits<std::int32_t>::min());
  CHECK(float_to_int<std::uint32_t>(-1.f, Round::kZero) == 0);
  CHECK(float_to_int<std::uint32_t>(INFINITY, Round::kZero) == 0xffffffffu);
  CHECK(float_to_int<std::int8_t>(200.f, Round::kNearest) == 127);
  CHECK(float_to_int<std::uint8_t>(254.5f, Round::kNearest) == 254);
  CHECK(float_to_int<std::int64_t>(0x1p63f, Round::kZero) ==
        std::numeric_limits<std::int64_t>::max());
  CHECK(float_to_int<std::uint64_t>(0x1p63f, Round::kZero) == 0x8000000000000000ull);
  CHECK(float_to_int<std::uint64_t>(0x1p64f, Round::kZero) == ~0ull);
  // PTX ISA, cvt: NaN is 0 for integers below 64 bits, the top bit for the others
  CHECK(float_to_int<std::int32_t>(NAN, Round::kZero) == 0);
  CHECK(float_to_int<std::uint64_t>(f32_of(kNanF32), Round::kZero) == 0x8000000000000000ull);
  CHECK(float_to_int<std::int32_t>(static_cast<double>(NAN), Round::kZero) ==
        std::numeric_limits<std::int32_t>::min());
}

TEST_CASE("integers_become_floats_with_one_rounding") {
  CHECK(s64_to_f32(16777217, Round::kNearest) == 16777216.f);
  CHECK(s64_to_f32(16777219, Round::kNearest) == 16777220.f);
  CHECK(s64_to_f32(16777217, Round::kUp) == 16777218.f);
  CHECK(s64_to_f32(-16777217, Round::kDown) == -16777218.f);
  CHECK(s64_to_f32(-16777217, Round::kUp) == -16777216.f);
  // 2^62 + 2^38 is a tie; the last bit lifts it, although a double would lose it
  CHECK(s64_to_f32((1ll << 62) + (1ll << 38), Round::kNearest) == 0x1p62f);
  CHECK(s64_to_f32((1ll << 62) + (1ll << 38) + 1, Round::kNearest) ==
        std::nextafter(0x1p62f, 1e30f));
  CHECK(u64_to_f32(~0ull, Round::kNearest) == 0x1p64f);
  CHECK(u64_to_f32(~0ull, Round::kZero) == std::nextafter(0x1p64f, 0.f));
  CHECK(f64_to_f32(1 + 0x1p-30, Round::kUp) == std::nextafter(1.f, 2.f));
  CHECK(f64_to_f32(-1e300, Round::kUp) == -std::numeric_limits<float>::max());
  CHECK(f64_to_f32(-1e300, Round::kDown) == -INFINITY);
}

TEST_CASE("rounding_to_an_integral_value_keeps_the_sign_of_zero") {
  CHECK(bits_of(round_to_integral(-0.3f, Round::kNearest)) == 0x80000000u);
  CHECK(bits_of(round_to_integral(-0.3f, Round::kUp)) == 0x80000000u);
  CHECK(round_to_integral(-0.3f, Round::kDown) == -1.f);
  CHECK(round_to_integral(2.5f, Round::kNearest) == 2.f);
  CHECK(round_to_integral(-2.7f, Round::kZero) == -2.f);
  CHECK(round_to_integral(1e30f, Round::kUp) == 1e30f);
}

}  // namespace
}  // namespace bsgen::sim
