// Drawn values, conversions, operands.
#include "tests/support/catch.h"

#include <bit>
#include <cmath>
#include <limits>

#include "compiler/support/philox.h"
#include "runtime/verify/verify.h"

using namespace bsgen;
using namespace bsgen::verify;

namespace {
float as_float(std::uint32_t bits) { return std::bit_cast<float>(bits); }
}  // namespace

TEST_CASE("an_input_value_is_the_centred_sum_of_eight_uniforms") {
  const PhiloxBlock block = philox4x32({5, 1, 2, 0}, 42);
  std::int64_t sum = 0;
  for (const std::uint32_t word : block) sum += (word & 0xffff) + (word >> 16);
  const float expected = static_cast<float>(sum - 262140) * (std::sqrt(1.5f) / 65536);
  CHECK(input_value(42, 2, (std::uint64_t{1} << 32) + 5) == expected);
}

TEST_CASE("input_values_are_the_same_on_every_machine") {
  // Frozen: a change here changes every published digest.
  CHECK(std::bit_cast<std::uint32_t>(input_value(0, 0, 0)) == 0x400fbc8bu);
  CHECK(std::bit_cast<std::uint32_t>(input_value(0, 1, 7)) == 0xc003b674u);
  CHECK(std::bit_cast<std::uint32_t>(input_value(123456789012345, 2, 1u << 20)) == 0xbe6e58cbu);
}

TEST_CASE("input_values_have_mean_0_and_variance_1") {
  double sum = 0, squares = 0;
  const int count = 100000;
  for (int i = 0; i < count; ++i) {
    const double value = input_value(7, 0, i);
    sum += value, squares += value * value;
  }
  CHECK(std::fabs(sum / count) < 0.01);
  CHECK(std::fabs(squares / count - 1) < 0.02);
}

TEST_CASE("fp16_rounds_to_nearest_even_and_keeps_subnormals") {
  CHECK(to_fp16(1.0f) == 0x3c00);
  CHECK(to_fp16(1 + 0x1p-11f) == 0x3c00);             // a tie, to even
  CHECK(to_fp16(1 + 3 * 0x1p-11f) == 0x3c02);         // a tie, to even
  CHECK(to_fp16(std::nextafter(1 + 0x1p-11f, 2.0f)) == 0x3c01);
  CHECK(to_fp16(65504) == 0x7bff);
  CHECK(to_fp16(65519.996f) == 0x7bff);
  CHECK(to_fp16(65520) == 0x7c00);
  CHECK(to_fp16(-1e30f) == 0xfc00);
  CHECK(to_fp16(0x1p-24f) == 1);
  CHECK(to_fp16(0x1p-25f) == 0);                      // a tie, to even
  CHECK(to_fp16(3 * 0x1p-25f) == 2);
  CHECK(to_fp16(-0x1.8p-25f) == 0x8001);
  CHECK(to_fp16(0x1.ff8p-15f) == 0x03ff);
  CHECK(to_fp16(0x1.ffcp-15f) == 0x0400);             // a tie, up into the normals
  CHECK(to_fp16(-0.0f) == 0x8000);
  CHECK(to_fp16(std::numeric_limits<float>::quiet_NaN()) == 0x7fff);
}

TEST_CASE("every_fp16_and_bf16_reads_back_as_itself") {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const std::uint16_t half = static_cast<std::uint16_t>(bits);
    if (!std::isnan(from_fp16(half))) REQUIRE(to_fp16(from_fp16(half)) == half);
    if (!std::isnan(from_bf16(half))) REQUIRE(to_bf16(from_bf16(half)) == half);
  }
}

TEST_CASE("fp16_rounding_picks_the_nearer_neighbour_of_every_gap") {
  for (std::uint32_t bits = 0; bits < 0x7bff; ++bits) {
    const float low = from_fp16(bits), high = from_fp16(bits + 1), middle = low + (high - low) / 2;
    REQUIRE(to_fp16(std::nextafter(middle, 0.0f)) == bits);
    REQUIRE(to_fp16(middle) == (bits & 1 ? bits + 1 : bits));
    REQUIRE(to_fp16(std::nextafter(middle, 1e9f)) == bits + 1);
  }
}

