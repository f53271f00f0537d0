// Random layouts for property tests: a pure function of the case number, which failures print.
#pragma once

#include <vector>

#include "bsgen/layout.h"
#include "compiler/layout/draws.h"

namespace bsgen::test {

struct RandomLayout {
  std::vector<std::uint8_t> bits;
  std::int64_t heads, grid_rows, grid_cols;
  BlockShape block;
  MatrixSize size;
  Layout make() const { return *Layout::from_bits(bits, grid_rows, grid_cols, block, heads, size); }
};

inline RandomLayout random_layout(std::uint64_t number, std::int64_t widest = 40) {
  layout::Draws draws(number, 1000);
  RandomLayout r;
  constexpr int kEdges[] = {1, 8, 16, 32, 64, 128};
  r.heads = draws.below(4) == 0 ? 1 + draws.below(4) : 1;
  r.grid_rows = 1 + draws.below(widest);
  r.grid_cols = 1 + draws.below(widest);
  r.block = {kEdges[draws.below(6)], kEdges[draws.below(6)]};
  r.size = {r.grid_rows * r.block.rows - draws.below(r.block.rows), r.grid_cols * r.block.cols - draws.below(r.block.cols)};
  const std::int64_t percent = draws.below(4) == 0 ? draws.below(2) * 100 : draws.below(101);
  for (std::int64_t n = 0; n < r.heads * r.grid_rows * r.grid_cols; ++n) r.bits.push_back(draws.below(100) < percent);
  return r;
}

}  // namespace bsgen::test
