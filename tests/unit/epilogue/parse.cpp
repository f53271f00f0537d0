// Text -> tree -> canonical text and device code.
#include "tests/support/catch.h"

#include "compiler/epilogue/epilogue.h"
#include "compiler/epilogue/expression.h"

using namespace bsgen;
using epilogue::ParameterKind;

namespace {
std::string canonical(std::string_view text) {
  auto parsed = epilogue::parse(text);
  return parsed ? parsed->text() : parsed.status().message();
}
std::string device(std::string_view text, bool fast = false) {
  auto parsed = epilogue::parse(text);
  return parsed ? parsed->device_expression(fast) : parsed.status().message();
}
}  // namespace

TEST_CASE("an_empty_epilogue_is_the_sum_itself") {
  for (const char* text : {"", "  \t\n", "acc", "(acc)"}) {
    auto parsed = epilogue::parse(text);
    REQUIRE(parsed.ok());
    CHECK(parsed->identity());
    CHECK(parsed->text() == "acc");
    CHECK(parsed->device_expression(false) == "acc");
  }
  CHECK_FALSE(epilogue::parse("-acc")->identity());
  CHECK_FALSE(epilogue::parse("acc + 0")->identity());
}

TEST_CASE("epilogue_operands_are_listed_in_order_of_first_use_with_their_kinds") {
  auto parsed = epilogue::parse("gelu(acc + bias[n]) * scale + residual[m,n] + gate[ m ] + bias[n]");
  REQUIRE(parsed.ok());
  const std::vector<epilogue::Parameter> wanted = {{"bias", ParameterKind::kVectorN},
                                                   {"scale", ParameterKind::kScalar},
                                                   {"residual", ParameterKind::kMatrix},
                                                   {"gate", ParameterKind::kVectorM}};
  CHECK(parsed->parameters() == wanted);
}

TEST_CASE("equal_epilogues_print_equally") {
  CHECK(canonical("gelu(acc+bias[ n ])*scale+residual[m , n]") == "gelu(acc + bias[n]) * scale + residual[m,n]");
  CHECK(canonical("residual[m,n] + (gelu(acc + bias[n]) * (scale))") == "gelu(acc + bias[n]) * scale + residual[m,n]");
  CHECK(canonical("acc*1.50") == "acc * 1.5");
  CHECK(canonical("acc * 1e-5") == canonical("acc*0.00001"));
  CHECK(canonical("(acc + a) + b") == "acc + a + b");
  CHECK(canonical("acc + (a + b)") == "acc + (a + b)");
  CHECK(canonical("acc - (a - b)") == "acc - (a - b)");
  CHECK(canonical("acc / (a * b)") == "acc / (a * b)");
  CHECK(canonical("-(acc * a)") == "-(acc * a)");
  CHECK(canonical("(-acc) * a") == "-acc * a");
  CHECK(canonical("--acc") == "--acc");
}

TEST_CASE("canonical_text_reads_back_as_the_same_device_code") {
  for (const char* text : {"acc * a + b", "b + acc * a", "b - acc * a", "acc * a - b", "acc * a + b * c", "acc * a - b * c",
                           "(b + c) + acc * a", "(b - c) - acc * a", "acc * a + (b * c + d)", "-acc * -a - -b", "a / b * acc + c",
                           "min(acc, max(a, -1)) * 2 + exp(tanh(acc) / 3)", "acc - -3", "a - (b + acc * c)", "(acc + 1) * (acc - 1) + 1e-30"}) {
    auto first = epilogue::parse(text);
    REQUIRE(first.ok());
    auto again = epilogue::parse(first->text());
    REQUIRE(again.ok());
    CHECK(again->text() == first->text());
    CHECK(again->device_expression(true) == first->device_expression(true));
  }
}

TEST_CASE("equal_epilogues_number_their_operands_equally") {
  CHECK(epilogue::parse("b + acc * a")->parameters() == epilogue::parse("acc * a + b")->parameters());
  CHECK(epilogue::parse("b - acc * a")->parameters()[0].name == "b");
}

TEST_CASE("a_product_and_a_sum_are_one_fused_multiply_add") {
  CHECK(device("acc * a + b") == "bsgen::dev::fma(acc, p0, p1)");
  CHECK(device("b + acc * a") == "bsgen::dev::fma(acc, p0, p1)");
  CHECK(device("acc * a - b") == "bsgen::dev::fma(acc, p0, -p1)");
  CHECK(device("b - acc * a") == "bsgen::dev::fma(-acc, p1, p0)");
  CHECK(device("(acc * a) + b") == "bsgen::dev::fma(acc, p0, p1)");
  CHECK(device("acc * a + b * c") == "bsgen::dev::fma(acc, p0, p1 * p2)");
  CHECK(device("acc * a - b * c") == "bsgen::dev::fma(acc, p0, -(p1 * p2))");
  CHECK(device("acc * a * b + c") == "bsgen::dev::fma(acc * p0, p1, p2)");
  CHECK(device("-acc * a - -b") == "bsgen::dev::fma(-acc, p0, -(-p1))");
  CHECK(device("acc / a + b") == "acc / p0 + p1");
  CHECK(device("-(acc * a) + b") == "-(acc * p0) + p1");
}

TEST_CASE("epilogue_device_code_holds_no_text_of_the_user") {
  CHECK(device("acc + __syncthreads[n] * asm") == "bsgen::dev::fma(p0, p1, acc)");
  CHECK(device("gelu_tanh(acc) * 2 + min(acc, x[m])", true) ==
        "bsgen::dev::fma(bsgen::dev::gelu_tanh<true>(acc), 2.0f, bsgen::dev::min<true>(acc, p0))");
  CHECK(device("silu(acc) - 0.1 + 1e-30 + 16777216") == "bsgen::dev::silu<false>(acc) - 0.1f + 1e-30f + 16777216.0f");
  CHECK(device("--acc") == "-(-acc)");
  CHECK(device("acc - (a + b)") == "acc - (p0 + p1)");
}

TEST_CASE("deep_or_long_epilogues_are_refused_not_followed") {
  const auto repeated = [](std::string_view part, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += part;
    return text;
  };
  CHECK(epilogue::parse(repeated("(", 60) + "acc" + repeated(")", 60)).ok());
  CHECK_FALSE(epilogue::parse(repeated("(", 4000)).ok());
  CHECK_FALSE(epilogue::parse(repeated("-", 4000) + "acc").ok());
  CHECK_FALSE(epilogue::parse(repeated("exp(", 1000) + "acc").ok());
  CHECK(epilogue::parse("acc" + repeated("+acc", 255)).ok());
  CHECK_FALSE(epilogue::parse("acc" + repeated("+acc", 256)).ok());
  CHECK_FALSE(epilogue::parse(repeated("acc+", 2000) + "acc").ok());
  std::string many = "acc";
  for (int i = 0; i < 33; ++i) many += " + p" + std::to_string(i);
  CHECK_FALSE(epilogue::parse(many).ok());
}