TEST_CASE("bf16_and_tf32_round_as_the_hardware_does") {
  CHECK(to_bf16(as_float(0x3f808000)) == 0x3f80);  // tie to even
  CHECK(to_bf16(as_float(0x3f818000)) == 0x3f82);
  CHECK(to_bf16(as_float(0x7f7fffff)) == 0x7f80);
  CHECK(round_tf32(as_float(0x3f801000)) == as_float(0x3f802000));  // tie away
  CHECK(round_tf32(as_float(0xbf801000)) == as_float(0xbf802000));
  CHECK(round_tf32(as_float(0x3f800fff)) == 1.0f);
  CHECK(round_tf32(as_float(0x3fffffff)) == 2.0f);
  CHECK(std::isinf(round_tf32(std::numeric_limits<float>::infinity())));
  CHECK(std::isnan(round_tf32(std::numeric_limits<float>::quiet_NaN())));
}

TEST_CASE("both_activation_layouts_hold_the_same_values") {
  auto layout = Layout::from_bits({1, 0, 1, 1}, 2, 2, {8, 8}, 1, {15, 13});
  REQUIRE(layout.ok());
  const Problem row{.op = Op::kFprop, .dtype = DType::kFp16};
  Problem col = row;
  col.activations = Activations::kCol;
  auto a = make_operands(*layout, row, 5, 3), b = make_operands(*layout, col, 5, 3);
  REQUIRE(a.ok());
  REQUIRE(b.ok());
  CHECK(a->x.rows == 5);
  CHECK(b->x.rows == 15);
  for (int m = 0; m < 5; ++m)
    for (int k = 0; k < 15; ++k) CHECK(a->x.at(0, m, k) == b->x.at(0, k, m));
  CHECK(output_digest(a->x) == output_digest(b->x, true));
  CHECK(output_digest(a->x) != output_digest(b->x));
  CHECK(a->w.rows == 3);
  CHECK(a->w.cols == 64);
}

TEST_CASE("only_the_output_is_poisoned_and_padding_holds_finite_values") {
  auto layout = Layout::from_bits({1, 1}, 1, 2, {8, 8}, 1, {7, 11});
  const Problem problem{.op = Op::kFprop, .dtype = DType::kBf16, .epilogue = "acc * s + b[n] + g[m] + r[m,n]"};
  auto operands = make_operands(*layout, problem, 3, 1);
  REQUIRE(operands.ok());
  for (int block = 0; block < 2; ++block)
    for (int i = 0; i < 64; ++i) CHECK(std::isfinite(operands->w.at(0, block, i)));
  for (int m = 0; m < 3; ++m)
    for (int n = 0; n < 11; ++n) {
      CHECK(is_poison(operands->y, 0, m, n));
      CHECK(std::isnan(operands->y.at(0, m, n)));
    }
  CHECK(operands->scalars.count("s") == 1);
  CHECK(operands->tensors.at("b").cols == 11);
  CHECK(operands->tensors.at("b").dtype == DType::kFp32);
  CHECK(operands->tensors.at("g").cols == 3);
  CHECK(operands->tensors.at("r").dtype == DType::kBf16);
}

TEST_CASE("planted_values_stand_only_where_the_weight_meets_them") {
  auto layout = Layout::from_bits({1, 0, 0, 1}, 2, 2, {32, 32});
  const Problem problem{.op = Op::kBprop, .dtype = DType::kBf16};
  auto operands = make_operands(*layout, problem, 64, 1);
  plant_nonfinite(*layout, problem, *operands, 1);
  int planted = 0;
  for (int m = 0; m < 64; ++m)
    for (int n = 0; n < 64; ++n) planted += !std::isfinite(operands->y.at(0, m, n));
  CHECK(planted > 30);
  CHECK(planted < 120);
}
