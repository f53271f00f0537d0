// What the cpu suite compares with, opened where it is found, and the peak it is measured against.
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

// Multiply-adds of one thread with everything in registers, GFLOP/s of processor time; 0 where this build has no loop for the machine.
double peak_gflops();
// Bytes one thread reads per second from memory far larger than the caches, GB/s.
double read_bandwidth();

// Processor time of this thread, seconds.
double thread_seconds();

}  // namespace bsgen::bench
