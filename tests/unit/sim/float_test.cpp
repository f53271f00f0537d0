// Floating-point instructions: IEEE results, canonical NaN, flushing, min and max, conversions, directed rounding.
#include <cfenv>
#include <cmath>

#include "runtime/sim/exec/fp_convert.h"
#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

using U = std::uint64_t;
float f(U x) { return __builtin_bit_cast(float, static_cast<std::uint32_t>(x)); }
double d(U x) { return __builtin_bit_cast(double, x); }
std::uint16_t h(U x) { return static_cast<std::uint16_t>(x); }
U bits(float x) { return std::isnan(x) ? 0x7fffffff : __builtin_bit_cast(std::uint32_t, x); }
U bits(double x) { return std::isnan(x) ? 0x7fffffffffffffff : __builtin_bit_cast(U, x); }
float flush(float x) { return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0f, x) : x; }
const Inputs& floats() {
  static const Inputs kInputs = pairs(f32_edges(), 200, 2);
  return kInputs;
}
const Inputs& doubles() {
  static const Inputs kInputs = pairs({0, 0x8000000000000000, 0x3ff0000000000000, 0x3ff8000000000001, 1, 0x7fefffffffffffff, 0x7ff0000000000000, 0xfff8000000000000,
                                       0x41dfffffffe00000, 0xc1e0000000000000, 0x43e0000000000000, 0x3fe0000000000000}, 200, 3);
  return kInputs;
}

TEST_CASE("f32_arithmetic_is_ieee_with_canonical_nan") {
  check("add.rn.f32 %f20, %f10, %f11;", floats(), Result::kF32, [](U a, U b, U) { return bits(f(a) + f(b)); });
  check("sub.f32 %f20, %f10, %f11;", floats(), Result::kF32, [](U a, U b, U) { return bits(f(a) - f(b)); });
  check("mul.rn.f32 %f20, %f10, %f11;", floats(), Result::kF32, [](U a, U b, U) { return bits(f(a) * f(b)); });
  check("fma.rn.f32 %f20, %f10, %f11, %f12;", floats(), Result::kF32, [](U a, U b, U c) { return bits(std::fma(f(a), f(b), f(c))); });
  check("div.rn.f32 %f20, %f10, %f11;", floats(), Result::kF32, [](U a, U b, U) { return bits(f(a) / f(b)); });
  check("sqrt.rn.f32 %f20, %f10;", floats(), Result::kF32, [](U a, U, U) { return bits(std::sqrt(f(a))); });
  check("rcp.rn.f32 %f20, %f10;", floats(), Result::kF32, [](U a, U, U) { return bits(1.0f / f(a)); });
  check("neg.f32 %f20, %f10;", floats(), Result::kF32, [](U a, U, U) { return (a ^ 0x80000000) & 0xffffffff; });
  check("abs.f32 %f20, %f10;", floats(), Result::kF32, [](U a, U, U) { return a & 0x7fffffff; });
  check("copysign.f32 %f20, %f10, %f11;", floats(), Result::kF32, [](U a, U b, U) { return (b & 0x7fffffff) | (a & 0x80000000); });
  check("add.rn.f64 %fd20, %fd10, %fd11;", doubles(), Result::kF64, [](U a, U b, U) { return bits(d(a) + d(b)); });
  check("fma.rn.f64 %fd20, %fd10, %fd11, %fd12;", doubles(), Result::kF64, [](U a, U b, U c) { return bits(std::fma(d(a), d(b), d(c))); });
}

TEST_CASE("ftz_flushes_operands_and_result_and_keeps_the_sign") {
  check("add.rn.ftz.f32 %f20, %f10, %f11;", floats(), Result::kF32, [](U a, U b, U) { return bits(flush(flush(f(a)) + flush(f(b)))); });
  check("mul.rn.ftz.f32 %f20, %f10, %f11;", floats(), Result::kF32, [](U a, U b, U) { return bits(flush(flush(f(a)) * flush(f(b)))); });
  check("fma.rn.ftz.f32 %f20, %f10, %f11, %f12;", floats(), Result::kF32, [](U a, U b, U c) { return bits(flush(std::fma(flush(f(a)), flush(f(b)), flush(f(c))))); });
}

TEST_CASE("saturation_clamps_to_zero_and_one_and_turns_nan_into_zero") {
  check("add.rn.sat.f32 %f20, %f10, %f11;", floats(), Result::kF32, [](U a, U b, U) {
    const float x = f(a) + f(b);
    return bits(x > 0 ? std::fmin(x, 1.0f) : 0.0f);
  });
}

