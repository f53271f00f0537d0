// What a Layout shares between its copies, and the checks that every maker goes through.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <vector>

#include "bsgen/layout.h"
#include "compiler/support/within_memory.h"

namespace bsgen {

struct Layout::Data {
  std::int64_t heads = 1, grid_rows = 0, grid_cols = 0;
  BlockShape block;
  MatrixSize size;  // in elements, never {0, 0}
  std::vector<std::int64_t> row_offsets;
  std::vector<std::int32_t> block_cols;
  Hash128 hash;
};

namespace layout {

inline constexpr std::int64_t kMaxBlocks = std::int64_t{1} << 31;  // of the grid, all heads
inline constexpr std::int64_t kMaxSide = std::int64_t{1} << 31;    // elements

// Everything but the blocks. `size` is completed to grid x block where it was {0, 0}.
struct Shape {
  std::int64_t heads = 1, grid_rows = 0, grid_cols = 0;
  BlockShape block;
  MatrixSize size;
  std::int64_t all_rows() const { return heads * grid_rows; }
};
// Refuses what no layout can be; every product of the result fits into 64 bits.
Expected<Shape> check_shape(std::int64_t heads, std::int64_t grid_rows, std::int64_t grid_cols,
                            BlockShape block, MatrixSize size);
// The same for a matrix given in elements: the grid covers it.
Expected<Shape> shape_of_elements(std::int64_t heads, std::int64_t rows, std::int64_t cols,
                                  BlockShape block);

// The blocks of a shape in BSR form: offsets ascend from 0 to the number of blocks, columns ascend strictly in each row
// and are inside the grid.
Status check_bsr(const Shape& shape, std::span<const std::int64_t> row_offsets,
                 std::span<const std::int32_t> block_cols);

Hash128 canonical_hash(const Shape& shape, std::span<const std::int64_t> row_offsets,
                       std::span<const std::int32_t> block_cols);

// A layout may be as big as its caller asks for.
template <class Make>
auto within_memory(const Make& make) -> decltype(make()) {
  return bsgen::within_memory("layout: not enough memory for this mask; use larger blocks or fewer", make);
}

}  // namespace layout
}  // namespace bsgen
