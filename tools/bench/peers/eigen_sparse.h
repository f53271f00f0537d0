// Eigen's sparse times dense product, in a module of its own (eigen_module.cpp): it is built for the very machine where Eigen's headers were found,
// and what it inlines of the standard library must not get into the tool.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "bsgen/layout.h"

namespace bsgen::bench {

class EigenSparse {
 public:
  // The module beside this program.
  static std::optional<EigenSparse> open();
  // Y^T[N, m] = W^T X^T[K, m], fp32 with the tokens contiguous, as Eigen does it best; W by elements. One thread. x and y must outlive the function.
  std::function<bool()> product(const Layout& layout, const float* w, std::int64_t m, const float* x, float* y) const;

 private:
  void* handle_ = nullptr;
};

}  // namespace bsgen::bench
