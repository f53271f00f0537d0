#include "tools/bench/peers/eigen_sparse.h"

#include <dlfcn.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace bsgen::bench {

std::optional<EigenSparse> EigenSparse::open() {
  char link[4096];
  const ssize_t length = readlink("/proc/self/exe", link, sizeof link);
  if (length <= 0) return std::nullopt;
  const std::string self(link, static_cast<std::size_t>(length));
  EigenSparse opened;
  opened.handle_ = dlopen((self.substr(0, self.rfind('/')) + "/libbsgen-bench-eigen.so").c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!opened.handle_ || !dlsym(opened.handle_, "bsgen_bench_eigen_product")) return std::nullopt;
  return opened;
}

std::function<bool()> EigenSparse::product(const Layout& layout, const float* w, std::int64_t m, const float* x, float* y) const {
  using Run = void (*)(std::int64_t, std::int64_t, const int*, const int*, const float*, std::int64_t, const float*, float*);
  const auto run = reinterpret_cast<Run>(dlsym(handle_, "bsgen_bench_eigen_product"));
  // W^T in compressed rows: row n holds W's column n.
  struct Compressed {
    std::vector<int> offsets, inner;
    std::vector<float> values;
  };
  auto made = std::make_shared<Compressed>();
  const BlockShape block = layout.block();
  std::vector<std::vector<std::pair<std::int64_t, std::int64_t>>> columns(static_cast<std::size_t>(layout.grid_cols()));  // block row, block
  for (std::int64_t row = 0; row < layout.grid_rows(); ++row)
    for (std::int64_t i = layout.row_offsets()[row]; i < layout.row_offsets()[row + 1]; ++i)
      columns[static_cast<std::size_t>(layout.block_cols()[i])].emplace_back(row, i);
  made->offsets.push_back(0);
  for (const auto& column : columns)
    for (int c = 0; c < block.cols; ++c) {
      for (const auto& [row, i] : column)
        for (int r = 0; r < block.rows; ++r) {
          made->inner.push_back(static_cast<int>(row * block.rows + r));
          made->values.push_back(w[(i * block.rows + r) * block.cols + c]);
        }
      made->offsets.push_back(static_cast<int>(made->inner.size()));
    }
  return [made, run, n = layout.cols(), k = layout.rows(), m, x, y] {
    run(n, k, made->offsets.data(), made->inner.data(), made->values.data(), m, x, y);
    return true;
  };
}

}  // namespace bsgen::bench
