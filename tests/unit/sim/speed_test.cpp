// What the checks cost on the kernels that are generated today.
#include <fstream>
#include <random>
#include <sstream>

#include "tests/support/catch.h"
#include "tests/unit/sim/cost_of_checks.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

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

TEST_CASE("all_checks_together_cost_at_most_half_of_the_time_without_them", "[.full]") {
  if (const char* const reason = no_figure()) BSGEN_SKIP(reason);
  Gemm with(true), without(false);
  check_cost([&] { return with.run_ms(); }, [&] { return without.run_ms(); });
}

}  // namespace
}  // namespace bsgen::sim::test
