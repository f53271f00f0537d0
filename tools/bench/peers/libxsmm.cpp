#include "tools/bench/peers/libxsmm.h"

#include <dlfcn.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace bsgen::bench {
namespace {

// c = sum of a[i] b[i], column-major; libxsmm.h of version 1.
using Kernel = void (*)(const float**, const float**, float*, const unsigned long long*, ...);
using Dispatch = Kernel (*)(int m, int n, int k, const int* lda, const int* ldb, const int* ldc, const float* alpha, const float* beta, const int* flags,
                            const int* prefetch);

// Tokens of one call: their part of X stays in L1 and L2 over a block column.
constexpr std::int64_t kTokens = 64;

// What one call takes: read column-major, y is N x m, x is K x m and a block of W is turned, so that all three lie as they are.
struct Call {
  Kernel kernel;
  std::vector<const float*> w, x;
  float* y;
  std::vector<const float*> moved = {};  // x as the kernel may have it: it leaves each pointer behind the tokens that it read
};

}  // namespace

std::optional<Libxsmm> Libxsmm::open() {
  Libxsmm opened;
  for (const char* file : {"libxsmm.so", "libxsmm.so.1"})
    if (!opened.handle_) opened.handle_ = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (!opened.handle_ || !dlsym(opened.handle_, "libxsmm_smmdispatch_reducebatch_addr")) return std::nullopt;
  return opened;
}

std::function<bool()> Libxsmm::product(const Layout& layout, std::int64_t m, const float* x, std::int64_t ldx, const float* w, float* y) const {
  const auto dispatch = reinterpret_cast<Dispatch>(dlsym(handle_, "libxsmm_smmdispatch_reducebatch_addr"));
  const BlockShape block = layout.block();
  const std::int64_t n = layout.cols();
  const int lda = block.cols, ldb = static_cast<int>(ldx), ldc = static_cast<int>(n);
  const float one = 1, zero = 0;
  auto calls = std::make_shared<std::vector<Call>>();
  for (std::int64_t token = 0; token < m; token += kTokens) {
    const int tokens = static_cast<int>(std::min(kTokens, m - token));
    const Kernel kernel = dispatch(block.cols, tokens, block.rows, &lda, &ldb, &ldc, &one, &zero, nullptr, nullptr);
    if (!kernel) return nullptr;
    const std::size_t first = calls->size();
    for (std::int64_t col = 0; col < layout.grid_cols(); ++col) calls->push_back({kernel, {}, {}, y + token * n + col * block.cols});
    for (std::int64_t row = 0; row < layout.grid_rows(); ++row)
      for (std::int64_t i = layout.row_offsets()[row]; i < layout.row_offsets()[row + 1]; ++i) {
        Call& call = (*calls)[first + static_cast<std::size_t>(layout.block_cols()[i])];
        call.w.push_back(w + i * block.rows * block.cols);
        call.x.push_back(x + token * ldx + row * block.rows);
      }
  }
  std::erase_if(*calls, [](const Call& call) { return call.w.empty(); });
  return [calls] {
    for (Call& call : *calls) {
      const unsigned long long count = call.w.size();
      call.moved.assign(call.x.begin(), call.x.end());
      call.kernel(call.w.data(), call.moved.data(), call.y, &count);
    }
    return true;
  };
}

}  // namespace bsgen::bench
