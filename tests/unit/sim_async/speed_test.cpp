// What the checks cost on a warp-specialised kernel with tensor maps and wgmma (kernels/wgmma_gemm.cu), 256 x 256 x 512.
#include <cstring>
#include <fstream>
#include <sstream>

#include "tests/unit/sim/cost_of_checks.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

class WgmmaGemm {
 public:
  explicit WgmmaGemm(bool checks) : sim_(SimDevice::create({.arch = *Arch::parse("sm_90a"), .num_threads = 1, .checks = checks})) {
    std::ifstream file(BSGEN_SIM_ASYNC_KERNELS "/wgmma_gemm_sm_90a.ptx");
    std::stringstream text;
    text << file.rdbuf();
    KernelImage image;
    image.arch = *Arch::parse("sm_90a");
    image.entry = std::string(1, 'k');
    image.ptx = text.str();
    auto loaded = sim_->load(image, kShared);
    INFO(loaded.status().message());
    REQUIRE(loaded);
    function_ = *loaded;
    const std::vector<std::uint16_t> values(256 * 512, 0x3f80);
    parameters_.assign(49, 0);
    for (int i = 0; i < 3; ++i) {
      memory_[i] = *sim_->allocate(values.size() * 2);
      REQUIRE(sim_->copy_in(memory_[i].address(), std::as_bytes(std::span(values))).ok());
      const std::uint64_t columns = i < 2 ? 512 : 256;
      const auto map = sim_->encode_tensor_map({.type = TensorType::kBf16, .rank = 2, .address = memory_[i].address(), .dims = {columns, 256}, .strides = {columns * 2},
                                                .box = {64, 128}, .swizzle = TensorSwizzle::k128B});
      REQUIRE(map.ok());
      std::memcpy(parameters_.data() + 16 * i, map->bytes, sizeof map->bytes);
    }
    parameters_[48] = 512 / 64;
  }
  double run_ms() {
    const double start = thread_ms();
    const Status status = sim_->launch(*function_, {.grid_x = 2, .grid_y = 2, .threads = 384, .shared_bytes = kShared}, std::as_bytes(std::span(parameters_)), {});
    const double time = thread_ms() - start;
    INFO(status.message());
    REQUIRE(status.ok());
    return time;
  }

 private:
  static constexpr std::uint32_t kShared = 4 * 32768 + 32768 + 64;
  std::shared_ptr<SimDevice> sim_;
  std::shared_ptr<const DeviceFunction> function_;
  DeviceBuffer memory_[3];
  std::vector<std::uint64_t> parameters_;
};

TEST_CASE("all_checks_together_cost_at_most_half_of_the_time_of_a_wgmma_kernel", "[.full]") {
  if (const char* const reason = no_figure()) BSGEN_SKIP(reason);
  WgmmaGemm with(true), without(false);
  check_cost([&] { return with.run_ms(); }, [&] { return without.run_ms(); });
}

}  // namespace
}  // namespace bsgen::sim::test
