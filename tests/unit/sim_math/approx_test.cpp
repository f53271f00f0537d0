// Approximate functions: within the error that the PTX ISA documents, against long double
// references computed here.
#include "runtime/sim/exec/approx.h"

#include <fmt/format.h>

#include <cmath>
#include <random>

#include "tests/support/catch.h"

namespace bsgen::sim {
namespace {

constexpr double kPi = 3.14159265358979323846;

// Calls f on `count` floats with every exponent alike, both signs, subnormals included.
template <class F>
void for_many_floats(int count, F f) {
  std::mt19937 random(17);
  for (int i = 0; i < count; ++i) {
    const std::uint32_t bits = static_cast<std::uint32_t>(random());
    if ((bits & 0x7f800000u) != 0x7f800000u) f(f32_of(bits));
  }
}
// And on those between low and high, evenly.
template <class F>
void for_range(double low, double high, int count, F f) {
  for (int i = 0; i <= count; ++i) f(static_cast<float>(low + (high - low) * i / count));
}

double ulp(double x) {
  const int exponent = std::max(std::ilogb(std::fabs(x)), -126);
  return std::ldexp(1.0, exponent - 23);
}

void check_relative(const char* what, float x, float y, long double exact, double bound) {
  // A result in the subnormal range, or rounded to infinity, is as good as its format.
  const double slack = ulp(static_cast<double>(exact)) * 0.5;
  if (std::fabs(static_cast<double>(exact)) > std::numeric_limits<float>::max()) return;
  const double error = std::fabs(static_cast<double>(y - exact));
  if (!(error <= std::max(bound * std::fabs(static_cast<double>(exact)), slack))) {
    FAIL(fmt::format("{}({:a}) = {:a}, exactly {:a}", what, x, y, static_cast<double>(exact)));
  }
}

TEST_CASE("rcp_sqrt_and_rsqrt_are_within_their_bounds") {
  for_many_floats(2'000'000, [](float x) {
    if (x == 0) return;
    check_relative("rcp", x, rcp_approx(x), 1.0L / x, 0x1p-23);
    const float m = std::fabs(x);
    check_relative("sqrt", m, sqrt_approx(m), std::sqrt(static_cast<long double>(m)), 0x1p-23);
    check_relative("rsqrt", m, rsqrt_approx(m), 1.0L / std::sqrt(static_cast<long double>(m)),
                   std::pow(2, -22.9));
  });
}

TEST_CASE("ex2_is_within_2_ulp_everywhere") {
  const auto check = [](float x) {
    const long double exact = std::exp2(static_cast<long double>(x));
    const float y = ex2_approx(x);
    if (exact >= 0x1p128L) {
      CHECK(y == INFINITY);
    } else if (std::fabs(static_cast<double>(y - exact)) >
               2 * ulp(std::max(static_cast<double>(exact), 0x1p-149))) {
      FAIL(fmt::format("ex2({:a}) = {:a}", x, y));
    }
  };
  for_many_floats(1'000'000, check);
  for_range(-160, 130, 2'000'000, check);
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

TEST_CASE("lg2_is_within_its_bounds") {
  const auto check = [](float x) {
    if (!(x > 0)) return;
    const long double exact = std::log2(static_cast<long double>(x));
    const double error = std::fabs(static_cast<double>(lg2_approx(x) - exact));
    const double bound =
        x > 0.5f && x < 2.f ? 0x1p-22 : 0x1p-22 * std::fabs(static_cast<double>(exact));
    if (!(error <= bound)) FAIL(fmt::format("lg2({:a}) = {:a}", x, lg2_approx(x)));
  };
  for_many_floats(1'000'000, check);
  for_range(0.5, 2, 1'000'000, check);
}

TEST_CASE("sin_and_cos_are_within_their_bounds") {
  const auto check = [](float x) {
    const double bound = std::fabs(x) <= 2 * kPi ? std::pow(2, -20.9) : std::pow(2, -14.7);
    const double sine =
        std::fabs(static_cast<double>(sin_approx(x) - std::sin(static_cast<long double>(x))));
    const double cosine =
        std::fabs(static_cast<double>(cos_approx(x) - std::cos(static_cast<long double>(x))));
    if (!(sine <= bound && cosine <= bound)) FAIL(fmt::format("sin or cos of {:a}", x));
  };
  for_range(-2 * kPi, 2 * kPi, 500'000, check);
  for_range(-100 * kPi, 100 * kPi, 500'000, check);
  for_many_floats(200'000, [](float x) {
    CHECK((std::fabs(sin_approx(x)) <= 1.f && std::fabs(cos_approx(x)) <= 1.f));
  });
}

TEST_CASE("tanh_is_within_its_bounds") {
  const auto check = [](float x) {
    const long double exact = std::tanh(static_cast<long double>(x));
    check_relative("tanh", x, tanh_approx(x), exact, 0x1p-22);  // the PTX ISA asks for 2^-11
  };
  for_many_floats(1'000'000, check);
  for_range(-12, 12, 1'000'000, check);
}

TEST_CASE("division_is_within_2_ulp") {
  std::mt19937 random(4);
  for (int i = 0; i < 1'000'000; ++i) {
    const float a = f32_of(static_cast<std::uint32_t>(random())),
                b = f32_of(static_cast<std::uint32_t>(random()));
    if (a != a || b != b || std::isinf(a) || std::isinf(b) || b == 0) continue;
    const long double exact = static_cast<long double>(a) / b;
    check_relative("div.full", a, div_full(a, b), exact, 0x1p-22);
    if (std::fabs(b) >= 0x1p-126f && std::fabs(b) <= 0x1p126f)
      check_relative("div.approx", a, div_approx(a, b), exact, 0x1p-22);
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
