// Values, intervals, and the fp32 twin of the device.
#include "tests/support/catch.h"

#include <cmath>
#include <limits>

#include "compiler/epilogue/epilogue.h"
#include "compiler/epilogue/functions.h"

using namespace bsgen;
using epilogue::Interval;

namespace {
constexpr double kInf = std::numeric_limits<double>::infinity();
const double kNan = std::numeric_limits<double>::quiet_NaN();

double at(std::string_view text, double acc, std::vector<double> values = {}) { return epilogue::parse(text)->evaluate(acc, values); }
Interval over(std::string_view text, Interval acc, std::vector<double> values = {}, bool fast = false) {
  return epilogue::parse(text)->evaluate(acc, values, fast);
}
}  // namespace

TEST_CASE("an_epilogue_evaluates_like_arithmetic") {
  CHECK(at("acc * a + b", 3, {2, 1}) == 7);
  CHECK(at("b - acc * a", 3, {1, 2}) == -5);
  CHECK(at("acc * a - b", 3, {2, 1}) == 5);
  CHECK(at("acc / 4 - 1", 3) == -0.25);
  CHECK(at("a - b - acc", 1, {10, 4}) == 5);
  CHECK(at("12 / acc / 2", 3) == 2);
  CHECK(at("min(acc, 2) + max(acc, 5) + abs(-acc) + relu(-acc)", 3) == 10);
  CHECK(at("acc * 0.1", 1) == static_cast<double>(0.1f));  // literals are fp32
}

TEST_CASE("epilogue_functions_have_their_textbook_values") {
  // mpmath, 20 digits.
  CHECK(at("exp(acc)", 1) == Approx(2.7182818284590452354).epsilon(1e-15));
  CHECK(at("tanh(acc)", 0.5) == Approx(0.46211715726000975850).epsilon(1e-15));
  CHECK(at("sigmoid(acc)", -3) == Approx(0.047425873177566781167).epsilon(1e-15));
  CHECK(at("gelu(acc)", 1) == Approx(0.84134474606854294859).epsilon(1e-15));
  CHECK(at("gelu(acc)", -5) == Approx(-1.43325785939596955837e-6).epsilon(1e-13));
  CHECK(at("gelu_tanh(acc)", 1) == Approx(0.84119199060827670).epsilon(1e-13));
  CHECK(at("silu(acc)", 2) == Approx(1.7615941559557648881).epsilon(1e-15));
}

TEST_CASE("epilogue_functions_take_infinities_to_their_limits_and_keep_nan") {
  for (const char* text : {"gelu(acc)", "gelu_tanh(acc)", "silu(acc)", "relu(acc)"}) {
    CHECK(at(text, kInf) == kInf);
    CHECK(at(text, -kInf) == 0);
  }
  CHECK(at("exp(acc)", -kInf) == 0);
  CHECK(at("tanh(acc)", -kInf) == -1);
  CHECK(at("sigmoid(acc)", kInf) == 1);
  for (const auto& each : epilogue::functions()) {
    CHECK(std::isnan(epilogue::value(each.function, kNan, 1)));
    if (each.arity == 2) CHECK(std::isnan(epilogue::value(each.function, 1, kNan)));
  }
}

TEST_CASE("the_interval_of_an_exact_point_is_a_few_roundings_wide") {
  const Interval sum = over("acc + a", {1, 1}, {2});
  CHECK(sum.low <= 3);
  CHECK(sum.high >= 3);
  CHECK(sum.high - sum.low < 4 * 0x1p-24 * 3);
  const Interval relu = over("relu(acc)", {-1, 2});
  CHECK(relu.low == 0);
  CHECK(relu.high == 2);
}

TEST_CASE("the_interval_of_a_function_with_a_minimum_holds_the_minimum") {
  for (const char* text : {"gelu(acc)", "gelu_tanh(acc)", "silu(acc)"}) {
    const Interval image = over(text, {-4, 1});
    double least = 0, greatest = -1;
    for (double x = -4; x <= 1; x += 1e-3) {
      least = std::min(least, at(text, x));
      greatest = std::max(greatest, at(text, x));
    }
    CHECK(image.low <= least);
    CHECK(image.low > least - 1e-6);
    CHECK(image.high >= greatest);
    CHECK(image.high < greatest + 1e-6);
  }
}

TEST_CASE("an_interval_over_a_pole_says_nothing_and_nan_stays_nan") {
  const Interval pole = over("1 / acc", {-1, 1});
  CHECK(pole.low == -kInf);
  CHECK(pole.high == kInf);
  CHECK(std::isnan(over("acc + a", {1, 2}, {kNan}).low));
  CHECK(std::isnan(over("acc - a", {kInf, kInf}, {kInf}).low));
  CHECK(over("acc * a", {kInf, kInf}, {-2}).high == -kInf);
  CHECK(over("exp(acc)", {100, 100}).low == kInf);    // fp32 overflows here, float64 does not
  CHECK(over("exp(acc)", {88, 89}).low < 1e39);
  CHECK(over("exp(acc)", {88, 89}).high == kInf);
}

TEST_CASE("the_fp32_twin_rounds_every_operation_once") {
  auto fused = epilogue::parse("acc * a + b");
  const float a = 1 + 0x1p-12f, b = -(1 + 0x1p-11f);
  CHECK(*fused->evaluate_fp32(a, {a, b}) == 0x1p-24f);  // unfused, the product loses the last bit
  CHECK(*epilogue::parse("min(acc, 1) / 3")->evaluate_fp32(5, {}) == 1.0f / 3.0f);
  CHECK_FALSE(epilogue::parse("exp(acc)")->evaluate_fp32(1, {}).has_value());
}
