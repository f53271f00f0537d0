#include "compiler/layout/element_blocks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace bsgen::layout {
namespace {

// Collects the block columns of one block row's elements. Sorted, not counted in an array: a matrix may be far wider than
// the file that describes it, and memory must follow the file.
class BlockRowElements {
 public:
  explicit BlockRowElements(const Shape& shape) : shape_(shape) {}

  void add(std::int64_t block_col) { cols_.push_back(block_col); }
  // Appends what was added since the last call as blocks of `block_row`.
  void finish_row(std::int64_t block_row, std::vector<CountedBlock>& out) {
    std::sort(cols_.begin(), cols_.end());
    for (std::size_t n = 0; n < cols_.size();) {
      const std::size_t begin = n;
      while (n < cols_.size() && cols_[n] == cols_[begin]) ++n;
      out.push_back({block_row * shape_.grid_cols + cols_[begin],
                     static_cast<std::int64_t>(n - begin)});
    }
    cols_.clear();
  }

 private:
  const Shape& shape_;
  std::vector<std::int64_t> cols_;
};

}  // namespace

Status check_keep(std::optional<double> keep) {
  if (!keep || (*keep >= 0 && *keep <= 1)) return {};
  return Status(ErrorCode::kInvalidArgument,
                fmt::format("mask: keep {} is not a fraction of the grid's blocks; give 0 to 1", *keep));
}

void prune(std::vector<CountedBlock>& blocks, const Shape& shape, double keep) {
  const double all = static_cast<double>(shape.grid_rows * shape.grid_cols);
  const std::size_t wanted = static_cast<std::size_t>(std::ceil(keep * all));
  if (wanted >= blocks.size()) return;
  const auto fuller = [](const CountedBlock& a, const CountedBlock& b) {
    return a.elements != b.elements ? a.elements > b.elements : a.index < b.index;
  };
  const auto end = blocks.begin() + static_cast<std::ptrdiff_t>(wanted);
  std::nth_element(blocks.begin(), end, blocks.end(), fuller);
  blocks.resize(wanted);
  std::sort(blocks.begin(), blocks.end(),
            [](const CountedBlock& a, const CountedBlock& b) { return a.index < b.index; });
}

std::vector<CountedBlock> count_dense(std::span<const std::uint8_t> elements, const Shape& shape) {
  std::vector<CountedBlock> blocks;
  std::vector<std::int64_t> counts(shape.grid_cols);
  for (std::int64_t i = 0; i < shape.grid_rows; ++i) {
    std::fill(counts.begin(), counts.end(), 0);
    const std::int64_t end = std::min((i + 1) * shape.block.rows, shape.size.rows);
    for (std::int64_t row = i * shape.block.rows; row < end; ++row) {
      const std::uint8_t* line = elements.data() + row * shape.size.cols;
      for (std::int64_t j = 0, col = 0; j < shape.grid_cols; ++j) {
        const std::int64_t last = std::min(col + shape.block.cols, shape.size.cols);
        for (; col < last; ++col) counts[j] += line[col] != 0;
      }
    }
    for (std::int64_t j = 0; j < shape.grid_cols; ++j)
      if (counts[j] > 0) blocks.push_back({i * shape.grid_cols + j, counts[j]});
  }
  return blocks;
}

template <class Column>
std::vector<CountedBlock> count_csr(std::span<const std::int64_t> row_offsets,
                                    std::span<const Column> columns, const Shape& shape) {
  std::vector<CountedBlock> blocks;
  BlockRowElements elements(shape);
  for (std::int64_t i = 0; i < shape.grid_rows; ++i) {
    const std::int64_t end = std::min((i + 1) * shape.block.rows, shape.size.rows);
    for (std::int64_t n = row_offsets[i * shape.block.rows]; n < row_offsets[end]; ++n)
      elements.add(columns[n] / shape.block.cols);
    elements.finish_row(i, blocks);
  }
  return blocks;
}
template std::vector<CountedBlock> count_csr(std::span<const std::int64_t>,
                                             std::span<const std::int32_t>, const Shape&);
template std::vector<CountedBlock> count_csr(std::span<const std::int64_t>,
                                             std::span<const std::int64_t>, const Shape&);

