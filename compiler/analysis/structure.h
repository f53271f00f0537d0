// Structure: the closed form of a mask, when it has one. What tier `structural` turns into code.
//
//   const Structure s = recognise(layout);             // banded:64x64:width=3 -> kBand, offsets {-1, 0, 1}
//   for (std::int64_t n = 0; n < column_count(s, j); ++n) use(column_block_row(s, j, n));
//
// A structure is exact: it was checked against every block of every head, so the functions below *are* the layout. They
// are the specification of what codegen emits; the property tests hold them against the layout. All of them speak of one
// head: the heads of a stack have the same structure, and head h's values begin at h * num_blocks(s).
// i is a block row, j a block column, d = j - i the offset of a diagonal.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "bsgen/layout.h"

namespace bsgen::analysis {

enum class StructureKind : std::uint8_t {
  kNone,           // no closed form known
  kEmpty,          // no block at all
  kFull,           // every block
  kBlockDiagonal,  // i / size == j / size; size 1 is the diagonal
  kLowerTriangle,  // j <= i (causal)
  kUpperTriangle,  // j >= i
  kPeriodic,       // (i - j) mod size is one of `offsets`, each in [0, size)
  kBand,           // j - i is one of `offsets`, clipped to the grid
  kButterfly,      // j == i or j == i xor a power of two; both sides powers of two
};
std::string_view name(StructureKind kind);  // "none", "empty", "full", "block-diagonal", "lower-triangle", ...

// A structure with more offsets than this would need a table, which is another tier's business.
inline constexpr int kMaxOffsets = 16;

struct Structure {
  StructureKind kind = StructureKind::kNone;
  std::int64_t grid_rows = 0, grid_cols = 0;
  std::int64_t size = 0;              // kBlockDiagonal: edge of a square; kPeriodic: the period (stride)
  std::vector<std::int32_t> offsets;  // kBand: d, ascending; kPeriodic: residues of i - j, ascending; 1..kMaxOffsets

  Status verify() const;  // fields that belong to the kind are in range, the others 0 and empty
  std::string describe() const;  // "band, offsets -1 0 1", "periodic, (i - j) mod 4 in 0"
  void dump(std::ostream& out) const;
  bool operator==(const Structure&) const = default;
};

// Finds the closed form in time linear in grid sides and blocks; kNone where there is none or heads differ.
Structure recognise(const Layout& layout);
// The structure of the transposed mask.
Structure transposed(const Structure& s);

// The functions below need a kind other than kNone.

std::int64_t num_blocks(const Structure& s);  // of one head
// The rows of block column j, ascending: how many, and the n-th (fprop gathers them).
std::int64_t column_count(const Structure& s, std::int64_t j);
std::int64_t column_block_row(const Structure& s, std::int64_t j, std::int64_t n);
// The columns of block row i, ascending: how many, and the n-th (bprop gathers them).
std::int64_t row_count(const Structure& s, std::int64_t i);
std::int64_t row_block_col(const Structure& s, std::int64_t i, std::int64_t n);
// Blocks in the rows before i; i may be grid_rows.
std::int64_t row_start(const Structure& s, std::int64_t i);
// Position of the present block (i, j) in its row, and in BSR order: row_start(i) + row_rank(i, j).
std::int64_t row_rank(const Structure& s, std::int64_t i, std::int64_t j);
std::int64_t value_index(const Structure& s, std::int64_t i, std::int64_t j);
bool present(const Structure& s, std::int64_t i, std::int64_t j);

}  // namespace bsgen::analysis
