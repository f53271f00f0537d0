// Layouts from blocks: bits, BSR and coordinates. (From elements: element_blocks.cpp.)
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "bsgen/layout.h"
#include "compiler/layout/layout_data.h"

namespace bsgen {
namespace {

// Masks have up to 2^31 bits and a planner has milliseconds, so neither pass branches on a bit: at ten percent density such
// a branch is mispredicted all the time, and measured four times as slow.
constexpr std::int64_t kWord = 8, kChunk = 32;

std::uint64_t word_at(const std::uint8_t* bytes) {
  std::uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

std::int64_t count_set(const std::uint8_t* bits, std::int64_t count) {
  constexpr std::uint64_t kLow7 = 0x7f7f7f7f7f7f7f7full, kOnes = 0x0101010101010101ull;
  std::int64_t set = 0, n = 0;
  for (; n + kWord <= count; n += kWord) {
    // 1 in each byte that is not zero: its low seven bits carry into the top one, or that is set itself. Times kOnes, the
    // top byte is their sum.
    const std::uint64_t word = word_at(bits + n);
    const std::uint64_t nonzero = ((((word & kLow7) + kLow7) | word) & ~kLow7) >> 7;
    set += static_cast<std::int64_t>(nonzero * kOnes >> 56);
  }
  for (; n < count; ++n) set += bits[n] != 0;
  return set;
}

// Writes the positions of the nonzero bytes; where the next ones go. Every position is written and only kept where its byte
// is set, so one more than there are must fit.
std::int32_t* write_set_positions(const std::uint8_t* bits, std::int64_t count, std::int32_t* out) {
  std::int64_t j = 0;
  for (; j + kChunk <= count; j += kChunk) {
    const std::uint8_t* const chunk = bits + j;
    if ((word_at(chunk) | word_at(chunk + 8) | word_at(chunk + 16) | word_at(chunk + 24)) == 0) continue;
    for (std::int64_t n = 0; n < kChunk; ++n) {
      *out = static_cast<std::int32_t>(j + n);
      out += chunk[n] != 0;
    }
  }
  for (; j < count; ++j) {
    *out = static_cast<std::int32_t>(j);
    out += bits[j] != 0;
  }
  return out;
}

}  // namespace

Layout Layout::assemble(const layout::Shape& shape, std::vector<std::int64_t> row_offsets,
                        std::vector<std::int32_t> block_cols) {
  auto data = std::make_shared<Data>();
  data->heads = shape.heads;
  data->grid_rows = shape.grid_rows;
  data->grid_cols = shape.grid_cols;
  data->block = shape.block;
  data->size = shape.size;
  data->hash = layout::canonical_hash(shape, row_offsets, block_cols);
  data->row_offsets = std::move(row_offsets);
  data->block_cols = std::move(block_cols);
  return Layout(std::move(data));
}

Expected<Layout> Layout::from_bits(std::span<const std::uint8_t> bits, std::int64_t grid_rows,
                                   std::int64_t grid_cols, BlockShape block, std::int64_t heads,
                                   MatrixSize size) {
  BSGEN_ASSIGN(const layout::Shape shape,
               layout::check_shape(heads, grid_rows, grid_cols, block, size));
  const std::int64_t rows = shape.all_rows();
  if (static_cast<std::int64_t>(bits.size()) != rows * grid_cols)
    return Status(ErrorCode::kInvalidArgument,
                  fmt::format("layout: {} bits for {} head{} of {} x {} blocks, {} are needed",
                              bits.size(), heads, heads == 1 ? "" : "s", grid_rows, grid_cols,
                              rows * grid_cols));
  return layout::within_memory([&]() -> Expected<Layout> {
    std::vector<std::int64_t> row_offsets(rows + 1, 0);
    const std::int64_t num_blocks = count_set(bits.data(), rows * grid_cols);
    std::vector<std::int32_t> block_cols(num_blocks + 1);
    std::int32_t* next = block_cols.data();
    for (std::int64_t row = 0; row < rows; ++row) {
      next = write_set_positions(bits.data() + row * grid_cols, grid_cols, next);
      row_offsets[row + 1] = next - block_cols.data();
    }
    block_cols.resize(num_blocks);
    return assemble(shape, std::move(row_offsets), std::move(block_cols));
  });
}

Expected<Layout> Layout::from_bits(std::initializer_list<std::uint8_t> bits,
                                   std::int64_t grid_rows, std::int64_t grid_cols,
                                   BlockShape block, std::int64_t heads, MatrixSize size) {
  return from_bits(std::span(bits.begin(), bits.size()), grid_rows, grid_cols, block, heads, size);
}

Expected<Layout> Layout::from_bsr(std::span<const std::int64_t> row_offsets,
                                  std::span<const std::int32_t> block_cols, std::int64_t grid_cols,
                                  BlockShape block, std::int64_t heads, MatrixSize size) {
  const std::int64_t rows = static_cast<std::int64_t>(row_offsets.size()) - 1;
  if (heads < 1 || rows < 1 || rows % heads != 0)
    return Status(ErrorCode::kInvalidArgument,
                  fmt::format("layout: {} row offsets for {} head{}; heads x block rows + 1 are "
                              "needed",
                              row_offsets.size(), heads, heads == 1 ? "" : "s"));
  BSGEN_ASSIGN(const layout::Shape shape,
               layout::check_shape(heads, rows / heads, grid_cols, block, size));
  BSGEN_TRY(layout::check_bsr(shape, row_offsets, block_cols));
  return layout::within_memory([&]() -> Expected<Layout> {
    return assemble(shape, {row_offsets.begin(), row_offsets.end()},
                    {block_cols.begin(), block_cols.end()});
  });
}

// A counting sort by row, then each row on its own: near linear whatever the order given.
Expected<Layout> Layout::from_coo(std::span<const std::int32_t> block_rows,
                                  std::span<const std::int32_t> block_cols, std::int64_t grid_rows,
                                  std::int64_t grid_cols, BlockShape block, MatrixSize size) {
  BSGEN_ASSIGN(const layout::Shape shape,
               layout::check_shape(1, grid_rows, grid_cols, block, size));
  if (block_rows.size() != block_cols.size())
    return Status(ErrorCode::kInvalidArgument,
                  fmt::format("layout: {} block rows for {} block columns; a block has one of each",
                              block_rows.size(), block_cols.size()));
  for (std::size_t n = 0; n < block_rows.size(); ++n)
    if (block_rows[n] < 0 || block_rows[n] >= grid_rows || block_cols[n] < 0 ||
        block_cols[n] >= grid_cols)
      return Status(ErrorCode::kInvalidArgument,
                    fmt::format("layout: block ({}, {}) is outside the {} x {} grid of a {} x {} "
                                "matrix in {} x {} blocks",
                                block_rows[n], block_cols[n], grid_rows, grid_cols, shape.size.rows,
                                shape.size.cols, block.rows, block.cols));
  return layout::within_memory([&]() -> Expected<Layout> {
    std::vector<std::int64_t> row_offsets(grid_rows + 1, 0);
    for (const std::int32_t row : block_rows) ++row_offsets[row + 1];
    for (std::int64_t row = 0; row < grid_rows; ++row) row_offsets[row + 1] += row_offsets[row];
    std::vector<std::int64_t> next(row_offsets.begin(), row_offsets.end() - 1);
    std::vector<std::int32_t> sorted(block_cols.size());
    for (std::size_t n = 0; n < block_rows.size(); ++n)
      sorted[next[block_rows[n]]++] = block_cols[n];
    for (std::int64_t row = 0; row < grid_rows; ++row) {
      const auto begin = sorted.begin() + row_offsets[row], end = sorted.begin() + row_offsets[row + 1];
      std::sort(begin, end);
      if (const auto twice = std::adjacent_find(begin, end); twice != end)
        return Status(ErrorCode::kInvalidArgument,
                      fmt::format("layout: block ({}, {}) is given twice; give each once", row, *twice));
    }
    return assemble(shape, std::move(row_offsets), std::move(sorted));
  });
}

}  // namespace bsgen