std::vector<CountedBlock> count_sorted(std::span<const std::uint64_t> positions,
                                       const Shape& shape) {
  std::vector<CountedBlock> blocks;
  BlockRowElements elements(shape);
  const std::uint64_t cols = static_cast<std::uint64_t>(shape.size.cols);
  std::int64_t block_row = -1;
  for (const std::uint64_t position : positions) {
    const std::int64_t row = static_cast<std::int64_t>(position / cols);
    if (row / shape.block.rows != block_row) {
      if (block_row >= 0) elements.finish_row(block_row, blocks);
      block_row = row / shape.block.rows;
    }
    elements.add(static_cast<std::int64_t>(position % cols) / shape.block.cols);
  }
  if (block_row >= 0) elements.finish_row(block_row, blocks);
  return blocks;
}

Expected<Layout> layout_of_counts(std::vector<std::vector<CountedBlock>> heads, const Shape& shape,
                                  std::optional<double> keep) {
  BSGEN_TRY(check_keep(keep));
  std::vector<std::int64_t> row_offsets(shape.all_rows() + 1, 0);
  std::vector<std::int32_t> block_cols;
  for (std::int64_t head = 0; head < shape.heads; ++head) {
    std::vector<CountedBlock>& blocks = heads[head];
    if (keep) prune(blocks, shape, *keep);
    for (const CountedBlock& block : blocks) {
      ++row_offsets[head * shape.grid_rows + block.index / shape.grid_cols + 1];
      block_cols.push_back(static_cast<std::int32_t>(block.index % shape.grid_cols));
    }
  }
  for (std::size_t row = 1; row < row_offsets.size(); ++row)
    row_offsets[row] += row_offsets[row - 1];
  return Layout::from_bsr(row_offsets, block_cols, shape.grid_cols, shape.block, shape.heads,
                          shape.size);
}

}  // namespace bsgen::layout

namespace bsgen {

Expected<Layout> Layout::from_csr(std::span<const std::int64_t> row_offsets,
                                  std::span<const std::int32_t> columns, std::int64_t cols,
                                  BlockShape block) {
  const std::int64_t rows = static_cast<std::int64_t>(row_offsets.size()) - 1;
  BSGEN_ASSIGN(const layout::Shape shape, layout::shape_of_elements(1, rows, cols, block));
  const auto invalid = [](std::string message) {
    return Status(ErrorCode::kInvalidArgument, "layout: " + std::move(message));
  };
  if (row_offsets.front() != 0)
    return invalid(fmt::format("row offset 0 is {}, it must be 0", row_offsets.front()));
  for (std::int64_t row = 0; row < rows; ++row)
    if (row_offsets[row + 1] < row_offsets[row])
      return invalid(fmt::format("row offset {} is {} after {}; offsets ascend", row + 1,
                                 row_offsets[row + 1], row_offsets[row]));
  if (row_offsets.back() != static_cast<std::int64_t>(columns.size()))
    return invalid(fmt::format("the last row offset is {}, there are {} columns",
                               row_offsets.back(), columns.size()));
  for (std::size_t n = 0; n < columns.size(); ++n)
    if (columns[n] < 0 || columns[n] >= cols)
      return invalid(fmt::format("column {} of element {} is outside the {} x {} matrix",
                                 columns[n], n, rows, cols));
  return layout::within_memory([&]() -> Expected<Layout> {
    return layout::layout_of_counts({layout::count_csr(row_offsets, columns, shape)}, shape, {});
  });
}

Expected<Layout> Layout::from_elements(std::span<const std::uint8_t> elements, std::int64_t rows,
                                       std::int64_t cols, BlockShape block,
                                       std::optional<double> keep) {
  BSGEN_ASSIGN(const layout::Shape shape, layout::shape_of_elements(1, rows, cols, block));
  if (static_cast<std::int64_t>(elements.size()) != rows * cols)
    return Status(ErrorCode::kInvalidArgument,
                  fmt::format("layout: {} elements for a {} x {} matrix, {} are needed",
                              elements.size(), rows, cols, rows * cols));
  return layout::within_memory([&]() -> Expected<Layout> {
    return layout::layout_of_counts({layout::count_dense(elements, shape)}, shape, keep);
  });
}

}  // namespace bsgen
