// oneDNN, opened with dlopen: the dense product of one type. Versions 2 and 3 spell it differently.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "bsgen/dtype.h"

namespace bsgen::bench {

class OneDnn {
 public:
  static std::optional<OneDnn> open();
  std::string name() const { return name_; }  // "oneDNN 2.6.3"
  void set_threads(int threads) const;
  // y[m, n] = x[m, k] w[k, n], row-major and all of `dtype`. w is brought into the order that the library likes here, not in the calls; x and y
  // must outlive the function. Null where the library has no such product.
  std::function<bool()> product(DType dtype, std::int64_t m, std::int64_t n, std::int64_t k, void* x, std::int64_t ldx, void* w, void* y) const;

 private:
  void* handle_ = nullptr;
  int major_ = 0;
  std::string name_;
};

}  // namespace bsgen::bench
