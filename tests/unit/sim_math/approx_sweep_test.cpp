// Approximate functions over whole binades and over all exponents, against float64, within the PTX ISA's own bounds (8.7, sections
// 9.7.3.8 to 9.7.3.22). A part in every run, every mantissa in `ctest -C Full`.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "runtime/sim/exec/approx.h"
#include "tests/support/catch.h"

namespace bsgen::sim {
namespace {

double ulp(double x) { return std::ldexp(1.0, std::max(x == 0 ? -126 : std::ilogb(x), -126) - 23); }

struct Function {
  const char* name;
  float (*simulated)(float);
  float (*flushed)(float);  // .ftz; nullptr where there is none
  double (*exact)(double);
  double (*bound)(double argument, double exact);
  bool negative;            // also of negative arguments
  // Domains of which every mantissa counts, as patterns of the first and last argument.
  struct {
    std::uint32_t first, last;
  } domains[3];
};
const double kPi = 3.14159265358979323846;
const double kRsqrt = std::pow(2, -22.9), kNear = std::pow(2, -20.5), kFar = std::pow(2, -14.7);
double of_waves(double x, double) { return std::fabs(x) <= 2 * kPi ? kNear : std::fabs(x) <= 100 * kPi ? kFar : INFINITY; }  // nothing is promised beyond

double one_ulp(double, double y) { return ulp(y); }
double two_ulps(double, double y) { return 2 * ulp(y); }
double of_sqrt(double, double y) { return 0x1p-23 * y; }
double of_rsqrt(double, double y) { return kRsqrt * y; }
double of_lg2(double x, double y) { return x > 0.5 && x < 2 ? 0x1p-22 : 0x1p-22 * std::fabs(y); }
double of_tanh(double, double y) { return 0x1p-22 * std::fabs(y); }  // ours rounds once; 2^-11 is asked for

double reciprocal(double x) { return 1 / x; }
double reciprocal_root(double x) { return 1 / std::sqrt(x); }

const Function kFunctions[] = {
    {"rcp", rcp_approx<false>, rcp_approx<true>, reciprocal, one_ulp, true, {{0x3f800000, 0x3fffffff}}},
    {"sqrt", sqrt_approx<false>, sqrt_approx<true>, std::sqrt, of_sqrt, false, {{0x3f800000, 0x407fffff}}},
    {"rsqrt", rsqrt_approx<false>, rsqrt_approx<true>, reciprocal_root, of_rsqrt, false, {{0x3f800000, 0x407fffff}}},
    {"ex2", ex2_approx<false>, ex2_approx<true>, std::exp2, two_ulps, true, {{0x3f000000, 0x3fffffff}, {0x42c00000, 0x42ffffff}}},
    {"lg2", lg2_approx<false>, lg2_approx<true>, std::log2, of_lg2, false, {{0x3f000000, 0x3fffffff}, {0x40000000, 0x407fffff}}},
    {"sin", sin_approx<false>, sin_approx<true>, std::sin, of_waves, true, {{0x3f000000, 0x40ffffff}, {0x43800000, 0x439d1462}}},
    {"cos", cos_approx<false>, cos_approx<true>, std::cos, of_waves, true, {{0x3f000000, 0x40ffffff}, {0x43800000, 0x439d1462}}},
    {"tanh", tanh_approx, nullptr, std::tanh, of_tanh, true, {{0x3c000000, 0x3c7fffff}, {0x3e800000, 0x407fffff}}},
};

float flush(float x) { return std::fabs(x) < 0x1p-126f ? std::copysign(0.f, x) : x; }

// The largest error as a fraction of the bound.
double check(const Function& f, float x, double worst) {
  const double exact = f.exact(x), result = f.simulated(x);
  // Beyond the largest float and within the subnormal ones a result is as good as the format lets it be.
  if (std::fabs(exact) >= 0x1.ffffffp127) {
    if (!std::isinf(result)) FAIL(fmt::format("{}({:a}) = {:a}, exactly {:a}", f.name, x, result, exact));
    return worst;
  }
  const double bound = std::max(f.bound(x, exact), std::fabs(exact) < 0x1p-126 ? 0x1p-150 : 0), error = std::fabs(result - exact);
  if (!(error <= bound)) FAIL(fmt::format("{}({:a}) = {:a}, exactly {:a}: {} times the bound", f.name, x, result, exact, error / bound));
  if (f.flushed) {
    const float want = flush(f.simulated(flush(x)));
    if (bits_of(f.flushed(x)) != bits_of(want)) FAIL(fmt::format("{}.ftz({:a}) = {:a}, not {:a}", f.name, x, f.flushed(x), want));
  }
  return std::max(worst, error / bound);
}

void sweep(std::uint32_t step, std::uint32_t step_everywhere, bool print) {
  for (const Function& f : kFunctions) {
    double worst = 0;
    const auto both_signs = [&](std::uint32_t bits) {
      worst = check(f, f32_of(bits), worst);
      if (f.negative) worst = check(f, f32_of(bits | 0x80000000), worst);
    };
    for (const auto& domain : f.domains)
      for (std::uint32_t bits = domain.first; bits < domain.last; bits += step) both_signs(bits);
    for (std::uint32_t bits = 1; bits < 0x7f800000; bits += step_everywhere) both_signs(bits);
    if (print) std::printf("%-6s %.3f of the bound at most\n", f.name, worst);
    CHECK(worst <= 1);
  }
}

TEST_CASE("approximate_functions_are_within_the_bounds_of_the_ptx_isa") { sweep(67, 8191, false); }
TEST_CASE("approximate_functions_are_within_the_bounds_at_every_mantissa", "[.full]") { sweep(1, 127, true); }

}  // namespace
}  // namespace bsgen::sim
