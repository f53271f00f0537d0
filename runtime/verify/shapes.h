// Which memory each operand of a problem has, shared by everything that makes, runs or judges one.
#pragma once

#include <cstdint>
#include <vector>

#include "bsgen/layout.h"
#include "bsgen/problem.h"
#include "runtime/verify/verify.h"

namespace bsgen::verify {

// An activation of `features` features, in memory order.
inline HostTensor make_activation(const Problem& problem, DType dtype, std::int64_t heads, std::int64_t tokens, std::int64_t features) {
  return problem.activations == Activations::kRow ? make_tensor(dtype, heads, tokens, features)
                                                  : make_tensor(dtype, heads, features, tokens);
}
inline float activation(const Problem& problem, const HostTensor& tensor, std::int64_t head, std::int64_t token, std::int64_t feature) {
  return problem.activations == Activations::kRow ? tensor.at(head, token, feature) : tensor.at(head, feature, token);
}
inline void set_activation(const Problem& problem, HostTensor& tensor, std::int64_t head, std::int64_t token, std::int64_t feature, float value) {
  problem.activations == Activations::kRow ? tensor.set(head, token, feature, value) : tensor.set(head, feature, token, value);
}

// A present block: where it is and which of the values it owns.
struct BlockRef {
  std::int64_t row = 0, col = 0, value = 0;
};
// Lists of blocks by (head, block column) or (head, block row), ascending within each.
std::vector<std::vector<BlockRef>> blocks_by_column(const Layout& layout);
std::vector<std::vector<BlockRef>> blocks_by_row(const Layout& layout);

// Elements of block `index` along a side of `size` elements: the last one may be cut.
inline std::int64_t inside(std::int64_t index, int edge, std::int64_t size) {
  return std::min<std::int64_t>(edge, size - index * edge);
}

}  // namespace bsgen::verify
