// Approximate functions: special values, division, 16-bit forms (PTX ISA 8.7, 9.7.3.8, 9.7.4.9 and 9.7.4.10). The f32 functions of one
// argument are swept in approx_sweep_test.cpp.
#include "runtime/sim/exec/approx.h"

#include <fmt/format.h>

#include <cmath>
#include <random>

#include "tests/support/catch.h"

namespace bsgen::sim {
namespace {

double ulp(double x) {
  const int exponent = std::max(std::ilogb(std::fabs(x)), -126);
  return std::ldexp(1.0, exponent - 23);
}

TEST_CASE("ex2_depends_on_the_fraction_and_scales") {
  std::mt19937 random(2);
  for (int i = 0; i < 200'000; ++i) {
    const float fraction =
        static_cast<float>(random() >> 14) * 0x1p-18f;  // 18 bits: exact beside any integer below
    const float base = ex2_approx<kFtz>(fraction);
    const int n = static_cast<int>(random() % 60) - 30;
    CHECK(ex2_approx<kFtz>(fraction + static_cast<float>(n)) == std::ldexp(base, n));
  }
  for (int n = -126; n < 128; ++n)
    CHECK(ex2_approx<kFtz>(static_cast<float>(n)) == std::ldexp(1.f, n));
}

TEST_CASE("sin_and_cos_of_any_number_lie_within_one") {
  std::mt19937 random(17);
  for (int i = 0; i < 200'000; ++i) {
    const float x = f32_of(static_cast<std::uint32_t>(random()) & 0x7f7fffffu);
    CHECK((std::fabs(sin_approx(x)) <= 1.f && std::fabs(cos_approx(x)) <= 1.f));
  }
}

TEST_CASE("division_is_within_2_ulp") {
  std::mt19937 random(4);
  for (int i = 0; i < 1'000'000; ++i) {
    const float a = f32_of(static_cast<std::uint32_t>(random())),
                b = f32_of(static_cast<std::uint32_t>(random()));
    if (a != a || b != b || std::isinf(a) || std::isinf(b) || b == 0) continue;
    const long double exact = static_cast<long double>(a) / b;
    if (std::fabs(static_cast<double>(exact)) > std::numeric_limits<float>::max()) continue;
    const double bound = 2 * ulp(static_cast<double>(exact));
    if (!(std::fabs(static_cast<double>(div_full(a, b) - exact)) <= bound)) FAIL(fmt::format("div.full({:a}, {:a}) = {:a}", a, b, div_full(a, b)));
    if (std::fabs(b) < 0x1p-126f || std::fabs(b) > 0x1p126f) continue;
    if (!(std::fabs(static_cast<double>(div_approx(a, b) - exact)) <= bound)) FAIL(fmt::format("div.approx({:a}, {:a}) = {:a}", a, b, div_approx(a, b)));
  }
  CHECK(bits_of(div_approx(INFINITY, 0x1.8p126f)) == kNanF32);
  CHECK(bits_of(div_approx(1.f, -0x1.8p126f)) == 0x80000000u);
  CHECK(div_full(0x1p127f, 0x1.8p127f) == 0x1.555556p-1f);
}

TEST_CASE("special_values_follow_the_ptx_isa") {
  const float inf = INFINITY, nan = f32_of(0xffc12345u), subnormal = 0x1p-140f;
  CHECK(bits_of(rcp_approx(-inf)) == 0x80000000u);
  CHECK(rcp_approx(-0.f) == -inf);
  CHECK(rcp_approx(0.f) == inf);
  CHECK(bits_of(rcp_approx(inf)) == 0);
  CHECK(rcp_approx<kFtz>(subnormal) == inf);
  CHECK(bits_of(rcp_approx<kFtz>(-0x1p127f)) == 0x80000000u);  // the result would be subnormal
  CHECK(rcp_approx(0x1p127f) == 0x1p-127f);

  CHECK(bits_of(sqrt_approx(-1.f)) == kNanF32);
  CHECK(bits_of(sqrt_approx(-inf)) == kNanF32);
  CHECK(bits_of(sqrt_approx(-0.f)) == 0x80000000u);
  CHECK(sqrt_approx(inf) == inf);
  CHECK(rsqrt_approx(-0.f) == -inf);
  CHECK(rsqrt_approx(0.f) == inf);
  CHECK(bits_of(rsqrt_approx(inf)) == 0);
  CHECK(bits_of(rsqrt_approx(-subnormal)) == kNanF32);
  CHECK(rsqrt_approx<kFtz>(-subnormal) == -inf);

  CHECK(bits_of(ex2_approx(-inf)) == 0);
  CHECK(ex2_approx(-0.f) == 1.f);
  CHECK(ex2_approx(inf) == inf);
  CHECK(ex2_approx(subnormal) == 1.f);
  CHECK(ex2_approx(-149.f) == 0x1p-149f);
  CHECK(bits_of(ex2_approx<kFtz>(-127.f)) == 0);

  CHECK(bits_of(lg2_approx(-1.f)) == kNanF32);
  CHECK(lg2_approx(0.f) == -inf);
  CHECK(lg2_approx(-0.f) == -inf);
  CHECK(lg2_approx(inf) == inf);
  CHECK(lg2_approx(0x1p-149f) == -149.f);
  CHECK(lg2_approx<kFtz>(subnormal) == -inf);
  CHECK(bits_of(lg2_approx(1.f)) == 0);

  CHECK(bits_of(sin_approx(-0.f)) == 0x80000000u);
  CHECK(bits_of(sin_approx(0.f)) == 0);
  CHECK(cos_approx(-0.f) == 1.f);
  CHECK(bits_of(sin_approx(inf)) == kNanF32);
  CHECK(bits_of(cos_approx(-inf)) == kNanF32);

  CHECK(tanh_approx(inf) == 1.f);
  CHECK(tanh_approx(-inf) == -1.f);
  CHECK(bits_of(tanh_approx(-0.f)) == 0x80000000u);
  CHECK(tanh_approx(subnormal) == subnormal);

  for (const auto f :
       {rcp_approx<false>, sqrt_approx<false>, rsqrt_approx<false>, ex2_approx<false>,
        lg2_approx<false>, sin_approx<false>, cos_approx<false>, rcp_approx<true>,
        sqrt_approx<true>, rsqrt_approx<true>, ex2_approx<true>, lg2_approx<true>}) {
    CHECK(bits_of(f(nan)) == kNanF32);
  }
  CHECK(bits_of(tanh_approx(nan)) == kNanF32);
  CHECK(bits_of(div_full(0.f, 0.f)) == kNanF32);
  CHECK(div_full(1.f, -0.f) == -inf);
}

TEST_CASE("16_bit_forms_are_within_their_bounds_for_every_pattern") {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const std::uint16_t x = static_cast<std::uint16_t>(bits);
    const float h = f16_to_f32(x), b = bf16_to_f32(x);
    if (h == h && std::fabs(h) < 100000.f) {
      const double exact = std::exp2(static_cast<double>(h)), y = f16_to_f32(ex2_approx_f16(x));
      if (exact < 65520)
        CHECK(std::fabs(y - exact) <= std::max(std::pow(2, -9.9) * exact, 0x1p-25));
      CHECK(std::fabs(f16_to_f32(tanh_approx_f16(x)) - std::tanh(static_cast<double>(h))) <=
            std::pow(2, -10.987));
    }
    if (b == b && std::fabs(b) < 1e38f) {
      const double exact = std::exp2(static_cast<double>(b)), y = bf16_to_f32(ex2_approx_bf16(x));
      if (exact < 3.38e38 && exact >= 0x1p-126) CHECK(std::fabs(y - exact) <= 0x1p-7 * exact);
      if (exact < 0x1p-127) CHECK(y == 0);
      CHECK(std::fabs(bf16_to_f32(tanh_approx_bf16(x)) - std::tanh(static_cast<double>(b))) <=
            0x1p-8);
    }
  }
  CHECK(ex2_approx_f16(0x7e01) == 0x7fff);
  CHECK(tanh_approx_bf16(0xff80) == 0xbf80);
}

}  // namespace
}  // namespace bsgen::sim
