// LayoutProfile: what a mask is like, measured once in time linear in its blocks. The planner's only view of the mask
// besides the mask itself, and what `bsgen mask info` prints.
//
//   const LayoutProfile p = profile(layout);
//   double r = p.reuse_fprop(4);  // blocks served by one loaded operand tile in panels of 4 block columns
#pragma once

#include <array>
#include <cstdint>
#include <iosfwd>
#include <utility>
#include <vector>

#include "bsgen/layout.h"
#include "compiler/analysis/structure.h"

namespace bsgen::analysis {

// Blocks per block row (or block column), over all heads.
struct LengthHistogram {
  std::vector<std::pair<std::int64_t, std::int64_t>> counts;  // (length, how many rows have it), lengths ascending
  std::int64_t num_rows = 0;  // sum of the counts
  std::int64_t min = 0, max = 0, empty = 0;
  double median = 0, mean = 0;
  double imbalance = 0;  // max / mean; 1 is even, 0 when there is no block
  bool operator==(const LengthHistogram&) const = default;
};

inline constexpr std::array<int, 5> kPanelWidths{1, 2, 4, 8, 16};

struct LayoutProfile {
  std::int64_t heads = 0, grid_rows = 0, grid_cols = 0, num_blocks = 0;
  std::int64_t num_elements = 0;  // of present blocks, inside the matrix: useful FLOP per token are twice this
  double density = 0;
  LengthHistogram rows, cols;

  // Panels of kPanelWidths[w] adjacent output blocks. A union is one operand tile that a panel loads: for fprop a
  // (block row, panel of block columns) with at least one block, for bprop a (block column, panel of block rows).
  std::array<std::int64_t, 5> fprop_unions{}, bprop_unions{};
  // Blocks whose right (i, j + 1) or lower (i + 1, j) neighbour is present: what merges into wider tiles.
  std::int64_t right_neighbours = 0, lower_neighbours = 0;

  Structure structure;  // of each head; kNone when there is none

  // Blocks per union, `width` one of kPanelWidths; 1 where nothing is shared, at most `width`; 0 without blocks.
  double reuse_fprop(int width) const;
  double reuse_bprop(int width) const;
  double right_adjacency() const;  // fraction of blocks; 0 without blocks
  double lower_adjacency() const;

  Status verify() const;  // sums agree, orders hold
  void dump(std::ostream& out) const;
  bool operator==(const LayoutProfile&) const = default;
};

LayoutProfile profile(const Layout& layout);

}  // namespace bsgen::analysis