TEST_CASE("min_and_max_prefer_numbers_and_order_the_zeros") {
  const auto order = [](U a, U b, bool max, bool nan) -> U {
    const float x = f(a), y = f(b);
    if (std::isnan(x) || std::isnan(y)) return nan || (std::isnan(x) && std::isnan(y)) ? 0x7fffffff : bits(std::isnan(x) ? y : x);
    if (x == 0 && y == 0) return max ? a & b & 0x80000000 : (a | b) & 0x80000000;
    return bits(max ? std::max(x, y) : std::min(x, y));
  };
  check("max.f32 %f20, %f10, %f11;", floats(), Result::kF32, [&](U a, U b, U) { return order(a, b, true, false); });
  check("min.f32 %f20, %f10, %f11;", floats(), Result::kF32, [&](U a, U b, U) { return order(a, b, false, false); });
  check("max.NaN.f32 %f20, %f10, %f11;", floats(), Result::kF32, [&](U a, U b, U) { return order(a, b, true, true); });
}

TEST_CASE("float_comparisons_are_ordered_or_unordered_as_named") {
  const auto nan = [](U a, U b) { return std::isnan(f(a)) || std::isnan(f(b)); };
  check("setp.lt.f32 %p20, %f10, %f11;", floats(), Result::kPredicate, [](U a, U b, U) { return U{f(a) < f(b)}; });
  check("setp.ne.f32 %p20, %f10, %f11;", floats(), Result::kPredicate, [&](U a, U b, U) { return U{!nan(a, b) && f(a) != f(b)}; });
  check("setp.neu.f32 %p20, %f10, %f11;", floats(), Result::kPredicate, [&](U a, U b, U) { return U{nan(a, b) || f(a) != f(b)}; });
  check("setp.geu.f32 %p20, %f10, %f11;", floats(), Result::kPredicate, [&](U a, U b, U) { return U{nan(a, b) || f(a) >= f(b)}; });
  check("setp.nan.f32 %p20, %f10, %f11;", floats(), Result::kPredicate, [&](U a, U b, U) { return U{nan(a, b)}; });
  check("setp.num.f32 %p20, %f10, %f11;", floats(), Result::kPredicate, [&](U a, U b, U) { return U{!nan(a, b)}; });
}

TEST_CASE("directed_rounding_follows_the_modifier") {
  const auto rounded = [](int mode, auto operation) {
    std::fesetround(mode);
    const volatile float result = operation();
    std::fesetround(FE_TONEAREST);
    return bits(result);
  };
  check("add.rz.f32 %f20, %f10, %f11;", floats(), Result::kF32, [&](U a, U b, U) { return rounded(FE_TOWARDZERO, [&] { volatile float x = f(a), y = f(b); return x + y; }); });
  check("mul.rm.f32 %f20, %f10, %f11;", floats(), Result::kF32, [&](U a, U b, U) { return rounded(FE_DOWNWARD, [&] { volatile float x = f(a), y = f(b); return x * y; }); });
  check("fma.rp.f32 %f20, %f10, %f11, %f12;", floats(), Result::kF32, [&](U a, U b, U c) { return rounded(FE_UPWARD, [&] { volatile float x = f(a), y = f(b), z = f(c); return std::fma(x, y, z); }); });
}

TEST_CASE("floats_convert_to_16_bits_and_back") {
  check("cvt.rn.bf16.f32 %rs20, %f10;", floats(), Result::k16, [](U a, U, U) { return U{f32_to_bf16(f(a), Round::kNearest)}; });
  check("cvt.rn.f16.f32 %rs20, %f10;", floats(), Result::k16, [](U a, U, U) { return U{f32_to_f16(f(a), Round::kNearest)}; });
  check("cvt.rz.f16.f32 %rs20, %f10;", floats(), Result::k16, [](U a, U, U) { return U{f32_to_f16(f(a), Round::kZero)}; });
  check("cvt.rn.bf16x2.f32 %r20, %f10, %f11;", floats(), Result::k32, [](U a, U b, U) { return U{f32_to_bf16(f(a), Round::kNearest)} << 16 | f32_to_bf16(f(b), Round::kNearest); });
  check("cvt.rn.f16x2.f32 %r20, %f10, %f11;", floats(), Result::k32, [](U a, U b, U) { return U{f32_to_f16(f(a), Round::kNearest)} << 16 | f32_to_f16(f(b), Round::kNearest); });
  check("cvt.rn.relu.bf16x2.f32 %r20, %f10, %f11;", floats(), Result::k32, [](U a, U b, U) {
    const auto one = [](float x) { return std::isnan(x) ? U{0x7fff} : x < 0 || std::signbit(x) ? U{0} : U{f32_to_bf16(x, Round::kNearest)}; };
    return one(f(a)) << 16 | one(f(b));
  });
  check("cvt.f32.bf16 %f20, %rs10;", floats(), Result::kF32, [](U a, U, U) { return bits(f(U{h(a)} << 16)); });
  check("cvt.f32.f16 %f20, %rs10;", floats(), Result::kF32, [](U a, U, U) { return bits(f16_to_f32(h(a))); });
  check("cvt.rna.tf32.f32 %r20, %f10;", floats(), Result::k32, [](U a, U, U) -> U {
    if (std::isnan(f(a))) return 0x7fffffff;
    if (std::isinf(f(a))) return a & 0xffffffff;
    return (a + 0x1000) & 0xffffe000;
  });
}

