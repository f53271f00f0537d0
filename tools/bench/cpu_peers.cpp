#include "tools/bench/cpu_peers.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <vector>

namespace bsgen::bench {
namespace {

constexpr int kRowMajor = 101, kNoTranspose = 111;  // cblas.h

#if defined(__x86_64__)
// Twelve sums hide a latency of up to six cycles of two multiply-adds each. In assembly, so that none is merged, dropped or spilled.
constexpr int kSums = 12;
#define BSGEN_BURN(reg)                                                                                                        \
  "1:\n"                                                                                                                       \
  "vfmadd231ps %%" reg "12, %%" reg "13, %%" reg "0\n vfmadd231ps %%" reg "12, %%" reg "13, %%" reg "1\n"                      \
  "vfmadd231ps %%" reg "12, %%" reg "13, %%" reg "2\n vfmadd231ps %%" reg "12, %%" reg "13, %%" reg "3\n"                      \
  "vfmadd231ps %%" reg "12, %%" reg "13, %%" reg "4\n vfmadd231ps %%" reg "12, %%" reg "13, %%" reg "5\n"                      \
  "vfmadd231ps %%" reg "12, %%" reg "13, %%" reg "6\n vfmadd231ps %%" reg "12, %%" reg "13, %%" reg "7\n"                      \
  "vfmadd231ps %%" reg "12, %%" reg "13, %%" reg "8\n vfmadd231ps %%" reg "12, %%" reg "13, %%" reg "9\n"                      \
  "vfmadd231ps %%" reg "12, %%" reg "13, %%" reg "10\n vfmadd231ps %%" reg "12, %%" reg "13, %%" reg "11\n"                    \
  "dec %0\n jnz 1b\n"

[[gnu::target("avx512f"), gnu::noinline]] void burn512(long rounds) {
  __asm__ volatile("vpxorq %%zmm12, %%zmm12, %%zmm12\n vpxorq %%zmm13, %%zmm13, %%zmm13\n" BSGEN_BURN("zmm")
                   : "+r"(rounds)
                   :
                   : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13");
}
[[gnu::target("avx2,fma"), gnu::noinline]] void burn256(long rounds) {
  __asm__ volatile("vpxor %%ymm12, %%ymm12, %%ymm12\n vpxor %%ymm13, %%ymm13, %%ymm13\n" BSGEN_BURN("ymm")
                   : "+r"(rounds)
                   :
                   : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13");
}
#undef BSGEN_BURN
#endif

}  // namespace

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double peak_gflops() {
#if defined(__x86_64__)
  const bool wide = __builtin_cpu_supports("avx512f");
  if (!wide && !(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))) return 0;
  constexpr long kRounds = 200000;
  double best = 0;
  for (int i = 0; i < 60; ++i) {
    const double start = thread_seconds();
    wide ? burn512(kRounds) : burn256(kRounds);
    best = std::max(best, 2.0 * kSums * (wide ? 16 : 8) * kRounds / (thread_seconds() - start) * 1e-9);
  }
  return best;
#else
  return 0;
#endif
}

double read_bandwidth() {
  std::vector<std::uint64_t> memory(std::size_t{256} << 17, 1);  // 256 MB
  double best = 0;
  volatile std::uint64_t sink = 0;
  for (int i = 0; i < 5; ++i) {
    const double start = thread_seconds();
    std::uint64_t sums[8] = {};
    for (std::size_t at = 0; at < memory.size(); at += 8)
      for (std::size_t j = 0; j < 8; ++j) sums[j] += memory[at + j];
    std::uint64_t total = 0;
    for (const std::uint64_t sum : sums) total += sum;
    sink = total;
    best = std::max(best, static_cast<double>(memory.size() * 8) / (thread_seconds() - start) * 1e-9);
  }
  (void)sink;
  return best;
}

std::optional<OpenBlas> OpenBlas::open() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) setenv("OPENBLAS_CORETYPE", "SkylakeX", 1);
#endif
  void* library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  if (!library) return std::nullopt;
  OpenBlas blas;
  blas.sgemm_ = reinterpret_cast<Sgemm>(dlsym(library, "cblas_sgemm"));
  blas.set_threads_ = reinterpret_cast<void (*)(int)>(dlsym(library, "openblas_set_num_threads"));
  const auto text = [&](const char* name) {
    auto* get = reinterpret_cast<const char* (*)()>(dlsym(library, name));
    return std::string(get ? get() : "");
  };
  if (!blas.sgemm_ || !blas.set_threads_) return std::nullopt;
  const std::string config = text("openblas_get_config");
  blas.name_ = fmt::format("{}, {}", config.substr(0, config.find(' ', config.find(' ') + 1)), text("openblas_get_corename"));
  return blas;
}

std::string OpenBlas::name() const { return name_; }

void OpenBlas::sgemm(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, std::int64_t lda, const float* b, std::int64_t ldb, float beta,
                     float* c, std::int64_t ldc) const {
  sgemm_(kRowMajor, kNoTranspose, kNoTranspose, static_cast<int>(m), static_cast<int>(n), static_cast<int>(k), 1.0f, a, static_cast<int>(lda), b,
         static_cast<int>(ldb), beta, c, static_cast<int>(ldc));
}

}  // namespace bsgen::bench
