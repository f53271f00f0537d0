// The closed forms. Each is written once, for rows; the column functions are the row functions of the transposed
// structure, seen through a View so that nothing is copied.
#include "compiler/analysis/structure.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <ostream>

namespace bsgen::analysis {
namespace {

// A structure, or its transposed self.
class View {
 public:
  View(const Structure& s, bool flipped) : s_(s), flipped_(flipped) {}

  StructureKind kind() const {
    if (flipped_ && s_.kind == StructureKind::kLowerTriangle) return StructureKind::kUpperTriangle;
    if (flipped_ && s_.kind == StructureKind::kUpperTriangle) return StructureKind::kLowerTriangle;
    return s_.kind;
  }
  std::int64_t rows() const { return flipped_ ? s_.grid_cols : s_.grid_rows; }
  std::int64_t cols() const { return flipped_ ? s_.grid_rows : s_.grid_cols; }
  std::int64_t size() const { return s_.size; }
  int num_offsets() const { return static_cast<int>(s_.offsets.size()); }
  // Band: the k-th diagonal, ascending. Negating reverses the order.
  std::int64_t diagonal(int k) const {
    return flipped_ ? -std::int64_t{s_.offsets[num_offsets() - 1 - k]} : s_.offsets[k];
  }
  // Periodic: one of the residues of row - column, in no particular order.
  std::int64_t residue(int k) const {
    return flipped_ ? (s_.size - s_.offsets[k]) % s_.size : s_.offsets[k];
  }

 private:
  const Structure& s_;
  bool flipped_;
};

std::int64_t clamp(std::int64_t x, std::int64_t low, std::int64_t high) {
  return std::max(low, std::min(x, high));
}

// How many of 0 .. n-1 are congruent to c modulo m, 0 <= c < m.
std::int64_t congruent_below(std::int64_t n, std::int64_t c, std::int64_t m) {
  return n / m + (c < n % m ? 1 : 0);
}

// The columns that row i of a periodic structure starts with, one for each residue, ascending: (i - residue) mod size.
struct FirstColumns {
  std::int64_t col[kMaxOffsets];
  int count = 0;
};
FirstColumns first_columns(const View& v, std::int64_t i) {
  FirstColumns first;
  for (int k = 0; k < v.num_offsets(); ++k)
    first.col[first.count++] = (i % v.size() - v.residue(k) + v.size()) % v.size();
  std::sort(first.col, first.col + first.count);
  return first;
}

int log2_of(std::int64_t power_of_two) {
  return std::countr_zero(static_cast<std::uint64_t>(power_of_two));
}

// Butterfly. The first `cols` rows hold i itself and i with one bit flipped. Further down only flipping the top bit can lead
// back inside, and does so in the first `cols` rows after each power of two.
bool inside(const View& v, std::int64_t i) { return i < v.cols(); }
std::int64_t without_top_bit(std::int64_t i) {
  return i - static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(i)));
}

std::int64_t count(const View& v, std::int64_t i) {
  switch (v.kind()) {
    case StructureKind::kNone:
    case StructureKind::kEmpty: return 0;
    case StructureKind::kFull: return v.cols();
    case StructureKind::kBlockDiagonal: {
      const std::int64_t first = i / v.size() * v.size();
      return clamp(v.cols() - first, 0, v.size());
    }
    case StructureKind::kLowerTriangle: return std::min(i + 1, v.cols());
    case StructureKind::kUpperTriangle: return std::max<std::int64_t>(v.cols() - i, 0);
    case StructureKind::kPeriodic: {
      const FirstColumns first = first_columns(v, i);
      std::int64_t n = 0;
      for (int k = 0; k < first.count; ++k) n += congruent_below(v.cols(), first.col[k], v.size());
      return n;
    }
    case StructureKind::kBand: {
      std::int64_t n = 0;
      for (int k = 0; k < v.num_offsets(); ++k) {
        const std::int64_t j = i + v.diagonal(k);
        n += j >= 0 && j < v.cols();
      }
      return n;
    }
    case StructureKind::kButterfly:
      return inside(v, i) ? log2_of(v.cols()) + 1 : without_top_bit(i) < v.cols() ? 1 : 0;
  }
  return 0;
}

