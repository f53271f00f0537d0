// The Layout value itself: what it holds, what holds of it.
#include "bsgen/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "compiler/layout/layout_data.h"

namespace bsgen {

std::string to_string(BlockShape block) {
  return block.rows == block.cols ? fmt::format("{}", block.rows)
                                  : fmt::format("{}x{}", block.rows, block.cols);
}

Expected<BlockShape> parse_block_shape(std::string_view text) {
  const auto edge = [](std::string_view digits, int& out) {
    const char* end = digits.data() + digits.size();
    const auto [rest, error] = std::from_chars(digits.data(), end, out);
    return error == std::errc() && rest == end && !digits.empty() && out > 0;
  };
  const std::size_t cross = text.find('x');
  BlockShape block;
  const bool ok = cross == std::string_view::npos
                      ? edge(text, block.rows) && edge(text, block.cols)
                      : edge(text.substr(0, cross), block.rows) &&
                            edge(text.substr(cross + 1), block.cols);
  if (ok) return block;
  return Status(ErrorCode::kInvalidArgument,
                fmt::format("layout: block shape \"{}\" is neither an edge like 32 nor ROWSxCOLS "
                            "like 16x32",
                            text.substr(0, 40)));
}

Layout::Layout(std::shared_ptr<const Data> data) : data_(std::move(data)) {}

std::int64_t Layout::heads() const { return data_->heads; }
std::int64_t Layout::grid_rows() const { return data_->grid_rows; }
std::int64_t Layout::grid_cols() const { return data_->grid_cols; }
BlockShape Layout::block() const { return data_->block; }
std::int64_t Layout::rows() const { return data_->size.rows; }
std::int64_t Layout::cols() const { return data_->size.cols; }
std::int64_t Layout::num_blocks() const {
  return static_cast<std::int64_t>(data_->block_cols.size());
}
std::span<const std::int64_t> Layout::row_offsets() const { return data_->row_offsets; }
std::span<const std::int32_t> Layout::block_cols() const { return data_->block_cols; }
Hash128 Layout::hash() const { return data_->hash; }

double Layout::density() const {
  const std::int64_t all = heads() * grid_rows() * grid_cols();
  return all == 0 ? 0 : static_cast<double>(num_blocks()) / static_cast<double>(all);
}

bool Layout::ragged() const {
  return rows() != grid_rows() * block().rows || cols() != grid_cols() * block().cols;
}

bool Layout::present(std::int64_t head, std::int64_t block_row, std::int64_t block_col) const {
  if (head < 0 || head >= heads() || block_row < 0 || block_row >= grid_rows()) return false;
  const std::int64_t row = head * grid_rows() + block_row;
  const auto first = data_->block_cols.begin();
  return std::binary_search(first + data_->row_offsets[row], first + data_->row_offsets[row + 1],
                            block_col);
}

// A counting sort by column keeps the rows of each column ascending, which is BSR order of the
// transposed matrix.
Layout::Transposed Layout::transposed() const {
  auto result = std::make_shared<Data>();
  const Data& self = *data_;
  result->heads = self.heads;
  result->grid_rows = self.grid_cols;
  result->grid_cols = self.grid_rows;
  result->block = {self.block.cols, self.block.rows};
  result->size = {self.size.cols, self.size.rows};
  result->row_offsets.assign(self.heads * self.grid_cols + 1, 0);
  result->block_cols.resize(self.block_cols.size());
  std::vector<std::int32_t> value_order(self.block_cols.size());

  for (std::int64_t head = 0; head < self.heads; ++head) {
    const std::int64_t first_row = head * self.grid_rows;
    std::int64_t* counts = result->row_offsets.data() + head * self.grid_cols;
    const std::int64_t begin = self.row_offsets[first_row];
    const std::int64_t end = self.row_offsets[first_row + self.grid_rows];
    // counts[j + 1] becomes the number of blocks in column j, then where column j ends.
    for (std::int64_t n = begin; n < end; ++n) ++counts[self.block_cols[n] + 1];
    counts[0] = begin;
    for (std::int64_t j = 0; j < self.grid_cols; ++j) counts[j + 1] += counts[j];
    std::vector<std::int64_t> next(counts, counts + self.grid_cols);
    for (std::int64_t i = 0; i < self.grid_rows; ++i) {
      for (std::int64_t n = self.row_offsets[first_row + i];
           n < self.row_offsets[first_row + i + 1]; ++n) {
        const std::int64_t at = next[self.block_cols[n]]++;
        result->block_cols[at] = static_cast<std::int32_t>(i);
        value_order[at] = static_cast<std::int32_t>(n);
      }
    }
  }
  result->hash = layout::canonical_hash(
      {result->heads, result->grid_rows, result->grid_cols, result->block, result->size},
      result->row_offsets, result->block_cols);
  return {Layout(std::move(result)), std::move(value_order)};
}

Status Layout::verify() const {
  const Data& self = *data_;
  BSGEN_ASSIGN(const layout::Shape shape,
               layout::check_shape(self.heads, self.grid_rows, self.grid_cols, self.block, self.size));
  BSGEN_TRY(layout::check_bsr(shape, self.row_offsets, self.block_cols));
  if (self.hash != layout::canonical_hash(shape, self.row_offsets, self.block_cols))
    return Status(ErrorCode::kInternal, "layout: the stored hash is not that of the blocks");
  return {};
}

bool Layout::operator==(const Layout& other) const {
  if (data_ == other.data_) return true;
  const Data &a = *data_, &b = *other.data_;
  return a.hash == b.hash && a.heads == b.heads && a.grid_rows == b.grid_rows &&
         a.grid_cols == b.grid_cols && a.block == b.block && a.size == b.size &&
         a.row_offsets == b.row_offsets && a.block_cols == b.block_cols;
}

}  // namespace bsgen