TEST_CASE("floats_convert_to_integers_with_saturation") {
  const auto to_s32 = [](double x) -> U { return std::isnan(x) ? 0 : static_cast<std::uint32_t>(static_cast<std::int32_t>(std::fmin(std::fmax(x, -2147483648.0), 2147483647.0))); };
  check("cvt.rzi.s32.f32 %r20, %f10;", floats(), Result::k32, [&](U a, U, U) { return to_s32(std::trunc(f(a))); });
  check("cvt.rni.s32.f32 %r20, %f10;", floats(), Result::k32, [&](U a, U, U) { return to_s32(std::nearbyint(f(a))); });
  check("cvt.rmi.s32.f32 %r20, %f10;", floats(), Result::k32, [&](U a, U, U) { return to_s32(std::floor(f(a))); });
  check("cvt.rzi.u32.f32 %r20, %f10;", floats(), Result::k32, [](U a, U, U) -> U { return std::isnan(f(a)) ? 0 : static_cast<std::uint32_t>(std::fmin(std::fmax(std::trunc(static_cast<double>(f(a))), 0.0), 4294967295.0)); });
  check("cvt.rn.f32.s32 %f20, %r10;", floats(), Result::kF32, [](U a, U, U) { return bits(static_cast<float>(static_cast<std::int32_t>(a))); });
  check("cvt.rn.f32.u64 %f20, %rd10;", floats(), Result::kF32, [](U a, U, U) { return bits(static_cast<float>(a)); });
  check("cvt.rni.f32.f32 %f20, %f10;", floats(), Result::kF32, [](U a, U, U) { return bits(std::nearbyint(f(a))); });
  check("cvt.rn.f32.f64 %f20, %fd10;", doubles(), Result::kF32, [](U a, U, U) { return bits(static_cast<float>(d(a))); });
  check("cvt.f64.f32 %fd20, %f10;", floats(), Result::kF64, [](U a, U, U) { return bits(static_cast<double>(f(a))); });
}

TEST_CASE("packed_16_bit_arithmetic_rounds_each_half_once") {
  const auto both = [](U a, U b, auto operation) { return U{operation(h(a >> 16), h(b >> 16))} << 16 | operation(h(a), h(b)); };
  check("add.rn.bf16x2 %r20, %r10, %r11;", floats(), Result::k32, [&](U a, U b, U) {
    return both(a, b, [](std::uint16_t x, std::uint16_t y) { return f32_to_bf16(bf16_to_f32(x) + bf16_to_f32(y), Round::kNearest); });
  });
  check("mul.f16x2 %r20, %r10, %r11;", floats(), Result::k32, [&](U a, U b, U) {
    return both(a, b, [](std::uint16_t x, std::uint16_t y) { return f64_to_f16(static_cast<double>(f16_to_f32(x)) * f16_to_f32(y)); });
  });
  check("fma.rn.f16 %rs20, %rs10, %rs11, %rs12;", floats(), Result::k16, [](U a, U b, U c) {
    // long double holds the exact sum of a product of two f16 and an f16.
    const long double exact = static_cast<long double>(f16_to_f32(h(a))) * f16_to_f32(h(b)) + f16_to_f32(h(c));
    return U{f64_to_f16(static_cast<double>(exact))};
  });
}

TEST_CASE("approximate_functions_stay_within_documented_errors") {
  Inputs ramp;
  for (int i = 0; i < 512; ++i) {
    ramp.a.push_back(bits(0.01f + 0.037f * static_cast<float>(i)));
    ramp.b.push_back(bits(-3.0f + 0.011f * static_cast<float>(i)));
    ramp.c.push_back(0);
  }
  const auto near = [&](const std::string& instruction, double relative, double absolute, auto exact) {
    const auto got = run(instruction, ramp, Result::kF32);
    for (std::size_t i = 0; i < got.size(); ++i) {
      const double want = exact(f(ramp.a[i]), f(ramp.b[i]));
      INFO(instruction << " " << f(ramp.a[i]) << " " << f(ramp.b[i]));
      CHECK(std::fabs(f(got[i]) - want) <= relative * std::fabs(want) + absolute);
    }
  };
  near("ex2.approx.ftz.f32 %f20, %f11;", 0x1p-22, 0, [](double, double b) { return std::exp2(b); });
  near("lg2.approx.f32 %f20, %f10;", 0x1p-22, 0x1p-22, [](double a, double) { return std::log2(a); });
  near("rcp.approx.ftz.f32 %f20, %f10;", 0x1p-23, 0, [](double a, double) { return 1 / a; });
  near("rsqrt.approx.f32 %f20, %f10;", 0x1p-22, 0, [](double a, double) { return 1 / std::sqrt(a); });
  near("tanh.approx.f32 %f20, %f11;", 0x1p-11, 0, [](double, double b) { return std::tanh(b); });
  near("div.full.f32 %f20, %f11, %f10;", 0x1p-22, 0, [](double a, double b) { return b / a; });
}

}  // namespace
}  // namespace bsgen::sim::test