std::int64_t nth(const View& v, std::int64_t i, std::int64_t n) {
  switch (v.kind()) {
    case StructureKind::kNone:
    case StructureKind::kEmpty: return -1;
    case StructureKind::kFull:
    case StructureKind::kLowerTriangle: return n;
    case StructureKind::kBlockDiagonal: return i / v.size() * v.size() + n;
    case StructureKind::kUpperTriangle: return i + n;
    case StructureKind::kPeriodic: {
      const FirstColumns first = first_columns(v, i);
      return n / first.count * v.size() + first.col[n % first.count];
    }
    case StructureKind::kBand: {
      // Diagonals ascend, so those clipped on the left come first.
      int k = 0;
      while (k < v.num_offsets() && i + v.diagonal(k) < 0) ++k;
      return i + v.diagonal(k + static_cast<int>(n));
    }
    case StructureKind::kButterfly: {
      if (!inside(v, i)) return without_top_bit(i);
      // Clearing a bit gives a smaller column, the highest bit the smallest; then i; then setting bits, low to high.
      std::int64_t rank = 0;
      for (int bit = log2_of(v.cols()) - 1; bit >= 0; --bit)
        if ((i >> bit & 1) != 0 && rank++ == n) return i ^ (std::int64_t{1} << bit);
      if (rank++ == n) return i;
      for (int bit = 0; bit < log2_of(v.cols()); ++bit)
        if ((i >> bit & 1) == 0 && rank++ == n) return i ^ (std::int64_t{1} << bit);
      return -1;
    }
  }
  return -1;
}

// Blocks in the rows before i.
std::int64_t start(const View& v, std::int64_t i) {
  const std::int64_t cols = v.cols();
  switch (v.kind()) {
    case StructureKind::kNone:
    case StructureKind::kEmpty: return 0;
    case StructureKind::kFull: return i * cols;
    case StructureKind::kBlockDiagonal: {
      // Whole squares, then at most one clipped on the right, then nothing.
      const std::int64_t size = v.size(), whole = cols / size * size;
      return std::min(i, whole) * size + clamp(i - whole, 0, size) * (cols - whole);
    }
    case StructureKind::kLowerTriangle: {
      const std::int64_t slope = std::min(i, cols);
      return slope * (slope + 1) / 2 + (i - slope) * cols;
    }
    case StructureKind::kUpperTriangle: {
      const std::int64_t slope = std::min(i, cols);
      return slope * cols - slope * (slope - 1) / 2;
    }
    case StructureKind::kPeriodic: {
      // Row r has cols / size blocks of each residue, and one more where (r - residue) mod size < cols % size. Over a
      // whole period of rows that happens cols % size times.
      const std::int64_t size = v.size(), extra = cols % size;
      std::int64_t sum = v.num_offsets() * (i * (cols / size) + i / size * extra);
      const std::int64_t rest = i % size;  // rows of the last, partial period
      for (int k = 0; k < v.num_offsets(); ++k) {
        // (r - residue) mod size walks through c, c + 1, ..., c + rest - 1, wrapping once at most.
        const std::int64_t c = (size - v.residue(k)) % size;
        sum += clamp(extra - c, 0, rest) + clamp(c + rest - size, 0, extra);
      }
      return sum;
    }
    case StructureKind::kBand: {
      std::int64_t sum = 0;
      for (int k = 0; k < v.num_offsets(); ++k) {
        const std::int64_t d = v.diagonal(k);  // rows max(0, -d) up to cols - d have it
        const std::int64_t first = std::max<std::int64_t>(0, -d);
        sum += std::max<std::int64_t>(0, std::min(i, cols - d) - first);
      }
      return sum;
    }
    case StructureKind::kButterfly: {
      std::int64_t sum = std::min(i, cols) * (log2_of(cols) + 1);
      for (std::int64_t power = cols; power < v.rows(); power *= 2) sum += clamp(i - power, 0, cols);
      return sum;
    }
  }
  return 0;
}

// Position of the present column j in row i.
std::int64_t rank(const View& v, std::int64_t i, std::int64_t j) {
  switch (v.kind()) {
    case StructureKind::kNone:
    case StructureKind::kEmpty: return 0;
    case StructureKind::kFull:
    case StructureKind::kLowerTriangle: return j;
    case StructureKind::kBlockDiagonal: return j % v.size();
    case StructureKind::kUpperTriangle: return j - i;
    case StructureKind::kPeriodic: {
      const FirstColumns first = first_columns(v, i);
      const std::int64_t c = j % v.size();
      int below = 0;
      while (first.col[below] < c) ++below;
      return j / v.size() * first.count + below;
    }
    case StructureKind::kBand: {
      std::int64_t below = 0;
      for (int k = 0; k < v.num_offsets(); ++k)
        below += i + v.diagonal(k) >= 0 && i + v.diagonal(k) < j;
      return below;
    }
    case StructureKind::kButterfly: {
      if (!inside(v, i)) return 0;
      const std::uint64_t bits = static_cast<std::uint64_t>(i);
      const std::uint64_t flipped = static_cast<std::uint64_t>(i ^ j);
      if (flipped == 0) return std::popcount(bits);
      // j < i: the set bits above the cleared one come first. j > i: all set bits, i, then the clear bits below.
      const int bit = std::countr_zero(flipped);
      if (j < i) return std::popcount(bits >> bit >> 1);
      return std::popcount(bits) + 1 + bit - std::popcount(bits & (flipped - 1));
    }
  }
  return 0;
}

}  // namespace

std::int64_t num_blocks(const Structure& s) { return row_start(s, s.grid_rows); }

