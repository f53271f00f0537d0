// What a matrix may look like: rectangular blocks, ragged ends, nothing at all, stacks of heads.
#include "tests/conformance/kernels/grid.h"

namespace bsgen::conformance {
namespace {

// A type per turn, so that each shape meets several without the whole product being run.
DType type_of(std::size_t turn) { return kDTypes[turn % kDTypes.size()]; }
Activations order_of(std::size_t turn) { return turn % 3 == 1 ? Activations::kCol : Activations::kRow; }

Layout stack_of_heads(int heads, BlockShape block, MatrixSize size) {
  std::vector<std::uint8_t> bits(static_cast<std::size_t>(heads) * 20);
  for (std::size_t i = 0; i < bits.size(); ++i) bits[i] = i * 2654435761u % 7 < 3;
  for (std::size_t i = 20; i < 40 && i < bits.size(); ++i) bits[i] = 0;  // head 1 is empty
  return *Layout::from_bits(bits, 4, 5, block, heads, size);
}

}  // namespace

TEST_CASE("rectangular_blocks_agree_with_float64", "[shapes]") {
  CONFORMANCE_SUITE(suite);
  const std::vector<BlockShape> blocks = {{8, 16}, {16, 8}, {16, 32}, {32, 8}, {8, 64}, {64, 16}, {32, 128}, {128, 32}};
  std::size_t turn = 0;
  for (const BlockShape block : blocks)
    for (const Op op : kOps) {
      suite.expect_pass({.mask = "random:5x4:density=0.5,seed=5", .options = {.block = block},
                         .problem = {.op = op, .dtype = type_of(turn), .activations = order_of(turn)}, .tokens = {77}});
      ++turn;
    }
}

TEST_CASE("large_blocks_agree_with_float64", "[shapes]") {
  CONFORMANCE_SUITE(suite);
  std::size_t turn = 0;
  for (const int block : {64, 128})
    for (const Op op : kOps)
      for (int i = 0; i < 2; ++i) {
        suite.expect_pass({.mask = "random:3x4:density=0.5,seed=6", .options = {.block = {block, block}},
                           .problem = {.op = op, .dtype = type_of(turn), .activations = order_of(turn)}, .tokens = {77}});
        ++turn;
      }
}

TEST_CASE("ragged_sizes_agree_with_float64", "[shapes]") {
  CONFORMANCE_SUITE(suite);
  std::size_t turn = 0;
  for (const int block : kBlocks)
    for (const Op op : kOps)
      for (const auto& [cut_rows, cut_cols] : {std::pair{1, 3}, {block / 2, 0}, {0, block - 1}}) {
        suite.expect_pass({.mask = "random:5x6:density=0.5,seed=7",
                           .options = {.block = {block, block}, .size = {5 * block - cut_rows, 6 * block - cut_cols}},
                           .problem = {.op = op, .dtype = type_of(turn), .activations = order_of(turn)}, .tokens = {1, 70}});
        ++turn;
      }
}

TEST_CASE("a_single_element_matrix_agrees_with_float64", "[shapes]") {
  CONFORMANCE_SUITE(suite);
  for (const Op op : kOps)
    for (const DType dtype : kDTypes)
      suite.expect_pass({.mask = "full:1x1", .options = {.block = {8, 8}, .size = {1, 1}}, .problem = {.op = op, .dtype = dtype}, .tokens = {0, 1, 5}});
}

TEST_CASE("empty_rows_columns_and_masks_agree_with_float64", "[shapes]") {
  CONFORMANCE_SUITE(suite);
  const Layout holes = *Layout::from_bits({0, 1, 0, 1,  //
                                           0, 0, 0, 0,  //
                                           0, 1, 0, 0}, 3, 4, {16, 16});
  const Layout one = *Layout::from_bits({0, 0, 0, 0, 0, 1}, 2, 3, {32, 32});
  const Layout none = *Layout::from_bits({0, 0, 0, 0}, 2, 2, {16, 16});
  for (const Op op : kOps)
    for (const DType dtype : {DType::kFp32, DType::kBf16})
      for (const auto& [name, layout] : {std::pair{"holes", holes}, {"one block", one}, {"no block", none}})
        suite.expect_pass({.mask = name, .layout = layout, .problem = {.op = op, .dtype = dtype}, .tokens = {0, 1, 40}});
}

TEST_CASE("stacks_of_heads_agree_with_float64", "[shapes]") {
  CONFORMANCE_SUITE(suite);
  std::size_t turn = 0;
  for (const int block : kBlocks)
    for (const Op op : kOps) {
      const Layout layout = stack_of_heads(3, {block, block}, {4 * block - 3, 5 * block - 5});
      suite.expect_pass({.mask = "three heads", .layout = layout, .problem = {.op = op, .dtype = type_of(turn), .activations = order_of(turn)},
                         .tokens = {0, 1, 66}});
      ++turn;
    }
}

TEST_CASE("every_number_of_tokens_around_a_tile_agrees_with_float64", "[shapes]") {
  CONFORMANCE_SUITE(suite);
  for (const Op op : kOps)
    suite.expect_pass({.mask = "banded:4x4:width=3", .options = {.block = {16, 16}}, .problem = {.op = op, .dtype = DType::kFp16},
                       .tokens = {2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257}});
}

}  // namespace bsgen::conformance
