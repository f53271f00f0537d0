// What an engine serves at once and what it serves later compute the same.
#include <chrono>
#include <thread>

#include "bsgen/engine.h"
#include "runtime/launch/loaded_kernel.h"
#include "runtime/verify/execution.h"
#include "tests/unit/cache/engine_fixture.h"

namespace bsgen {
namespace {

// The output's bytes.
std::vector<std::byte> run(const Kernel& kernel, const std::shared_ptr<Device>& device, const Problem& problem, const verify::Operands& operands) {
  const auto staged = verify::StagedOperands::stage(device, problem, operands);
  REQUIRE(staged.ok());
  const Status launched = kernel.launch(staged->arguments());
  INFO(launched.message());
  REQUIRE(launched.ok());
  auto result = staged->result();
  INFO(result.status().message());
  REQUIRE(result.ok());
  return std::move(result->bytes);
}

}  // namespace

TEST_CASE("the_kernel_served_at_once_and_the_one_that_was_asked_for_compute_the_same_bits") {
  BSGEN_NEED_NVRTC();
  Engine engine({.disk_cache = false});
  const auto device = *Device::open("sim");
  const Layout layout = *read_mask("random:4x6:density=0.4,seed=3", {});
  for (const Op op : {Op::kFprop, Op::kUpdate}) {
    Problem problem;
    problem.op = op;
    CompileOptions options;
    options.tier = Tier::kConstant;
    const auto request = engine.request(layout, problem, device, options);
    REQUIRE(request.ok());
    const auto operands = verify::make_operands(layout, problem, 100, 1);
    REQUIRE(operands.ok());
    std::vector<std::byte> first, own;
    for (int i = 0; i < 6000 && own.empty(); ++i) {
      const auto kernel = engine.kernel(*request, Serving{.at_once = true});
      INFO(kernel.status().message());
      REQUIRE(kernel.ok());
      const bool stands_in = kernel->loaded().plan.tier == Tier::kTable;
      if (stands_in && first.empty()) first = run(*kernel, device, problem, *operands);
      if (!stands_in) own = run(*kernel, device, problem, *operands);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    CHECK(!first.empty());
    CHECK(first == own);
  }
}

}  // namespace bsgen