std::int64_t column_count(const Structure& s, std::int64_t j) { return count(View(s, true), j); }
std::int64_t column_block_row(const Structure& s, std::int64_t j, std::int64_t n) {
  return nth(View(s, true), j, n);
}
std::int64_t row_count(const Structure& s, std::int64_t i) { return count(View(s, false), i); }
std::int64_t row_block_col(const Structure& s, std::int64_t i, std::int64_t n) {
  return nth(View(s, false), i, n);
}
std::int64_t row_start(const Structure& s, std::int64_t i) { return start(View(s, false), i); }
std::int64_t row_rank(const Structure& s, std::int64_t i, std::int64_t j) {
  return rank(View(s, false), i, j);
}
std::int64_t value_index(const Structure& s, std::int64_t i, std::int64_t j) {
  return row_start(s, i) + row_rank(s, i, j);
}

bool present(const Structure& s, std::int64_t i, std::int64_t j) {
  if (i < 0 || i >= s.grid_rows || j < 0 || j >= s.grid_cols) return false;
  const auto listed = [&](std::int64_t x) {
    return std::find(s.offsets.begin(), s.offsets.end(), x) != s.offsets.end();
  };
  switch (s.kind) {
    case StructureKind::kNone:
    case StructureKind::kEmpty: return false;
    case StructureKind::kFull: return true;
    case StructureKind::kBlockDiagonal: return i / s.size == j / s.size;
    case StructureKind::kLowerTriangle: return j <= i;
    case StructureKind::kUpperTriangle: return j >= i;
    case StructureKind::kPeriodic: return listed(((i - j) % s.size + s.size) % s.size);
    case StructureKind::kBand: return listed(j - i);
    case StructureKind::kButterfly: return std::popcount(static_cast<std::uint64_t>(i ^ j)) <= 1;
  }
  return false;
}

Structure transposed(const Structure& s) {
  const View v(s, true);
  Structure t{v.kind(), v.rows(), v.cols(), s.size, {}};
  for (int k = 0; k < v.num_offsets(); ++k)
    t.offsets.push_back(static_cast<std::int32_t>(
        s.kind == StructureKind::kBand ? v.diagonal(k) : v.residue(k)));
  std::sort(t.offsets.begin(), t.offsets.end());
  return t;
}

std::string_view name(StructureKind kind) {
  switch (kind) {
    case StructureKind::kNone: return "none";
    case StructureKind::kEmpty: return "empty";
    case StructureKind::kFull: return "full";
    case StructureKind::kBlockDiagonal: return "block-diagonal";
    case StructureKind::kLowerTriangle: return "lower-triangle";
    case StructureKind::kUpperTriangle: return "upper-triangle";
    case StructureKind::kPeriodic: return "periodic";
    case StructureKind::kBand: return "band";
    case StructureKind::kButterfly: return "butterfly";
  }
  return "?";
}

Status Structure::verify() const {
  const auto wrong = [&](std::string_view what) {
    return Status(ErrorCode::kInternal,
                  fmt::format("analysis: structure {}: {}", analysis::name(kind), what));
  };
  if (grid_rows < 1 || grid_cols < 1) return wrong("the grid has no blocks");
  const bool sized = kind == StructureKind::kBlockDiagonal || kind == StructureKind::kPeriodic;
  if (sized ? size < 1 : size != 0) return wrong("size does not belong to the kind");
  const bool listed = kind == StructureKind::kBand || kind == StructureKind::kPeriodic;
  if (listed ? offsets.empty() || offsets.size() > kMaxOffsets : !offsets.empty())
    return wrong("the number of offsets does not belong to the kind");
  const std::int64_t low = kind == StructureKind::kPeriodic ? 0 : 1 - grid_rows;
  const std::int64_t high = kind == StructureKind::kPeriodic ? size : grid_cols;
  for (std::size_t k = 0; k < offsets.size(); ++k)
    if (offsets[k] < low || offsets[k] >= high || (k > 0 && offsets[k] <= offsets[k - 1]))
      return wrong("offsets are not ascending inside their range");
  if (kind == StructureKind::kButterfly &&
      !(std::has_single_bit(static_cast<std::uint64_t>(grid_rows)) &&
        std::has_single_bit(static_cast<std::uint64_t>(grid_cols))))
    return wrong("sides are not powers of two");
  return {};
}

std::string Structure::describe() const {
  switch (kind) {
    case StructureKind::kBlockDiagonal: return fmt::format("block-diagonal, size {}", size);
    case StructureKind::kLowerTriangle: return "lower-triangle, j <= i";
    case StructureKind::kUpperTriangle: return "upper-triangle, j >= i";
    case StructureKind::kPeriodic:
      return fmt::format("periodic, (i - j) mod {} in {}", size, fmt::join(offsets, " "));
    case StructureKind::kBand: return fmt::format("band, offsets {}", fmt::join(offsets, " "));
    default: return std::string(analysis::name(kind));
  }
}

void Structure::dump(std::ostream& out) const { out << describe() << '\n'; }

}  // namespace bsgen::analysis
