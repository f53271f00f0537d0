// Random expressions: what holds for every one of them.
#include "tests/support/catch.h"

#include <fmt/format.h>

#include <cmath>
#include <random>

#include "compiler/epilogue/epilogue.h"

using namespace bsgen;

namespace {

// A random expression of the grammar. Spacing and parentheses vary, so that the canonical text has something to do.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}
  std::string expression(int depth) {
    if (depth == 0) return leaf();
    switch (random_() % 8) {
      case 0: return leaf();
      case 1: return fmt::format("-{}", operand(depth - 1));
      case 2: return fmt::format("{}({})", function(), expression(depth - 1));
      case 3: return fmt::format("{}( {},{})", random_() % 2 ? "min" : "max", expression(depth - 1), expression(depth - 1));
      case 4: return fmt::format("{} + {}", operand(depth - 1), operand(depth - 1));
      case 5: return fmt::format("{}-{}", operand(depth - 1), operand(depth - 1));
      case 6: return fmt::format("{}*{}", operand(depth - 1), operand(depth - 1));
      default: return fmt::format("{} / {}", operand(depth - 1), operand(depth - 1));
    }
  }

 private:
  std::string operand(int depth) { return random_() % 2 ? fmt::format("({})", expression(depth)) : leaf(); }
  std::string leaf() {
    const char* leaves[] = {"acc", "acc", "s", "v[n]", "g[m]", "r[m,n]", "0.5", "3", "1e-3", "2.25"};
    return leaves[random_() % 10];
  }
  std::string function() {
    const char* names[] = {"abs", "exp", "tanh", "sigmoid", "relu", "gelu", "gelu_tanh", "silu"};
    return names[random_() % 8];
  }
  std::mt19937_64 random_;
};

constexpr int kCases = 3000;

}  // namespace

TEST_CASE("canonical_text_of_any_epilogue_is_a_fixed_point") {
  for (int seed = 0; seed < kCases; ++seed) {
    const std::string text = Generator(seed).expression(5);
    INFO("seed " << seed << ": " << text);
    auto first = epilogue::parse(text);
    REQUIRE(first.ok());
    auto again = epilogue::parse(first->text());
    REQUIRE(again.ok());
    REQUIRE(again->text() == first->text());
    REQUIRE(again->parameters() == first->parameters());
    REQUIRE(again->device_expression(false) == first->device_expression(false));
  }
}

TEST_CASE("the_interval_of_any_epilogue_holds_its_values") {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  for (int seed = 0; seed < kCases; ++seed) {
    const std::string text = Generator(seed).expression(4);
    auto parsed = epilogue::parse(text);
    REQUIRE(parsed.ok());
    std::vector<double> values;
    for (std::size_t i = 0; i < parsed->parameters().size(); ++i) values.push_back(static_cast<float>(normal(random)));
    const double middle = 3 * normal(random), width = std::fabs(normal(random)) * (seed % 3 == 0 ? 1e-6 : 0.3);
    for (const bool fast : {false, true}) {
      const epilogue::Interval image = parsed->evaluate({middle - width, middle + width}, values, fast);
      for (int i = 0; i <= 8; ++i) {
        const double acc = middle - width + width * i / 4;
        const double value = parsed->evaluate(acc, values);
        INFO("seed " << seed << ": " << parsed->text() << " at " << acc << " is " << value << ", interval " << image.low << " to " << image.high);
        if (std::isnan(value)) continue;
        if (std::fabs(value) > 3e38) continue;  // fp32 overflows
        const double slack = 1e-12 * std::fabs(value);  // float64's own rounding, of the ends and of acc
        REQUIRE_FALSE(image.low > value + slack);
        REQUIRE_FALSE(image.high < value - slack);
      }
    }
  }
}

TEST_CASE("the_fp32_twin_of_any_exact_epilogue_lies_in_its_interval") {
  std::mt19937_64 random(2);
  std::normal_distribution<float> normal;
  int checked = 0;
  for (int seed = 0; seed < 4 * kCases; ++seed) {
    auto parsed = epilogue::parse(Generator(seed).expression(3));
    REQUIRE(parsed.ok());
    std::vector<double> values;
    for (std::size_t i = 0; i < parsed->parameters().size(); ++i) values.push_back(normal(random));
    const float acc = normal(random);
    const auto twin = parsed->evaluate_fp32(acc, values);
    if (!twin || std::isnan(*twin)) continue;
    ++checked;
    const epilogue::Interval image = parsed->evaluate({acc, acc}, values, false);
    INFO("seed " << seed << ": " << parsed->text());
    REQUIRE_FALSE(image.low > *twin);
    REQUIRE_FALSE(image.high < *twin);
  }
  CHECK(checked > kCases / 2);
}
