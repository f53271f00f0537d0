#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace bsgen::bench {

// OpenBLAS, opened with dlopen at its best core type for this machine: its own choice on a processor that it does not know can be
// half as fast.
class OpenBlas {
 public:
  static std::optional<OpenBlas> open();
  void set_threads(int threads) const { set_threads_(threads); }
  std::string name() const;  // "OpenBLAS 0.3.21, SkylakeX"
  // C[m, n] = beta C + A[m, k] B[k, n], row-major.
  void sgemm(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, std::int64_t lda, const float* b, std::int64_t ldb, float beta, float* c,
             std::int64_t ldc) const;

 private:
  using Sgemm = void (*)(int, int, int, int, int, int, float, const float*, int, const float*, int, float, float*, int);
  Sgemm sgemm_ = nullptr;
  void (*set_threads_)(int) = nullptr;
  std::string name_;
};

}  // namespace bsgen::bench
