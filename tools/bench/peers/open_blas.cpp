#include "tools/bench/peers/open_blas.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>

namespace bsgen::bench {
namespace {

constexpr int kRowMajor = 101, kNoTranspose = 111;  // cblas.h

}  // namespace

std::optional<OpenBlas> OpenBlas::open() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) setenv("OPENBLAS_CORETYPE", "SkylakeX", 1);
#endif
  void* handle = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  if (!handle) return std::nullopt;
  OpenBlas blas;
  blas.sgemm_ = reinterpret_cast<Sgemm>(dlsym(handle, "cblas_sgemm"));
  blas.set_threads_ = reinterpret_cast<void (*)(int)>(dlsym(handle, "openblas_set_num_threads"));
  const auto text = [&](const char* name) {
    auto* get = reinterpret_cast<const char* (*)()>(dlsym(handle, name));
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
