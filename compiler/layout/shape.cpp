// The checks that every maker goes through.
#include <fmt/format.h>

#include "compiler/layout/layout_data.h"

namespace bsgen::layout {
namespace {

Status invalid(std::string message) {
  return Status(ErrorCode::kInvalidArgument, "layout: " + std::move(message));
}

// One side of the matrix: `size` elements in `grid` blocks of `edge`, completing a size of 0.
Status check_side(const char* what, std::int64_t grid, int edge, std::int64_t& size) {
  // grid <= 2^31 and edge < 2^31, so the product fits.
  const std::int64_t covered = grid * edge;
  if (size == 0) size = covered;
  if (size > kMaxSide)
    return invalid(fmt::format("{} {} of elements, the limit is {}", size, what, kMaxSide));
  if (size <= covered - edge || size > covered)
    return invalid(
        fmt::format("{} {} do not end inside the last of {} blocks of {}; give {} to {}", size,
                    what, grid, edge, covered - edge + 1, std::min(covered, kMaxSide)));
  return {};
}

}  // namespace

Expected<Shape> check_shape(std::int64_t heads, std::int64_t grid_rows, std::int64_t grid_cols,
                            BlockShape block, MatrixSize size) {
  if (heads < 1) return invalid(fmt::format("{} heads, a stack has at least 1", heads));
  if (block.rows < 1 || block.cols < 1)
    return invalid(
        fmt::format("block of {} x {}, edges are at least 1", block.rows, block.cols));
  if (grid_rows < 1 || grid_cols < 1)
    return invalid(
        fmt::format("grid of {} x {} blocks, each side is at least 1", grid_rows, grid_cols));
  if (size.rows < 0 || size.cols < 0 || (size.rows == 0) != (size.cols == 0))
    return invalid(fmt::format("size of {} x {} elements, each side is at least 1", size.rows,
                               size.cols));
  // Divisions instead of products: nothing overflows.
  if (grid_rows > kMaxBlocks || grid_cols > kMaxBlocks / grid_rows ||
      heads > kMaxBlocks / (grid_rows * grid_cols))
    return invalid(fmt::format("{}{} x {} blocks, the limit is {} in all; use larger blocks",
                               heads == 1 ? "" : fmt::format("{} heads of ", heads), grid_rows,
                               grid_cols, kMaxBlocks));
  BSGEN_TRY(check_side("rows", grid_rows, block.rows, size.rows));
  BSGEN_TRY(check_side("columns", grid_cols, block.cols, size.cols));
  return Shape{heads, grid_rows, grid_cols, block, size};
}

Expected<Shape> shape_of_elements(std::int64_t heads, std::int64_t rows, std::int64_t cols,
                                  BlockShape block) {
  if (rows < 1 || cols < 1 || rows > kMaxSide || cols > kMaxSide)
    return invalid(fmt::format("matrix of {} x {} elements, each side is 1 to {}", rows, cols,
                               kMaxSide));
  if (block.rows < 1 || block.cols < 1) return check_shape(heads, 1, 1, block, {});
  return check_shape(heads, (rows + block.rows - 1) / block.rows,
                     (cols + block.cols - 1) / block.cols, block, {rows, cols});
}

Status check_bsr(const Shape& shape, std::span<const std::int64_t> row_offsets,
                 std::span<const std::int32_t> block_cols) {
  const std::int64_t all_rows = shape.all_rows();
  const std::int64_t num_blocks = static_cast<std::int64_t>(block_cols.size());
  if (static_cast<std::int64_t>(row_offsets.size()) != all_rows + 1)
    return invalid(fmt::format("{} row offsets for {} block rows, {} are needed",
                               row_offsets.size(), all_rows, all_rows + 1));
  if (row_offsets.front() != 0)
    return invalid(fmt::format("row offset 0 is {}, it must be 0", row_offsets.front()));
  if (row_offsets.back() != num_blocks)
    return invalid(fmt::format("the last row offset is {}, there are {} blocks",
                               row_offsets.back(), num_blocks));
  for (std::int64_t row = 0; row < all_rows; ++row) {
    const std::int64_t begin = row_offsets[row], end = row_offsets[row + 1];
    if (end < begin || end > num_blocks)
      return invalid(fmt::format("row offset {} is {} after {}; offsets ascend to {}", row + 1,
                                 end, begin, num_blocks));
    std::int64_t previous = -1;
    for (std::int64_t n = begin; n < end; ++n) {
      const std::int64_t col = block_cols[n];
      if (col <= previous || col >= shape.grid_cols) [[unlikely]] {
        if (col < 0 || col >= shape.grid_cols)
          return invalid(fmt::format("block ({}, {}) is outside the {} x {} grid of a {} x {} "
                                     "matrix in {} x {} blocks",
                                     row % shape.grid_rows, col, shape.grid_rows, shape.grid_cols,
                                     shape.size.rows, shape.size.cols, shape.block.rows,
                                     shape.block.cols));
        return invalid(fmt::format("block row {} lists column {} after {}; columns ascend without "
                                   "repetition",
                                   row, col, previous));
      }
      previous = col;
    }
  }
  return {};
}

}  // namespace bsgen::layout
