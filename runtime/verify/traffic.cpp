// What the problem itself costs, whatever the kernel: bytes that must move once, and useful multiplications.
#include <algorithm>

#include "runtime/verify/shapes.h"
#include "runtime/verify/verify.h"

namespace bsgen::verify {
namespace {

constexpr std::int64_t kSector = 32;

// Counts distinct sectors of byte ranges that come in ascending order.
class SectorCount {
 public:
  void add(std::int64_t begin, std::int64_t end) {
    if (end <= begin) return;
    const std::int64_t first = std::max(begin / kSector, last_ + 1), last = (end - 1) / kSector;
    if (last < first) return;
    count_ += last - first + 1;
    last_ = last;
  }
  std::uint64_t bytes() const { return static_cast<std::uint64_t>(count_) * kSector; }

 private:
  std::int64_t last_ = -1, count_ = 0;
};

// Which features of one head are needed, as ascending ranges.
using Ranges = std::vector<std::pair<std::int64_t, std::int64_t>>;

std::vector<Ranges> used_features(const std::vector<std::vector<BlockRef>>& lists, std::int64_t heads, int edge, std::int64_t features) {
  std::vector<Ranges> used(static_cast<std::size_t>(heads));
  const std::int64_t per_head = heads ? static_cast<std::int64_t>(lists.size()) / heads : 0;
  for (std::size_t list = 0; list < lists.size(); ++list) {
    if (lists[list].empty()) continue;
    const std::int64_t begin = static_cast<std::int64_t>(list) % per_head * edge, end = std::min<std::int64_t>(begin + edge, features);
    Ranges& ranges = used[static_cast<std::int64_t>(list) / per_head];
    if (!ranges.empty() && ranges.back().second == begin) ranges.back().second = end;
    else ranges.push_back({begin, end});
  }
  return used;
}

std::uint64_t activation_bytes(const Problem& problem, DType dtype, std::int64_t tokens, std::int64_t features, const std::vector<Ranges>& used) {
  SectorCount sectors;
  const std::int64_t size = size_bytes(dtype);
  const bool row = problem.activations == Activations::kRow;
  const std::int64_t rows = row ? tokens : features, cols = row ? features : tokens;
  const std::int64_t pitch = leading_dimension(cols, dtype, problem.align);
  for (std::size_t head = 0; head < used.size(); ++head) {
    const std::int64_t base = static_cast<std::int64_t>(head) * rows * pitch;
    if (row) {
      for (std::int64_t token = 0; token < tokens; ++token)
        for (const auto& [begin, end] : used[head]) sectors.add((base + token * pitch + begin) * size, (base + token * pitch + end) * size);
    } else {
      for (const auto& [begin, end] : used[head])
        for (std::int64_t feature = begin; feature < end; ++feature) sectors.add((base + feature * pitch) * size, (base + feature * pitch + tokens) * size);
    }
  }
  return sectors.bytes();
}

std::uint64_t whole_activation(const Problem& problem, DType dtype, std::int64_t heads, std::int64_t tokens, std::int64_t features) {
  return activation_bytes(problem, dtype, tokens, features, std::vector<Ranges>(static_cast<std::size_t>(heads), Ranges{{0, features}}));
}

// The elements of present blocks that lie inside the matrix.
std::uint64_t weight_bytes(const Layout& layout, DType dtype) {
  SectorCount sectors;
  const BlockShape block = layout.block();
  const std::int64_t size = size_bytes(dtype);
  for (const auto& list : blocks_by_row(layout))
    for (const BlockRef& ref : list) {
      const std::int64_t height = inside(ref.row, block.rows, layout.rows()), width = inside(ref.col, block.cols, layout.cols());
      for (std::int64_t i = 0; i < height; ++i) {
        const std::int64_t first = (ref.value * block.rows + i) * block.cols;
        sectors.add(first * size, (first + width) * size);
      }
    }
  return sectors.bytes();
}

std::uint64_t epilogue_bytes(const Layout& layout, const Problem& problem, std::int64_t tokens) {
  const auto epilogue = epilogue::parse(problem.epilogue);
  std::uint64_t bytes = 0;
  if (!epilogue) return 0;
  const auto vector_bytes = [&](std::int64_t count) {
    SectorCount sectors;
    const std::int64_t pitch = leading_dimension(count, DType::kFp32, problem.align);
    for (std::int64_t head = 0; head < layout.heads(); ++head) sectors.add(head * pitch * 4, (head * pitch + count) * 4);
    return sectors.bytes();
  };
  for (const epilogue::Parameter& parameter : epilogue->parameters()) {
    if (parameter.kind == epilogue::ParameterKind::kVectorN) bytes += vector_bytes(layout.cols());
    if (parameter.kind == epilogue::ParameterKind::kVectorM) bytes += vector_bytes(tokens);
    if (parameter.kind == epilogue::ParameterKind::kMatrix)
      bytes += whole_activation(problem, problem.output(), layout.heads(), tokens, layout.cols());
  }
  return bytes;
}

}  // namespace

std::int64_t leading_dimension(std::int64_t cols, DType dtype, int align) {
  const std::int64_t step = std::max(1, align / size_bytes(dtype));
  return (cols + step - 1) / step * step;
}

std::uint64_t floor_bytes(const Layout& layout, const Problem& problem, std::int64_t tokens) {
  const BlockShape block = layout.block();
  const auto used_rows = [&] { return used_features(blocks_by_row(layout), layout.heads(), block.rows, layout.rows()); };
  const auto used_cols = [&] { return used_features(blocks_by_column(layout), layout.heads(), block.cols, layout.cols()); };
  const auto x_used = [&] { return activation_bytes(problem, problem.dtype, tokens, layout.rows(), used_rows()); };
  const auto y_used = [&] { return activation_bytes(problem, problem.dtype, tokens, layout.cols(), used_cols()); };
  const DType out = problem.output();
  if (problem.op == Op::kUpdate) {
    const std::int64_t elements = layout.num_blocks() * block.rows * block.cols;
    SectorCount output;
    output.add(0, elements * size_bytes(out));
    return x_used() + y_used() + output.bytes() + (problem.accumulate ? weight_bytes(layout, out) : 0);
  }
  if (tokens == 0) return 0;  // no output depends on anything
  if (problem.op == Op::kBprop)
    return y_used() + weight_bytes(layout, problem.dtype) + whole_activation(problem, out, layout.heads(), tokens, layout.rows());
  return x_used() + weight_bytes(layout, problem.dtype) + whole_activation(problem, out, layout.heads(), tokens, layout.cols()) +
         epilogue_bytes(layout, problem, tokens);
}

std::uint64_t useful_flops(const Layout& layout, const Problem&, std::int64_t tokens) {
  std::uint64_t elements = 0;
  for (const auto& list : blocks_by_row(layout))
    for (const BlockRef& ref : list)
      elements += inside(ref.row, layout.block().rows, layout.rows()) * inside(ref.col, layout.block().cols, layout.cols());
  return 2 * static_cast<std::uint64_t>(tokens) * elements;
}

}  // namespace bsgen::verify
