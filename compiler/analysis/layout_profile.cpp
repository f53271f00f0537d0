#include "compiler/analysis/layout_profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <string>

namespace bsgen::analysis {
namespace {

// From how many rows have each length; `by_length` is indexed by length.
LengthHistogram histogram(const std::vector<std::int64_t>& lengths, std::int64_t longest) {
  LengthHistogram h;
  std::vector<std::int64_t> by_length(longest + 1, 0);
  for (const std::int64_t length : lengths) ++by_length[length];
  std::int64_t blocks = 0;
  for (std::int64_t length = 0; length <= longest; ++length) {
    if (by_length[length] == 0) continue;
    h.counts.emplace_back(length, by_length[length]);
    blocks += length * by_length[length];
  }
  h.num_rows = static_cast<std::int64_t>(lengths.size());
  h.empty = by_length[0];
  h.min = h.counts.front().first;
  h.max = h.counts.back().first;
  h.mean = static_cast<double>(blocks) / static_cast<double>(h.num_rows);
  h.imbalance = blocks == 0 ? 0 : static_cast<double>(h.max) / h.mean;
  // The length of the row at a position of the sorted order.
  const auto at = [&](std::int64_t position) {
    for (const auto& [length, count] : h.counts)
      if ((position -= count) < 0) return length;
    return h.max;
  };
  h.median = static_cast<double>(at((h.num_rows - 1) / 2) + at(h.num_rows / 2)) / 2;
  return h;
}

LengthHistogram histogram(const std::vector<std::int64_t>& lengths) {
  return histogram(lengths, *std::max_element(lengths.begin(), lengths.end()));
}

std::size_t width_index(int width) {
  const auto found = std::find(kPanelWidths.begin(), kPanelWidths.end(), width);
  BSGEN_ASSERT(found != kPanelWidths.end(), "callers ask for one of kPanelWidths");
  return static_cast<std::size_t>(found - kPanelWidths.begin());
}

double ratio(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

LayoutProfile profile(const Layout& layout) {
  LayoutProfile p;
  p.heads = layout.heads();
  p.grid_rows = layout.grid_rows();
  p.grid_cols = layout.grid_cols();
  p.num_blocks = layout.num_blocks();
  p.density = layout.density();

  const auto offsets = layout.row_offsets();
  const auto cols = layout.block_cols();
  // What the last block row and column have inside the matrix.
  const std::int64_t last_height = layout.rows() - (p.grid_rows - 1) * layout.block().rows;
  const std::int64_t last_width = layout.cols() - (p.grid_cols - 1) * layout.block().cols;
  std::vector<std::int64_t> row_lengths(p.heads * p.grid_rows), col_lengths(p.heads * p.grid_cols, 0);
  // One walk over the blocks. The widths are the powers of two, so a panel is a shift; rows ascend, so a panel of block rows
  // has met column j before exactly when the last row that had j lies in it.
  std::vector<std::int64_t> last_row(p.grid_cols);
  for (std::int64_t head = 0; head < p.heads; ++head) {
    std::fill(last_row.begin(), last_row.end(), -2);  // neither row -1 nor in any panel
    std::int64_t* const lengths = col_lengths.data() + head * p.grid_cols;
    for (std::int64_t i = 0; i < p.grid_rows; ++i) {
      const std::int64_t row = head * p.grid_rows + i, begin = offsets[row], end = offsets[row + 1];
      row_lengths[row] = end - begin;
      std::int64_t previous = -2;
      for (std::int64_t n = begin; n < end; ++n) {
        const std::int64_t j = cols[n];
        ++lengths[j];
        p.right_neighbours += previous == j - 1;
        p.lower_neighbours += last_row[j] == i - 1;
        for (std::size_t w = 0; w < kPanelWidths.size(); ++w) {
          p.fprop_unions[w] += previous >> w != j >> w;
          p.bprop_unions[w] += last_row[j] >> w != i >> w;
        }
        previous = j;
        last_row[j] = i;
      }
      if (end > begin) {
        const bool clipped = previous == p.grid_cols - 1;
        p.num_elements += (i == p.grid_rows - 1 ? last_height : layout.block().rows) *
                          ((end - begin) * layout.block().cols - (clipped ? layout.block().cols - last_width : 0));
      }
    }
  }
  p.rows = histogram(row_lengths);
  p.cols = histogram(col_lengths);
  p.structure = recognise(layout);
  return p;
}

double LayoutProfile::reuse_fprop(int width) const {
  return ratio(num_blocks, fprop_unions[width_index(width)]);
}
double LayoutProfile::reuse_bprop(int width) const {
  return ratio(num_blocks, bprop_unions[width_index(width)]);
}
double LayoutProfile::right_adjacency() const { return ratio(right_neighbours, num_blocks); }
double LayoutProfile::lower_adjacency() const { return ratio(lower_neighbours, num_blocks); }

Status LayoutProfile::verify() const {
  const auto wrong = [](std::string_view what) {
    return Status(ErrorCode::kInternal, fmt::format("analysis: profile: {}", what));
  };
  const auto sums = [&](const LengthHistogram& h, std::int64_t lines) {
    std::int64_t rows_seen = 0, blocks = 0, previous = -1;
    for (const auto& [length, count] : h.counts) {
      if (length <= previous || count < 1) return false;
      previous = length;
      rows_seen += count;
      blocks += length * count;
    }
    return rows_seen == lines && h.num_rows == lines && blocks == num_blocks;
  };
  if (!sums(rows, heads * grid_rows)) return wrong("row lengths do not add up to the blocks");
  if (!sums(cols, heads * grid_cols)) return wrong("column lengths do not add up to the blocks");
  for (const auto& unions : {fprop_unions, bprop_unions}) {
    if (unions[0] != num_blocks) return wrong("panels of width 1 share something");
    for (std::size_t w = 1; w < unions.size(); ++w)
      if (unions[w] > unions[w - 1] || unions[w] * kPanelWidths[w] < num_blocks)
        return wrong("unions do not shrink with the panel width within its limits");
  }
  if (right_neighbours > num_blocks || lower_neighbours > num_blocks)
    return wrong("more neighbours than blocks");
  return structure.verify();
}

void LayoutProfile::dump(std::ostream& out) const {
  const auto lengths = [](const LengthHistogram& h) {
    return fmt::format("min {} median {} max {} mean {:.3f} imbalance {:.3f} empty {}", h.min, h.median,
                       h.max, h.mean, h.imbalance, h.empty);
  };
  out << fmt::format("heads {}\ngrid {} x {}\nblocks {}\ndensity {:.6f}\nrow length {}\n"
                     "column length {}\n",
                     heads, grid_rows, grid_cols, num_blocks, density, lengths(rows), lengths(cols));
  for (const int width : kPanelWidths)
    out << fmt::format("reuse in panels of {}: fprop {:.3f} bprop {:.3f}\n", width,
                       reuse_fprop(width), reuse_bprop(width));
  out << fmt::format("adjacency right {:.3f} lower {:.3f}\nstructure ", right_adjacency(),
                     lower_adjacency());
  structure.dump(out);
}

}  // namespace bsgen::analysis
