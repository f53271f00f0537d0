#include "tools/bench/peers/contenders.h"

#include <algorithm>
#include <memory>

namespace bsgen::bench {
namespace {

// W by elements, row-major.
template <class T>
std::shared_ptr<std::vector<T>> dense_weight(const Layout& layout, const T* w) {
  auto dense = std::make_shared<std::vector<T>>(static_cast<std::size_t>(layout.rows() * layout.cols()));
  const BlockShape block = layout.block();
  for (std::int64_t row = 0; row < layout.grid_rows(); ++row)
    for (std::int64_t i = layout.row_offsets()[row]; i < layout.row_offsets()[row + 1]; ++i)
      for (int r = 0; r < block.rows; ++r)
        std::copy_n(w + (i * block.rows + r) * block.cols, block.cols,
                    dense->begin() + (row * block.rows + r) * layout.cols() + std::int64_t{layout.block_cols()[i]} * block.cols);
  return dense;
}

template <class T>
std::shared_ptr<std::vector<T>> room(std::int64_t elements) {
  return std::make_shared<std::vector<T>>(static_cast<std::size_t>(elements));
}

auto at(std::shared_ptr<std::vector<float>> y, std::int64_t row_stride, std::int64_t col_stride) {
  return [=](std::int64_t row, std::int64_t col) { return (*y)[static_cast<std::size_t>(row * row_stride + col * col_stride)]; };
}

void add_open_blas(std::vector<Contender>& all, const OpenBlas& blas, const FpropOperands& o, const std::shared_ptr<std::vector<float>>& dense) {
  const auto *x = static_cast<const float*>(o.x), *w = static_cast<const float*>(o.w);
  const Layout& layout = o.layout;
  const std::int64_t m = o.tokens, n = layout.cols(), k = layout.rows(), ldx = o.ldx;
  const auto y = room<float>(m * n), z = room<float>(m * n);
  all.push_back({"OpenBLAS", true,
                 [=] {
                   blas.sgemm(m, n, k, x, ldx, dense->data(), n, 0, y->data(), n);
                   return true;
                 },
                 at(y, n, 1)});
  all.push_back({"OpenBLAS per block", false,
                 [=, &layout] {
                   std::fill(z->begin(), z->end(), 0.0f);
                   const BlockShape b = layout.block();
                   for (std::int64_t row = 0; row < layout.grid_rows(); ++row)
                     for (std::int64_t i = layout.row_offsets()[row]; i < layout.row_offsets()[row + 1]; ++i)
                       blas.sgemm(m, b.cols, b.rows, x + row * b.rows, ldx, w + i * b.rows * b.cols, b.cols, 1,
                                  z->data() + std::int64_t{layout.block_cols()[i]} * b.cols, n);
                   return true;
                 },
                 at(z, n, 1)});
}

template <class T>
void add_one_dnn(std::vector<Contender>& all, const OneDnn& dnn, const FpropOperands& o, const std::shared_ptr<std::vector<T>>& dense) {
  const std::int64_t m = o.tokens, n = o.layout.cols();
  const auto y = room<T>(m * n);
  auto run = dnn.product(o.dtype, m, n, o.layout.rows(), const_cast<void*>(o.x), o.ldx, dense->data(), y->data());
  if (!run) return;
  Contender contender{"oneDNN", true, [run, dense, y] { return run(); }};
  if constexpr (std::is_same_v<T, float>) contender.value = at(y, n, 1);
  all.push_back(std::move(contender));
}

void add_sparse(std::vector<Contender>& all, const Peers& peers, const FpropOperands& o) {
  const auto *x = static_cast<const float*>(o.x), *w = static_cast<const float*>(o.w);
  const std::int64_t m = o.tokens, n = o.layout.cols(), k = o.layout.rows();
  if (peers.xsmm) {
    const auto y = room<float>(m * n);
    if (auto run = peers.xsmm->product(o.layout, m, x, o.ldx, w, y->data())) all.push_back({"libxsmm", false, run, at(y, n, 1)});
  }
  if (peers.eigen) {
    const auto turned = room<float>(k * m), y = room<float>(n * m);
    for (std::int64_t i = 0; i < m; ++i)
      for (std::int64_t j = 0; j < k; ++j) (*turned)[static_cast<std::size_t>(j * m + i)] = x[i * o.ldx + j];
    auto run = peers.eigen->product(o.layout, w, m, turned->data(), y->data());
    all.push_back({"Eigen", false, [run, turned, y] { return run(); }, at(y, 1, m)});
  }
}

}  // namespace

Peers Peers::open() { return {OpenBlas::open(), OneDnn::open(), Libxsmm::open(), EigenSparse::open()}; }

std::string Peers::names() const {
  std::string text;
  const auto add = [&](bool here, const std::string& name) {
    if (here) text += (text.empty() ? "" : "; ") + name;
  };
  add(blas.has_value(), blas ? blas->name() : "");
  add(dnn.has_value(), dnn ? dnn->name() : "");
  add(xsmm.has_value(), "libxsmm");
  add(eigen.has_value(), "Eigen");
  return text.empty() ? "no peer is here" : text;
}

std::vector<Figure> Peers::absent() const {
  std::vector<Figure> figures;
  const auto add = [&](bool here, const char* name, const char* way_out) {
    if (!here) figures.push_back(not_measured("peers", name, "", way_out));
  };
  add(blas.has_value(), "OpenBLAS", "libopenblas.so.0 was not found (libopenblas0-pthread on Debian)");
  add(dnn.has_value(), "oneDNN", "neither libdnnl.so.3 nor libdnnl.so.2 was found (libdnnl2 on Debian)");
  add(xsmm.has_value(), "libxsmm", "libxsmm.so was not found (its own build makes one, Debian's package does not)");
  add(eigen.has_value(), "Eigen", "libbsgen-bench-eigen.so is not beside this program; it is built where libeigen3-dev is");
  return figures;
}

std::vector<Contender> contenders(const Peers& peers, const FpropOperands& o, int threads) {
  std::vector<Contender> all;
  if (peers.blas) peers.blas->set_threads(threads);
  if (peers.dnn) peers.dnn->set_threads(threads);
  if (o.dtype == DType::kFp32) {
    const auto dense = dense_weight(o.layout, static_cast<const float*>(o.w));
    if (peers.blas) add_open_blas(all, *peers.blas, o, dense);
    if (peers.dnn) add_one_dnn(all, *peers.dnn, o, dense);
    if (threads == 1) add_sparse(all, peers, o);
  } else if (peers.dnn && o.dtype == DType::kBf16) {
    add_one_dnn(all, *peers.dnn, o, dense_weight(o.layout, static_cast<const std::uint16_t*>(o.w)));
  }
  return all;
}

}  // namespace bsgen::bench
