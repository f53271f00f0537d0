// CUDA compiled here and now by NVRTC, executed and compared with plain C++; skipped where NVRTC is not installed.
#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <random>

#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"
#include "tests/unit/sim/nvrtc.h"

namespace bsgen::sim::test {
namespace {

// C = A B^T with a three-stage cp.async pipeline; `edit` changes the source first.
struct Gemm {
  Launched launched;
  std::vector<float> c;
  double worst = 0;
};
Gemm run_gemm(Nvrtc& nvrtc, int arch, Timing timing, const std::string& from = "", const std::string& to = "") {
  std::string source = read_kernel("gemm.cu");
  if (!from.empty()) {
    REQUIRE(source.find(from) != std::string::npos);
    source.replace(source.find(from), from.size(), to);
  }
  const std::string ptx = nvrtc.compile(source, arch);
  REQUIRE(!ptx.empty());
  const int m = 150, n = 130, k = 128;
  std::mt19937 random(7);
  const auto fill = [&](std::size_t size) {
    std::vector<std::uint16_t> values(size);
    for (std::uint16_t& v : values) v = static_cast<std::uint16_t>(__builtin_bit_cast(std::uint32_t, static_cast<float>(static_cast<int>(random() % 17) - 8)) >> 16);
    return values;
  };
  const auto value = [](std::uint16_t x) { return __builtin_bit_cast(float, std::uint32_t{x} << 16); };
  const auto a = fill(std::size_t(m) * k), b = fill(std::size_t(n) * k);
  Gemm made;
  made.c.assign(std::size_t(m) * n, NAN);
  auto sim = device(fmt::format("sm_{}", arch), timing);
  const auto da = *sim->allocate(a.size() * 2), db = *sim->allocate(b.size() * 2), dc = *sim->allocate(made.c.size() * 4);
  REQUIRE((sim->copy_in(da.address(), std::as_bytes(std::span(a))).ok() && sim->copy_in(db.address(), std::as_bytes(std::span(b))).ok()));
  made.launched = launch(*sim, ptx, {.grid_x = 2, .grid_y = 2, .threads = 256}, {da.address(), db.address(), dc.address(), std::uint64_t(m) | std::uint64_t(n) << 32, std::uint64_t(k)}, 49152);
  REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(made.c)), dc.address()).ok());
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j) {
      float sum = 0;
      for (int q = 0; q < k; ++q) sum += value(a[std::size_t(i) * k + q]) * value(b[std::size_t(j) * k + q]);
      const float got = made.c[std::size_t(i) * n + j];
      made.worst = std::isnan(got) ? INFINITY : std::max<double>(made.worst, std::fabs(got - sum));
    }
  return made;
}

TEST_CASE("a_cp_async_gemm_from_nvrtc_is_exact_early_and_late_on_every_architecture") {
  Nvrtc nvrtc;
  if (!nvrtc.found()) BSGEN_SKIP("libnvrtc is not installed");
  for (int arch : {80, 86, 89, 90, 100, 120}) {
    for (Timing timing : {Timing::kEarly, Timing::kLate}) {
      const Gemm gemm = run_gemm(nvrtc, arch, timing);
      INFO("sm_" << arch << " " << gemm.launched.status.message());
      CHECK(gemm.launched.status.ok());
      CHECK(gemm.launched.report.diagnostics.empty());
      CHECK(gemm.worst == 0);
      CHECK(gemm.launched.report.counters.shared_wavefronts == gemm.launched.report.counters.shared_wavefronts_ideal);
      CHECK(gemm.launched.report.counters.mma_flops_issued == 4ull * 2 * 128 * 128 * 128);
    }
  }
}

TEST_CASE("missing_synchronisation_in_the_gemm_is_found_even_where_the_result_is_right") {
  Nvrtc nvrtc;
  if (!nvrtc.found()) BSGEN_SKIP("libnvrtc is not installed");
  const std::string wait = "asm volatile(\"cp.async.wait_group %0;\\n\"::\"n\"(STAGES-2):\"memory\");";
  const Gemm weak = run_gemm(nvrtc, 80, Timing::kEarly, wait, "asm volatile(\"cp.async.wait_group %0;\\n\"::\"n\"(STAGES-1):\"memory\");");
  CHECK(weak.worst == 0);  // copies at issue hide it from the result
  REQUIRE(weak.launched.find("shared_race") != nullptr);
  CHECK(weak.launched.find("shared_race")->cuda_file == "kernel.cu");
  CHECK(weak.launched.find("shared_race")->cuda_line > 0);
  const Gemm late = run_gemm(nvrtc, 80, Timing::kLate, wait, "asm volatile(\"cp.async.wait_group %0;\\n\"::\"n\"(STAGES-1):\"memory\");");
  CHECK(late.worst > 0);
  const Gemm barrier = run_gemm(nvrtc, 80, Timing::kEarly, "    __syncthreads();\n", "\n");
  CHECK(barrier.launched.find("shared_race") != nullptr);
}

TEST_CASE("scalar_kernels_from_nvrtc_execute_for_every_architecture") {
  Nvrtc nvrtc;
  if (!nvrtc.found()) BSGEN_SKIP("libnvrtc is not installed");
  const std::string source = read_kernel("scalar.cu");
  for (int arch : {75, 80, 90, 100, 120}) {
    const std::string ptx = nvrtc.compile(source, arch);
    REQUIRE(!ptx.empty());
    auto sim = device(fmt::format("sm_{}", arch));
    std::vector<float> x(64), y(64);
    for (int i = 0; i < 64; ++i) x[static_cast<std::size_t>(i)] = 0.1f * static_cast<float>(i) - 2.5f;
    const auto dx = *sim->allocate(256), dy = *sim->allocate(256);
    REQUIRE(sim->copy_in(dx.address(), std::as_bytes(std::span(x))).ok());
    const Launched launched = launch(*sim, ptx, {.grid_x = 2, .threads = 32}, {dx.address(), dy.address(), 64});
    INFO("sm_" << arch << " " << launched.status.message());
    CHECK(launched.status.ok());
    REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(y)), dy.address()).ok());
    for (std::size_t i = 0; i < 64; ++i) {
      float expected = std::exp(x[i]) + std::tanh(x[i]);
      for (std::size_t j = i % 4; j > 0; --j) expected = expected * 0.5f + x[i];
      CHECK(std::fabs(y[i] - expected) <= 4e-6f * std::fabs(expected) + 1e-6f);
    }
  }
}

}  // namespace
}  // namespace bsgen::sim::test
