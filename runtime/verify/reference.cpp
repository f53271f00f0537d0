#include "runtime/verify/reference.h"

#include <cmath>

#include "runtime/verify/parallel.h"
#include "runtime/verify/shapes.h"

namespace bsgen::verify {
namespace {

// Operands as the kernel multiplies them, as doubles, activations (head, token, feature) row-major.
std::vector<double> activation_values(const Problem& problem, const HostTensor& tensor, std::int64_t tokens, std::int64_t features) {
  std::vector<double> values(static_cast<std::size_t>(tensor.heads * tokens * features));
  const bool tf32 = problem.dtype == DType::kTf32;
  std::size_t i = 0;
  for (std::int64_t head = 0; head < tensor.heads; ++head)
    for (std::int64_t token = 0; token < tokens; ++token)
      for (std::int64_t feature = 0; feature < features; ++feature, ++i) {
        const float value = activation(problem, tensor, head, token, feature);
        values[i] = tf32 ? round_tf32(value) : value;
      }
  return values;
}

std::vector<double> weight_values(const Problem& problem, const HostTensor& w) {
  std::vector<double> values(static_cast<std::size_t>(w.rows * w.cols));
  std::size_t i = 0;
  for (std::int64_t block = 0; block < w.rows; ++block)
    for (std::int64_t element = 0; element < w.cols; ++element, ++i) {
      const float value = w.at(0, block, element);
      values[i] = problem.dtype == DType::kTf32 ? round_tf32(value) : value;
    }
  return values;
}

// out[j] += a b[j] and the same of absolute values; the loop that everything spends its time in.
void add_scaled(double a, const double* b, double* value, double* magnitude, std::int64_t count) {
  for (std::int64_t j = 0; j < count; ++j) {
    const double product = a * b[j];
    value[j] += product;
    magnitude[j] += std::fabs(product);
  }
}

// Y = X W over the blocks of each block column, or dX = dY W^T over those of each block row.
void multiply(const Layout& layout, const Problem& problem, const Operands& operands, Reference& out) {
  const bool forward = problem.op == Op::kFprop;
  const BlockShape block = layout.block();
  const std::int64_t tokens = operands.tokens, in_features = forward ? layout.rows() : layout.cols();
  const std::int64_t out_features = forward ? layout.cols() : layout.rows();
  const int in_edge = forward ? block.rows : block.cols, out_edge = forward ? block.cols : block.rows;
  const std::vector<double> a = activation_values(problem, forward ? operands.x : operands.y, tokens, in_features);
  const std::vector<double> w = weight_values(problem, operands.w);
  const auto lists = forward ? blocks_by_column(layout) : blocks_by_row(layout);
  const std::int64_t blocks_per_head = forward ? layout.grid_cols() : layout.grid_rows();

  out.features = out_features;
  out.edge = out_edge;
  out.value.assign(static_cast<std::size_t>(layout.heads() * tokens * out_features), 0);
  out.magnitude = out.value;
  out.terms.assign(lists.size(), 0);
  const double cost = 2.0 * tokens * layout.num_blocks() * block.rows * block.cols;
  parallel_for(static_cast<std::int64_t>(lists.size()), cost, [&](std::int64_t list) {
    const std::int64_t head = list / blocks_per_head, out_block = list % blocks_per_head;
    const std::int64_t width = inside(out_block, out_edge, out_features);
    std::vector<double> right(static_cast<std::size_t>(in_edge) * out_edge);  // the block with outputs contiguous
    for (const BlockRef& ref : lists[list]) {
      const std::int64_t in_block = forward ? ref.row : ref.col, depth = inside(in_block, in_edge, in_features);
      const double* values = w.data() + ref.value * block.rows * block.cols;
      for (int i = 0; i < in_edge; ++i)
        for (int o = 0; o < out_edge; ++o) right[i * out_edge + o] = forward ? values[i * block.cols + o] : values[o * block.cols + i];
      for (std::int64_t token = 0; token < tokens; ++token) {
        const double* left = a.data() + (head * tokens + token) * in_features + in_block * in_edge;
        const std::size_t at = (head * tokens + token) * out_features + out_block * out_edge;
        for (std::int64_t i = 0; i < depth; ++i) add_scaled(left[i], &right[i * out_edge], &out.value[at], &out.magnitude[at], width);
      }
      out.terms[list] += depth;
    }
  });
}

// dW = X^T dY on the present blocks.
void outer_product(const Layout& layout, const Problem& problem, const Operands& operands, Reference& out) {
  const BlockShape block = layout.block();
  const std::int64_t tokens = operands.tokens, elements = std::int64_t{block.rows} * block.cols;
  const std::vector<double> x = activation_values(problem, operands.x, tokens, layout.rows());
  const std::vector<double> dy = activation_values(problem, operands.y, tokens, layout.cols());
  const auto lists = blocks_by_row(layout);
  out.value.assign(static_cast<std::size_t>(layout.num_blocks() * elements), 0);
  out.magnitude = out.value;
  out.terms = {tokens + (problem.accumulate && tokens > 0 ? 1 : 0)};
  const double cost = 2.0 * tokens * layout.num_blocks() * elements;
  parallel_for(static_cast<std::int64_t>(lists.size()), cost, [&](std::int64_t list) {
    const std::int64_t head = list / layout.grid_rows();
    for (const BlockRef& ref : lists[list]) {
      const std::int64_t height = inside(ref.row, block.rows, layout.rows()), width = inside(ref.col, block.cols, layout.cols());
      const std::size_t first = ref.value * elements;
      if (problem.accumulate)
        for (std::int64_t i = 0; i < height; ++i)
          for (std::int64_t j = 0; j < width; ++j) {
            const std::size_t at = first + i * block.cols + j;
            out.value[at] = operands.w.at(0, ref.value, i * block.cols + j);
            out.magnitude[at] = std::fabs(out.value[at]);
          }
      for (std::int64_t token = 0; token < tokens; ++token) {
        const double* left = &x[(head * tokens + token) * layout.rows() + ref.row * block.rows];
        const double* right = &dy[(head * tokens + token) * layout.cols() + ref.col * block.cols];
        for (std::int64_t i = 0; i < height; ++i)
          add_scaled(left[i], right, &out.value[first + i * block.cols], &out.magnitude[first + i * block.cols], width);
      }
    }
  });
}

}  // namespace

std::vector<std::vector<BlockRef>> blocks_by_row(const Layout& layout) {
  std::vector<std::vector<BlockRef>> lists(static_cast<std::size_t>(layout.heads() * layout.grid_rows()));
  const auto offsets = layout.row_offsets();
  for (std::size_t list = 0; list < lists.size(); ++list)
    for (std::int64_t i = offsets[list]; i < offsets[list + 1]; ++i)
      lists[list].push_back({static_cast<std::int64_t>(list) % layout.grid_rows(), layout.block_cols()[i], i});
  return lists;
}

std::vector<std::vector<BlockRef>> blocks_by_column(const Layout& layout) {
  std::vector<std::vector<BlockRef>> lists(static_cast<std::size_t>(layout.heads() * layout.grid_cols()));
  const auto by_row = blocks_by_row(layout);
  for (std::size_t row = 0; row < by_row.size(); ++row)
    for (const BlockRef& ref : by_row[row]) lists[static_cast<std::int64_t>(row) / layout.grid_rows() * layout.grid_cols() + ref.col].push_back(ref);
  return lists;
}

Reference make_reference(const Layout& layout, const Problem& problem, const Operands& operands) {
  Reference reference;
  problem.op == Op::kUpdate ? outer_product(layout, problem, operands, reference) : multiply(layout, problem, operands, reference);
  return reference;
}

}  // namespace bsgen::verify
