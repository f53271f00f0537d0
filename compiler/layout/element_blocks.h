// How element positions become blocks: a block is present if it holds an element, and `keep` leaves only the fullest.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bsgen/layout.h"
#include "compiler/layout/layout_data.h"

namespace bsgen::layout {

// A block of one head with at least one element, by its row-major index in the grid.
struct CountedBlock {
  std::int64_t index = 0;
  std::int64_t elements = 0;
};

// Refuses a `keep` that is not within 0 to 1.
Status check_keep(std::optional<double> keep);

// Leaves the ceil(keep x blocks of the grid) blocks with the most elements (ties: the lower index), ascending by index.
// The product is one IEEE multiplication. `blocks` must be ascending by index.
void prune(std::vector<CountedBlock>& blocks, const Shape& shape, double keep);

// The blocks of one head of a dense matrix, row-major, nonzero = element; linear.
std::vector<CountedBlock> count_dense(std::span<const std::uint8_t> elements, const Shape& shape);
// The blocks of a CSR matrix whose offsets and columns have been checked.
template <class Column>
std::vector<CountedBlock> count_csr(std::span<const std::int64_t> row_offsets,
                                    std::span<const Column> columns, const Shape& shape);
// The blocks of elements given by row-major position (row x size.cols + column), ascending.
std::vector<CountedBlock> count_sorted(std::span<const std::uint64_t> positions,
                                       const Shape& shape);

// Joins the heads' blocks (one vector each, ascending, pruned where `keep` is given) to a layout.
Expected<Layout> layout_of_counts(std::vector<std::vector<CountedBlock>> heads, const Shape& shape,
                                  std::optional<double> keep);

}  // namespace bsgen::layout
