// Layout: which blocks of a matrix (or of a stack of matrices) exist. The first value of the pipeline.
//
//   // 2 x 2 blocks of 32 x 32, three present, of a 64 x 64 matrix
//   auto layout = bsgen::Layout::from_bits({1, 1, 0, 1}, 2, 2, {32, 32});
//
// A layout is immutable and cheap to copy (shared storage). It says nothing about values; the values that belong to it
// are whole blocks, row-major inside, in the order of block_row, then block_col, heads outermost (BSR order).
// Safe to use from several threads.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bsgen/status.h"

namespace bsgen {

namespace layout {
struct Shape;
}

// Edge lengths of one block in elements. Kernels exist for 8, 16, 32, 64 and 128 on either side.
struct BlockShape {
  int rows = 32;
  int cols = 32;
  bool operator==(const BlockShape&) const = default;
};
std::string to_string(BlockShape block);                    // "32" or "16x32"
Expected<BlockShape> parse_block_shape(std::string_view text);  // the same

// 128 bits, printed as 32 hex digits, high half first.
struct Hash128 {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::string hex() const;
  std::string short_hex() const { return hex().substr(0, 6); }
  bool operator==(const Hash128&) const = default;
};

// The size of the matrix in elements; {0, 0} stands for grid x block. Must end inside the last block.
struct MatrixSize {
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  bool operator==(const MatrixSize&) const = default;
};

class Layout {
 public:
  // Each maker checks everything and refuses grids of more than 2^31 blocks or sides past 2^31 elements.
  // bits: heads x grid_rows x grid_cols, row-major, nonzero = present.
  static Expected<Layout> from_bits(std::span<const std::uint8_t> bits, std::int64_t grid_rows, std::int64_t grid_cols,
                                    BlockShape block, std::int64_t heads = 1, MatrixSize size = {});
  static Expected<Layout> from_bits(std::initializer_list<std::uint8_t> bits, std::int64_t grid_rows,
                                    std::int64_t grid_cols, BlockShape block, std::int64_t heads = 1,
                                    MatrixSize size = {});
  // row_offsets: heads * grid_rows + 1 entries starting at 0; block_cols strictly ascending within each row.
  static Expected<Layout> from_bsr(std::span<const std::int64_t> row_offsets, std::span<const std::int32_t> block_cols,
                                   std::int64_t grid_cols, BlockShape block, std::int64_t heads = 1, MatrixSize size = {});
  // Element positions of a CSR matrix become blocks: a block is present if it holds an element. Order within a row is free.
  static Expected<Layout> from_csr(std::span<const std::int64_t> row_offsets, std::span<const std::int32_t> columns,
                                   std::int64_t cols, BlockShape block);
  // Block coordinates in any order; a duplicate is an error.
  static Expected<Layout> from_coo(std::span<const std::int32_t> block_rows, std::span<const std::int32_t> block_cols,
                                   std::int64_t grid_rows, std::int64_t grid_cols, BlockShape block, MatrixSize size = {});
  // elements: rows x cols bytes, row-major; nonzero elements make blocks. keep: see BlockPruning in read_mask.
  static Expected<Layout> from_elements(std::span<const std::uint8_t> elements, std::int64_t rows, std::int64_t cols,
                                        BlockShape block, std::optional<double> keep = std::nullopt);

  std::int64_t heads() const;
  std::int64_t grid_rows() const;  // block rows of one head
  std::int64_t grid_cols() const;
  BlockShape block() const;
  std::int64_t rows() const;  // elements, K for a weight
  std::int64_t cols() const;  // elements, N for a weight
  std::int64_t num_blocks() const;  // present ones, all heads
  double density() const;           // num_blocks over all blocks of the grid; 0 for an empty grid
  bool ragged() const;              // the last block row or column reaches past the matrix

  // BSR form: row r of head h is row_offsets()[h * grid_rows + r], up to the next entry; columns ascend.
  std::span<const std::int64_t> row_offsets() const;
  std::span<const std::int32_t> block_cols() const;
  bool present(std::int64_t head, std::int64_t block_row, std::int64_t block_col) const;  // binary search

  // The mask of the transposed matrix. value_order[i] is the index, in this layout's BSR order, of block i of the result.
  struct Transposed;
  Transposed transposed() const;

  // XXH3-128 of the canonical form (version, heads, grid, block, size, offsets and columns as little-endian 64-bit
  // words): equal for equal layouts on every machine.
  Hash128 hash() const;

  Status verify() const;                // every invariant above; ok for all layouts that the makers return
  void dump(std::ostream& out) const;   // the text form, readable back by parse_text
  static Expected<Layout> parse_text(std::string_view text);
  bool operator==(const Layout& other) const;

 private:
  struct Data;
  // From parts that satisfy every invariant.
  static Layout assemble(const layout::Shape& shape, std::vector<std::int64_t> row_offsets,
                         std::vector<std::int32_t> block_cols);
  explicit Layout(std::shared_ptr<const Data> data);
  std::shared_ptr<const Data> data_;
};

struct Layout::Transposed {
  Layout layout;
  std::vector<std::int32_t> value_order;
};

// How element files become blocks.
struct MaskOptions {
  BlockShape block{32, 32};
  MatrixSize size{};                // {0, 0}: grid x block
  std::optional<double> keep{};     // keep ceil(keep x blocks of the grid), those with the most elements
  bool elements = false;            // .npy and .txt hold elements, not blocks
  bool own_block = false;           // .npz (BSR) and .layout: their own block shape, whatever `block` says; else both must agree
  std::optional<std::uint64_t> seed{};  // default of generators that draw
};

// Reads a mask file (.txt .npy .npz .mtx .smtx .layout, "-" is text on standard input) or runs a generator
// ("banded:64x64:width=3"). The formats, generators and their keys are listed in docs/reference/masks.md.
Expected<Layout> read_mask(const std::string& path_or_generator, const MaskOptions& options);
// The same from bytes; `name` decides the format by its ending and stands in messages.
Expected<Layout> read_mask_bytes(std::string_view name, std::span<const std::byte> bytes, const MaskOptions& options);

}  // namespace bsgen
