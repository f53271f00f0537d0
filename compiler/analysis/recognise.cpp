// Layout -> Structure. Every answer is proved, not sampled: a diagonal with as many blocks as it is long is whole, because
// no block occurs twice; what is not made of whole diagonals is compared row by row.
#include <algorithm>
#include <bit>

#include "compiler/analysis/structure.h"

namespace bsgen::analysis {
namespace {

// The blocks of head 0.
struct Head {
  std::int64_t rows, cols;
  std::span<const std::int64_t> offsets;  // rows + 1
  std::span<const std::int32_t> block_cols;

  std::span<const std::int32_t> row(std::int64_t i) const {
    return block_cols.subspan(offsets[i], offsets[i + 1] - offsets[i]);
  }
};

bool heads_agree(const Layout& layout) {
  const auto offsets = layout.row_offsets();
  const auto cols = layout.block_cols();
  const std::int64_t rows = layout.grid_rows(), blocks = offsets[rows];
  for (std::int64_t head = 1; head < layout.heads(); ++head) {
    const std::int64_t first = offsets[head * rows];
    if (offsets[(head + 1) * rows] - first != blocks) return false;
    for (std::int64_t i = 0; i < rows; ++i)
      if (offsets[head * rows + i] - first != offsets[i]) return false;
    if (!std::equal(cols.begin(), cols.begin() + blocks, cols.begin() + first)) return false;
  }
  return true;
}

// Whether `s` lists exactly the head's blocks.
bool describes(const Structure& s, const Head& head) {
  for (std::int64_t i = 0; i < head.rows; ++i) {
    const auto row = head.row(i);
    if (row_count(s, i) != static_cast<std::int64_t>(row.size())) return false;
    for (std::size_t n = 0; n < row.size(); ++n)
      if (row_block_col(s, i, static_cast<std::int64_t>(n)) != row[n]) return false;
  }
  return true;
}

// Which diagonals are there, as diagonals[d + rows - 1]; nothing where one is there in part.
std::vector<bool> whole_diagonals(const Head& head) {
  std::vector<std::int64_t> counts(head.rows + head.cols - 1, 0);
  for (std::int64_t i = 0; i < head.rows; ++i)
    for (const std::int32_t j : head.row(i)) ++counts[j - i + head.rows - 1];
  std::vector<bool> diagonals(counts.size());
  for (std::size_t k = 0; k < counts.size(); ++k) {
    const std::int64_t d = static_cast<std::int64_t>(k) - (head.rows - 1);
    const std::int64_t length = std::min(head.rows, head.cols - d) - std::max<std::int64_t>(0, -d);
    if (counts[k] != 0 && counts[k] != length) return {};
    diagonals[k] = counts[k] != 0;
  }
  return diagonals;
}

// The smallest p with bits[k] == bits[k + p] throughout (Knuth, Morris, Pratt: the longest border).
std::int64_t smallest_period(const std::vector<bool>& bits) {
  std::vector<std::int64_t> border(bits.size() + 1, 0);
  border[0] = -1;
  for (std::size_t k = 0; k < bits.size(); ++k) {
    std::int64_t b = border[k];
    while (b >= 0 && bits[b] != bits[k]) b = border[b];
    border[k + 1] = b + 1;
  }
  return static_cast<std::int64_t>(bits.size()) - border[bits.size()];
}

std::vector<std::int32_t> residues(const std::vector<bool>& diagonals, std::int64_t rows,
                                   std::int64_t period) {
  std::vector<std::int32_t> result;
  for (std::int64_t k = 0; k < period; ++k) {
    const std::int64_t i_minus_j = rows - 1 - k;  // any representative: the period divides the rest
    if (diagonals[k])
      result.push_back(static_cast<std::int32_t>((i_minus_j % period + period) % period));
  }
  std::sort(result.begin(), result.end());
  return result;
}

Structure of_diagonals(const std::vector<bool>& diagonals, Structure s) {
  const auto zero = diagonals.begin() + (s.grid_rows - 1);
  const auto all = [](auto begin, auto end, bool value) {
    return std::find(begin, end, !value) == end;
  };
  if (all(diagonals.begin(), zero + 1, true) && all(zero + 1, diagonals.end(), false)) {
    s.kind = StructureKind::kLowerTriangle;
    return s;
  }
  if (all(diagonals.begin(), zero, false) && all(zero, diagonals.end(), true)) {
    s.kind = StructureKind::kUpperTriangle;
    return s;
  }
  // Periodic where two whole periods show on both sides: fewer offsets and even counts. Else a band, which clips.
  const std::int64_t period = smallest_period(diagonals);
  if (2 * period <= std::min(s.grid_rows, s.grid_cols)) {
    auto listed = residues(diagonals, s.grid_rows, period);
    if (listed.size() <= kMaxOffsets) {
      s.kind = StructureKind::kPeriodic;
      s.size = period;
      s.offsets = std::move(listed);
      return s;
    }
  }
  if (std::count(diagonals.begin(), diagonals.end(), true) <= kMaxOffsets) {
    s.kind = StructureKind::kBand;
    for (std::size_t k = 0; k < diagonals.size(); ++k)
      if (diagonals[k])
        s.offsets.push_back(static_cast<std::int32_t>(static_cast<std::int64_t>(k) - (s.grid_rows - 1)));
  }
  return s;
}

}  // namespace

Structure recognise(const Layout& layout) {
  const Head head{layout.grid_rows(), layout.grid_cols(),
                  layout.row_offsets().first(layout.grid_rows() + 1), layout.block_cols()};
  const Structure none{StructureKind::kNone, head.rows, head.cols, 0, {}};
  const std::int64_t blocks = head.offsets.back();
  const auto plain = [&](StructureKind kind) {
    Structure s = none;
    s.kind = kind;
    return s;
  };
  if (!heads_agree(layout)) return none;
  if (blocks == 0) return plain(StructureKind::kEmpty);
  if (blocks == head.rows * head.cols) return plain(StructureKind::kFull);

  if (!head.row(0).empty()) {
    Structure squares = plain(StructureKind::kBlockDiagonal);
    // The first square's width, or its height where the grid is too narrow to show the width.
    squares.size = static_cast<std::int64_t>(head.row(0).size());
    if (squares.size == head.cols)
      while (squares.size < head.rows && !head.row(squares.size).empty()) ++squares.size;
    if (num_blocks(squares) == blocks && describes(squares, head)) return squares;
  }
  if (const auto diagonals = whole_diagonals(head); !diagonals.empty())
    return of_diagonals(diagonals, none);

  const auto power_of_two = [](std::int64_t n) {
    return std::has_single_bit(static_cast<std::uint64_t>(n));
  };
  if (power_of_two(head.rows) && power_of_two(head.cols)) {
    const Structure butterfly = plain(StructureKind::kButterfly);
    if (num_blocks(butterfly) == blocks && describes(butterfly, head)) return butterfly;
  }
  return none;
}

}  // namespace bsgen::analysis
