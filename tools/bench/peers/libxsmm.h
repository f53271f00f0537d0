// libxsmm, opened with dlopen: the same block-sparse product from its small matrix products, one batch per block column.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "bsgen/layout.h"

namespace bsgen::bench {

class Libxsmm {
 public:
  static std::optional<Libxsmm> open();
  // y[m, N] = x[m, K] W, row-major fp32; w holds the layout's blocks in their order. All three must outlive the function. Null where the library
  // makes no such kernel. One thread.
  std::function<bool()> product(const Layout& layout, std::int64_t m, const float* x, std::int64_t ldx, const float* w, float* y) const;

 private:
  void* handle_ = nullptr;
};

}  // namespace bsgen::bench
