// Bytes that must move, worked out by hand.
#include "tests/support/catch.h"

#include "runtime/verify/verify.h"

using namespace bsgen;
using namespace bsgen::verify;

TEST_CASE("the_floor_counts_each_needed_sector_once") {
  // 2 x 2 blocks of 16 x 16; block row 1 is empty, so half of X is never needed.
  auto layout = Layout::from_bits({1, 1, 0, 0}, 2, 2, {16, 16});
  Problem problem{.op = Op::kFprop, .dtype = DType::kBf16};
  // X: 4 tokens x 16 features x 2 bytes = one sector each. W: 2 x 512 bytes. Y: 4 x 64 bytes.
  CHECK(floor_bytes(*layout, problem, 4) == 4 * 32 + 1024 + 4 * 64);
  problem.activations = Activations::kCol;  // 16 rows of 4 tokens, 8 elements apart (align 16): 16 bytes each, two per sector
  CHECK(floor_bytes(*layout, problem, 4) == 16 * 16 + 1024 + 32 * 16);
  problem.activations = Activations::kRow;
  problem.op = Op::kBprop;  // dY: 4 x 64 bytes, all needed; dX: 4 x 64 bytes
  CHECK(floor_bytes(*layout, problem, 4) == 4 * 64 + 1024 + 4 * 64);
  problem.op = Op::kUpdate;  // X: 4 x 32, dY: 4 x 64, dW fp32: 2 x 1024
  CHECK(floor_bytes(*layout, problem, 4) == 4 * 32 + 4 * 64 + 2048);
  problem.accumulate = true;
  CHECK(floor_bytes(*layout, problem, 4) == 4 * 32 + 4 * 64 + 2 * 2048);
}

TEST_CASE("the_floor_of_a_ragged_matrix_leaves_padding_out") {
  // One block of 8 x 8 fp32 in a 5 x 3 matrix: W needs the first 12 bytes of each of 5 rows of 32 bytes.
  auto layout = Layout::from_bits({1}, 1, 1, {8, 8}, 1, {5, 3});
  Problem problem{.op = Op::kFprop, .dtype = DType::kFp32, .align = 4};
  // X: 2 x 5 elements, 40 bytes, 2 sectors; Y: 2 x 3, 24 bytes, 1 sector.
  CHECK(floor_bytes(*layout, problem, 2) == 64 + 5 * 32 + 32);
  problem.op = Op::kUpdate;  // dW whole: padding is written too
  CHECK(floor_bytes(*layout, problem, 2) == 64 + 32 + 8 * 32);
}

TEST_CASE("the_floor_counts_the_operands_of_the_epilogue") {
  auto layout = Layout::from_bits({1}, 1, 1, {8, 8});
  Problem problem{.op = Op::kFprop, .dtype = DType::kFp32};
  const auto plain = floor_bytes(*layout, problem, 4);
  problem.epilogue = "acc * s + b[n] + g[m] + r[m,n]";
  CHECK(floor_bytes(*layout, problem, 4) == plain + 32 + 32 + 128);
}

TEST_CASE("no_tokens_need_no_bytes_but_a_gradient_of_zero") {
  auto layout = Layout::from_bits({1, 1}, 1, 2, {8, 8});
  CHECK(floor_bytes(*layout, {.op = Op::kFprop}, 0) == 0);
  CHECK(floor_bytes(*layout, {.op = Op::kBprop}, 0) == 0);
  CHECK(floor_bytes(*layout, {.op = Op::kUpdate}, 0) == 2 * 256);
}

TEST_CASE("useful_work_is_that_of_present_elements_inside_the_matrix") {
  auto layout = Layout::from_bits({1, 0, 0, 1}, 2, 2, {8, 16}, 1, {13, 20});
  // Block (0,0): 8 x 16; block (1,1): 5 x 4.
  CHECK(useful_flops(*layout, {}, 10) == 2 * 10 * (128 + 20));
}
