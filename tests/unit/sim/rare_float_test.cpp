// Floating-point instructions that kernels rarely have, against a wide float: 16-bit .ftz, signs by xor, three operands, pairs, mixed types.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"
#include "tests/unit/sim_math/reference_float.h"

namespace bsgen::sim::test {
namespace {

using U = std::uint64_t;
float f(U x) {
  return __builtin_bit_cast(float, static_cast<std::uint32_t>(x));
}
U bits(float x) {
  return std::isnan(x) ? 0x7fffffff : __builtin_bit_cast(std::uint32_t, x);
}
float flush(float x) {
  return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0f, x) : x;
}
const Inputs& floats() {
  static const Inputs kInputs = pairs(f32_edges(), 100, 31);
  return kInputs;
}
// Pairs of 16-bit values: subnormals, the edges of f16 and of bf16, NaN, anything.
const Inputs& halves() {
  static const Inputs kInputs = [] {
    std::vector<U> edges;
    for (U x : {0x0000, 0x8000, 0x0001, 0x03ff, 0x0400, 0x8001, 0x3c00, 0xbc01, 0x7bff, 0x7c00, 0xfc00, 0x7e00, 0x3f80, 0x7f7f, 0x7f80, 0xffc1,
                0x0080, 0x4248})
      edges.push_back(x | (x ^ 0x1234) << 16);
    return pairs(edges, 100, 32);
  }();
  return kInputs;
}

// One 16-bit float by its definition.
struct Half {
  FloatFormat format;
  bool nan(U x) const { return (x & 0x7fff) > infinity(); }
  U infinity() const { return ((U{1} << format.exponent_bits) - 1) << format.mantissa_bits; }
  U flushed(U x, bool ftz) const { return ftz && (x & infinity()) == 0 ? x & 0x8000 : x & 0xffff; }
  double value(U x) const {
    if ((x & 0x7fff) == infinity()) return x & 0x8000 ? -INFINITY : INFINITY;
    const double magnitude = static_cast<double>(decode_magnitude(static_cast<std::uint32_t>(x & 0x7fff), format));
    return x & 0x8000 ? -magnitude : magnitude;
  }
  // a b + c, exact but for one rounding
  U fused(U a, U b, U c, bool ftz) const {
    a = flushed(a, ftz), b = flushed(b, ftz), c = flushed(c, ftz);
    if (nan(a) || nan(b) || nan(c)) return 0x7fff;
    const double special = value(a) * value(b) + value(c);
    if (std::isnan(special)) return 0x7fff;
    if (std::isinf(special)) return infinity() | (special < 0 ? 0x8000 : 0);
    const Wide exact = static_cast<Wide>(value(a)) * static_cast<Wide>(value(b)) + static_cast<Wide>(value(c));
    if (exact == 0) return flushed(std::signbit(special) ? 0x8000 : 0, ftz);
    return flushed(reference_round(exact, format, Round::kNearest), ftz);
  }
};
constexpr U kOne16 = 0x3c00, kOneBf16 = 0x3f80;

template <class F>
U both(U a, U b, U c, F apply) {
  return apply(a & 0xffff, b & 0xffff, c & 0xffff) | apply(a >> 16 & 0xffff, b >> 16 & 0xffff, c >> 16 & 0xffff) << 16;
}

TEST_CASE("16_bit_arithmetic_with_ftz_flushes_operands_and_result") {
  const Half half{{5, 10}};
  const auto add = [&](U a, U b, U) { return half.fused(a, kOne16, b, true); };
  const auto mul = [&](U a, U b, U) { return half.fused(a, b, (a ^ b) & 0x8000, true); };
  const auto fma = [&](U a, U b, U c) { return half.fused(a, b, c, true); };
  check("add.ftz.f16 %rs20, %rs10, %rs11;", halves(), Result::k16, [&](U a, U b, U) { return add(a & 0xffff, b & 0xffff, 0); });
  check("add.rn.ftz.f16x2 %r20, %r10, %r11;", halves(), Result::k32, [&](U a, U b, U c) { return both(a, b, c, add); });
  check("sub.ftz.f16x2 %r20, %r10, %r11;", halves(), Result::k32, [&](U a, U b, U c) { return both(a, b ^ 0x80008000, c, add); });
  check("mul.ftz.f16x2 %r20, %r10, %r11;", halves(), Result::k32, [&](U a, U b, U c) { return both(a, b, c, mul); });
  check("fma.rn.ftz.f16x2 %r20, %r10, %r11, %r12;", halves(), Result::k32, [&](U a, U b, U c) { return both(a, b, c, fma); });
  check("fma.rn.ftz.relu.f16x2 %r20, %r10, %r11, %r12;", halves(), Result::k32, [&](U a, U b, U c) {
    return both(a, b, c, [&](U x, U y, U z) {
      const U made = fma(x, y, z);
      return !half.nan(made) && (made & 0x8000) ? 0 : made;
    });
  });
  check("fma.rn.ftz.sat.f16 %rs20, %rs10, %rs11, %rs12;", halves(), Result::k16, [&](U a, U b, U c) -> U {
    const U made = fma(a & 0xffff, b & 0xffff, c & 0xffff);
    return half.nan(made) || (made & 0x8000) ? 0 : std::min<U>(made, kOne16);
  });
  check("neg.ftz.f16x2 %r20, %r10;", halves(), Result::k32,
        [&](U a, U b, U c) { return both(a, b, c, [&](U x, U, U) { return half.flushed(x, true) ^ 0x8000; }); });
  check("abs.ftz.f16 %rs20, %rs10;", halves(), Result::k16, [&](U a, U, U) { return half.flushed(a, true) & 0x7fff; });
}

TEST_CASE("16_bit_arithmetic_rounds_once_in_both_formats") {
  for (bool bf16 : {false, true}) {
    const Half half{bf16 ? FloatFormat{8, 7} : FloatFormat{5, 10}};
    const std::string type = bf16 ? "bf16x2" : "f16x2";
    const U one = bf16 ? kOneBf16 : kOne16;
    check("add." + type + " %r20, %r10, %r11;", halves(), Result::k32,
          [&](U a, U b, U c) { return both(a, b, c, [&](U x, U y, U) { return half.fused(x, one, y, false); }); });
    check("mul." + type + " %r20, %r10, %r11;", halves(), Result::k32,
          [&](U a, U b, U c) { return both(a, b, c, [&](U x, U y, U) { return half.fused(x, y, (x ^ y) & 0x8000, false); }); });
    check("fma.rn." + type + " %r20, %r10, %r11, %r12;", halves(), Result::k32,
          [&](U a, U b, U c) { return both(a, b, c, [&](U x, U y, U z) { return half.fused(x, y, z, false); }); });
  }
}

TEST_CASE("min_and_max_by_magnitude_take_the_sign_of_both") {
  const auto pick = [](float x, float y, bool max, bool nan) {
    if (std::isnan(x) || std::isnan(y)) return nan || (std::isnan(x) && std::isnan(y)) ? NAN : std::isnan(x) ? y : x;
    if (x == y) return max == std::signbit(x) ? y : x;
    return (x < y) == max ? y : x;
  };
  const auto xorsign = [&](float x, float y, bool max, bool nan) {
    const float made = pick(std::fabs(x), std::fabs(y), max, nan);
    return std::isnan(made) ? made : std::copysign(made, std::signbit(x) != std::signbit(y) ? -1.f : 1.f);
  };
  check("min.xorsign.abs.f32 %f20, %f10, %f11;", floats(), Result::kF32, [&](U a, U b, U) { return bits(xorsign(f(a), f(b), false, false)); });
  check("max.ftz.NaN.xorsign.abs.f32 %f20, %f10, %f11;", floats(), Result::kF32,
        [&](U a, U b, U) { return bits(xorsign(flush(f(a)), flush(f(b)), true, true)); });
  const auto wide16 = [](U x) { return f16_to_f32(static_cast<std::uint16_t>(x)); };
  const auto narrow16 = [](float x) -> U {
    return std::isnan(x) ? 0x7fff
                         : reference_round(static_cast<Wide>(std::isinf(x) ? 0.f : std::fabs(x)), {5, 10}, Round::kNearest) |
                               (std::signbit(x) ? 0x8000 : 0) | (std::isinf(x) ? 0x7c00 : 0);
  };
  check("max.xorsign.abs.f16x2 %r20, %r10, %r11;", halves(), Result::k32,
        [&](U a, U b, U c) { return both(a, b, c, [&](U x, U y, U) { return narrow16(xorsign(wide16(x), wide16(y), true, false)); }); });
  const auto flush16 = [&](U x) { return wide16((x & 0x7c00) == 0 ? x & 0x8000 : x); };
  check("min.ftz.NaN.f16x2 %r20, %r10, %r11;", halves(), Result::k32,
        [&](U a, U b, U c) { return both(a, b, c, [&](U x, U y, U) { return narrow16(pick(flush16(x), flush16(y), false, true)); }); });
  const Target target(100);
  check("max.f32 %f20, %f10, %f11, %f12;", floats(), Result::kF32,
        [&](U a, U b, U c) { return bits(pick(pick(f(a), f(b), true, false), f(c), true, false)); });
  check("min.ftz.NaN.abs.f32 %f20, %f10, %f11, %f12;", floats(), Result::kF32, [&](U a, U b, U c) {
    return bits(pick(pick(std::fabs(flush(f(a))), std::fabs(flush(f(b))), false, true), std::fabs(flush(f(c))), false, true));
  });
}

TEST_CASE("pairs_of_f32_and_mixed_types_round_once_in_every_direction") {
  const Target target(100);
  const std::pair<const char*, Round> directions[] = {{"rn", Round::kNearest}, {"rz", Round::kZero}, {"rm", Round::kDown}, {"rp", Round::kUp}};
  // a b + c, rounded by search.
  const auto fused = [](float a, float b, float c, Round round) -> U {
    const double special = static_cast<double>(a) * b + c;
    if (std::isnan(a) || std::isnan(b) || std::isnan(c) || std::isnan(special)) return 0x7fffffff;
    if (std::isinf(a) || std::isinf(b) || std::isinf(c)) return bits(static_cast<float>(special));
    // Where one addend is far below the other, its sign is all that counts, and 113 bits would lose it.
    const auto tiny = [](Wide x, Wide y) {
      for (int i = 0; i < 80; ++i) x *= 2;
      return x != 0 && (x < 0 ? -x : x) < (y < 0 ? -y : y);
    };
    const auto nudged = [](Wide y, bool up) {
      Wide step = y < 0 ? -y : y;
      for (int i = 0; i < 80; ++i) step /= 2;
      return up ? y + step : y - step;
    };
    const Wide product = static_cast<Wide>(a) * static_cast<Wide>(b), addend = static_cast<Wide>(c);
    const Wide exact = tiny(product, addend) ? nudged(addend, product > 0) : tiny(addend, product) ? nudged(product, addend > 0) : product + addend;
    if (exact == 0) {
      const bool product_negative = std::signbit(a) != std::signbit(b), c_negative = std::signbit(c);
      return (product_negative == c_negative ? c_negative : round == Round::kDown) ? 0x80000000 : 0;
    }
    const U made = reference_round(exact, {8, 23}, round);
    const bool overflows = (made & 0x7fffffff) == 0x7f800000;
    const bool to_largest = round == Round::kZero || (round == Round::kDown && exact > 0) || (round == Round::kUp && exact < 0);
    return overflows && to_largest ? made - 1 : made;
  };
  const auto halves_of = [](U a, U b, U c, auto apply) { return apply(f(a), f(b), f(c)) | apply(f(a >> 32), f(b >> 32), f(c >> 32)) << 32; };
  Inputs few = pairs({0x3f8000007f7fffff, 0x80000000bf800001, 0x0000000100800000, 0x7f8000007fc00000, 0x4b00000133800001}, 40, 33);
  for (U& c : few.c) c = (c & 0xffffffff) | (c & 0x7fffff) << 32 | U{0x3f800000} << 32;
  for (const auto& [name, round] : directions) {
    check(fmt::format("fma.{}.f32x2 %rd20, %rd10, %rd11, %rd12;", name), few, Result::k64,
          [&, round = round](U a, U b, U c) { return halves_of(a, b, c, [&](float x, float y, float z) { return fused(x, y, z, round); }); });
    check(fmt::format("add.{}.f32x2 %rd20, %rd10, %rd11;", name), few, Result::k64,
          [&, round = round](U a, U b, U c) { return halves_of(a, b, c, [&](float x, float y, float) { return fused(x, 1.f, y, round); }); });
    check(fmt::format("mul.{}.f32x2 %rd20, %rd10, %rd11;", name), few, Result::k64, [&, round = round](U a, U b, U c) {
      return halves_of(a, b, c, [&](float x, float y, float) { return fused(x, y, std::signbit(x) != std::signbit(y) ? -0.f : 0.f, round); });
    });
    check(fmt::format("fma.{}.f32.f16 %f20, %rs10, %rs11, %f12;", name), few, Result::kF32, [&, round = round](U a, U b, U c) {
      return fused(f16_to_f32(static_cast<std::uint16_t>(a)), f16_to_f32(static_cast<std::uint16_t>(b)), f(c), round);
    });
    check(fmt::format("add.{}.f32.bf16 %f20, %rs10, %f12;", name), few, Result::kF32,
          [&, round = round](U a, U, U c) { return fused(bf16_to_f32(static_cast<std::uint16_t>(a)), 1.f, f(c), round); });
  }
}

TEST_CASE("pairs_compare_half_by_half") {
  const auto wide = [](U x) { return f16_to_f32(static_cast<std::uint16_t>(x)); };
  check("setp.lt.f16x2 %p20|%p21, %r10, %r11;", halves(), Result::kPredicate, [&](U a, U b, U) { return U{wide(a) < wide(b)}; });
  check("setp.geu.bf16x2 %p21|%p20, %r10, %r11;", halves(), Result::kPredicate, [](U a, U b, U) {
    const float x = bf16_to_f32(static_cast<std::uint16_t>(a >> 16)), y = bf16_to_f32(static_cast<std::uint16_t>(b >> 16));
    return U{!(x < y)};
  });
  check("setp.eq.u32 %p1, %r11, %r11;\nsetp.ne.and.f16x2 %p20|%p21, %r10, %r11, !%p1;", halves(), Result::kPredicate, [](U, U, U) { return U{0}; });
  check("set.gt.f16x2.f16x2 %r20, %r10, %r11;", halves(), Result::k32,
        [&](U a, U b, U c) { return both(a, b, c, [&](U x, U y, U) { return wide(x) > wide(y) ? U{0x3c00} : U{0}; }); });
  check("set.nan.u32.f16 %r20, %rs10, %rs11;", halves(), Result::k32,
        [&](U a, U b, U) { return std::isnan(wide(a)) || std::isnan(wide(b)) ? U{0xffffffff} : U{0}; });
  check("set.le.bf16.bf16 %rs20, %rs10, %rs11;", halves(), Result::k16,
        [](U a, U b, U) { return bf16_to_f32(static_cast<std::uint16_t>(a)) <= bf16_to_f32(static_cast<std::uint16_t>(b)) ? U{0x3f80} : U{0}; });
}

TEST_CASE("floats_are_classified_and_select") {
  const auto classify = [](const char* what, auto truth) {
    check(fmt::format("testp.{}.f32 %p20, %f10;", what), floats(), Result::kPredicate, [&](U a, U, U) { return U{truth(std::fpclassify(f(a)))}; });
  };
  classify("finite", [](int c) { return c != FP_NAN && c != FP_INFINITE; });
  classify("infinite", [](int c) { return c == FP_INFINITE; });
  classify("number", [](int c) { return c != FP_NAN; });
  classify("notanumber", [](int c) { return c == FP_NAN; });
  classify("normal", [](int c) { return c == FP_NORMAL; });
  classify("subnormal", [](int c) { return c == FP_SUBNORMAL; });
  check("slct.f32.f32 %f20, %f10, %f11, %f12;", floats(), Result::kF32, [](U a, U b, U c) { return (f(c) >= 0 ? a : b) & 0xffffffff; });
}

TEST_CASE("approximate_f64_reciprocals_keep_their_documented_bits") {
  Inputs doubles = pairs({0x3ff0000000000000, 0x4008000000000000, 0x7fe0000000000000, 0x0010000000000001, 0x3fefffffffffffff}, 100, 34);
  for (U& a : doubles.a) a = (a & 0x800fffffffffffff) | (0x3ffull - 60 + (a >> 52 & 0x7f)) << 52;
  for (const auto& [text, root, bound] : {std::tuple("rcp.approx.ftz.f64", false, 0x1p-20), std::tuple("rsqrt.approx.ftz.f64", true, 0x1p-20),
                                          std::tuple("rsqrt.approx.f64", true, 0x1p-51)}) {
    const std::vector<U> got = run(fmt::format("abs.f64 %fd13, %fd10;\n{} %fd20, %fd13;", text), doubles, Result::kF64);
    for (std::size_t i = 0; i < got.size(); ++i) {
      const long double x = std::fabs(__builtin_bit_cast(double, doubles.a[i])), exact = root ? 1 / std::sqrt(x) : 1 / x;
      CHECK(std::fabs(static_cast<long double>(__builtin_bit_cast(double, got[i])) - exact) <= bound * exact);
    }
  }
}

}  // namespace
}  // namespace bsgen::sim::test
