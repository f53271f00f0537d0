// What the checks cost, as a ratio that holds on any machine: launches with and without them take turns, and the median counts.
#include <time.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <sstream>

#include "runtime/sim/exec/tensor_core.h"
#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(undefined_behavior_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#else
constexpr bool kSanitized = false;
#endif

double thread_ms() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

// The GEMM of kernels/gemm.cu, 256 x 256 x 512: the simulation's processor time, on this thread alone.
class Gemm {
 public:
  explicit Gemm(bool checks) : sim_(SimDevice::create({.arch = *Arch::parse("sm_80"), .num_threads = 1, .checks = checks})) {
    std::ifstream file(std::string(BSGEN_SIM_KERNELS) + "/gemm_sm_80.ptx");
    std::stringstream text;
    text << file.rdbuf();
    KernelImage image;
    image.arch = *Arch::parse("sm_80");
    image.entry = std::string(1, 'k');
    image.ptx = text.str();
    auto loaded = sim_->load(image, 49152);
    INFO(loaded.status().message());
    REQUIRE(loaded);
    function_ = *loaded;
    std::mt19937 random(7);
    std::vector<std::uint16_t> values(256 * 512);
    for (std::uint16_t& v : values) v = static_cast<std::uint16_t>(__builtin_bit_cast(std::uint32_t, static_cast<float>(static_cast<int>(random() % 17) - 8)) >> 16);
    for (auto* memory : {&a_, &b_}) {
      *memory = *sim_->allocate(values.size() * 2);
      REQUIRE(sim_->copy_in(memory->address(), std::as_bytes(std::span(values))).ok());
    }
    c_ = *sim_->allocate(256 * 256 * 4);
  }
  double run_ms() {
    const std::uint64_t parameters[] = {a_.address(), b_.address(), c_.address(), std::uint64_t{256} | std::uint64_t{256} << 32, 512};
    const double start = thread_ms();
    const Status status = sim_->launch(*function_, {.grid_x = 2, .grid_y = 2, .threads = 256, .shared_bytes = 49152}, std::as_bytes(std::span(parameters)), {});
    const double time = thread_ms() - start;
    INFO(status.message());
    REQUIRE(status.ok());
    return time;
  }

 private:
  std::shared_ptr<SimDevice> sim_;
  std::shared_ptr<const DeviceFunction> function_;
  DeviceBuffer a_, b_, c_;
};

TEST_CASE("all_checks_together_cost_at_most_half_of_the_time_without_them") {
  if (kSanitized) BSGEN_SKIP("a sanitizer's build is not what users run");
#ifndef NDEBUG
  BSGEN_SKIP("an unoptimised build is not what users run");
#endif
  if (best_isa() == Isa::kBaseline) BSGEN_SKIP("without AVX2 the arithmetic hides the checks");
  Gemm with(true), without(false);
  with.run_ms(), without.run_ms();
  std::vector<double> ratios;
  for (int round = 0; round < 15; ++round) {
    const double off = without.run_ms(), on = with.run_ms();
    ratios.push_back(on / off);
  }
  std::sort(ratios.begin(), ratios.end());
  CAPTURE(ratios);
  CHECK(ratios[ratios.size() / 2] <= 1.5);
}

}  // namespace
}  // namespace bsgen::sim::test
