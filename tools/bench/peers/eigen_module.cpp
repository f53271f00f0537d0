// The peer of eigen_sparse.h: Eigen alone, nothing of bsgen.
#include <Eigen/Sparse>
#include <cstdint>

extern "C" __attribute__((visibility("default"))) void bsgen_bench_eigen_product(std::int64_t rows, std::int64_t inner, const int* offsets, const int* columns,
                                                                                 const float* values, std::int64_t m, const float* x, float* y) {
  using Dense = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Map<const Eigen::SparseMatrix<float, Eigen::RowMajor>> sparse(rows, inner, offsets[rows], offsets, columns, values);
  Eigen::Map<Dense>(y, rows, m).noalias() = sparse * Eigen::Map<const Dense>(x, inner, m);
}
