// The device's own functions (templates/bsgen/common/math.cuh), compiled for the host and held to their bounds in long double.
#include "tests/support/catch.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#define __device__
#define __forceinline__ inline
static inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
static inline int __float_as_int(float x) { return std::bit_cast<int>(x); }
static inline float __int_as_float(int x) { return std::bit_cast<float>(x); }
#include <bsgen/common/math.cuh>

#include "compiler/epilogue/epilogue.h"
#include "compiler/epilogue/functions.h"

using namespace bsgen;
using epilogue::Function;

namespace {

using Real = long double;

Real sigmoid_of(Real x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }

Real exact(Function function, Real x) {
  const Real root_half = std::sqrt(Real{0.5}), pi = std::acos(Real{-1});
  switch (function) {
    case Function::kExp: return std::exp(x);
    case Function::kTanh: return std::tanh(x);
    case Function::kSigmoid: return sigmoid_of(x);
    case Function::kSilu: return x * sigmoid_of(x);
    case Function::kGelu: return x * std::erfc(-x * root_half) / 2;
    case Function::kGeluTanh: return x * sigmoid_of(2 * std::sqrt(2 / pi) * (x + Real{0.044715L} * x * x * x));
    default: return 0;
  }
}

template <bool kFast>
float device(Function function, float x) {
  switch (function) {
    case Function::kExp: return dev::exp<kFast>(x);
    case Function::kTanh: return dev::tanh<kFast>(x);
    case Function::kSigmoid: return dev::sigmoid<kFast>(x);
    case Function::kSilu: return dev::silu<kFast>(x);
    case Function::kGelu: return dev::gelu<kFast>(x);
    case Function::kGeluTanh: return dev::gelu_tanh<kFast>(x);
    case Function::kRelu: return dev::relu<kFast>(x);
    case Function::kAbs: return dev::abs<kFast>(x);
    default: return 0;
  }
}

constexpr Function kTranscendental[] = {Function::kExp, Function::kTanh, Function::kSigmoid, Function::kSilu, Function::kGelu, Function::kGeluTanh};

// Every 8191st float, and every 211th where the functions bend: 2^-3 to 2^8 on both sides.
template <class Body>
void sweep(const Body& body) {
  for (std::uint64_t bits = 0; bits < 0x100000000; bits += 8191) body(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
  for (std::uint32_t bits = 0x3e000000; bits < 0x43800000; bits += 211) {
    body(std::bit_cast<float>(bits));
    body(-std::bit_cast<float>(bits));
  }
}

double ulp_of(Real value) {
  const double magnitude = std::max<double>(std::fabs(static_cast<double>(value)), 0x1p-126);
  return std::ldexp(1.0, std::ilogb(magnitude) - 23);
}

// Overflow is right where the exact value, rounded to fp32, overflows.
bool both_overflow(float y, Real wanted) { return std::isinf(y) && std::fabs(wanted) >= 0x1.ffffffp127L; }

}  // namespace

TEST_CASE("accurate_epilogue_functions_are_within_4_ulp_everywhere") {
  for (const Function function : kTranscendental) {
    double worst = 0;
    float worst_x = 0;
    sweep([&](float x) {
      if (!std::isfinite(x)) return;
      const float y = device<false>(function, x);
      const Real wanted = exact(function, x);
      if (both_overflow(y, wanted)) return;
      const double error = std::fabs(static_cast<double>(y - wanted)) / ulp_of(wanted);
      if (!(error <= worst)) worst = error, worst_x = x;
    });
    std::printf("%-10s %.3f ulp at %a\n", std::string(epilogue::info(function).name).c_str(), worst, worst_x);
    CHECK(worst <= 4);
  }
}

TEST_CASE("fast_epilogue_functions_keep_their_bound_everywhere") {
  for (const Function function : kTranscendental) {
    const epilogue::ErrorBound bound = epilogue::error_bound(function, true);
    double worst = 0;
    float worst_x = 0;
    for (const int direction : {-1, 0, 1}) {
      dev::ptx::approximation_direction = direction;
      sweep([&](float x) {
        if (!std::isfinite(x)) return;
        const float y = device<true>(function, x);
        const Real wanted = exact(function, x);
        if (both_overflow(y, wanted * (1 + Real{0x1p-13}))) return;
        const double error = std::fabs(static_cast<double>(y - wanted)) /
                             (bound.relative * std::fabs(static_cast<double>(wanted)) + bound.absolute);
        if (!(error <= worst)) worst = error, worst_x = x;
      });
    }
    dev::ptx::approximation_direction = 0;
    std::printf("%-10s %.3f of its bound at %a\n", std::string(epilogue::info(function).name).c_str(), worst, worst_x);
    CHECK(worst <= 1);
  }
}

TEST_CASE("device_functions_treat_infinities_and_nan_like_the_reference") {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  for (const epilogue::FunctionInfo& each : epilogue::functions()) {
    if (each.arity != 1) continue;
    for (const float x : {inf, -inf, 0.0f, -0.0f, 1e38f, -1e38f}) {
      INFO(each.name << "(" << x << ")");
      const double wanted = static_cast<float>(epilogue::value(each.function, x));
      if (std::isinf(wanted) || wanted == 0) {
        CHECK(device<false>(each.function, x) == wanted);
        CHECK(device<true>(each.function, x) == wanted);
      }
    }
    CHECK(std::isnan(device<false>(each.function, nan)));
    CHECK(std::isnan(device<true>(each.function, nan)));
  }
}

TEST_CASE("device_min_and_max_hand_nan_on") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(std::isnan(dev::min<false>(nan, 1.0f)));
  CHECK(std::isnan(dev::min<false>(1.0f, nan)));
  CHECK(std::isnan(dev::max<true>(nan, 1.0f)));
  CHECK(std::isnan(dev::max<true>(1.0f, nan)));
  CHECK(dev::min<false>(2.0f, -1.0f) == -1);
  CHECK(dev::max<false>(2.0f, -1.0f) == 2);
  CHECK(std::signbit(dev::relu<false>(-0.0f)));
  CHECK(dev::relu<true>(-3.0f) == 0);
}
