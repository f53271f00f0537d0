#include "tools/bench/launches_apart.h"

#include <chrono>
#include <numeric>

#include "bsgen/cpu.h"
#include "runtime/launch/loaded_kernel.h"
#include "tools/bench/machine_limits.h"

namespace bsgen::bench {

Expected<LaunchesApart> LaunchesApart::make(const Layout& layout, const Problem& problem, const verify::Operands& operands, int count) {
  LaunchesApart made;
  for (int i = 0; i < count; ++i) {
    BSGEN_ASSIGN(const std::shared_ptr<Device> device, open_cpu({.threads = 1, .parallel_for = {}, .instructions = {}}));
    BSGEN_ASSIGN(Kernel kernel, runtime::load_cpu_kernel(device, layout, problem));
    BSGEN_ASSIGN(verify::StagedOperands staged, verify::StagedOperands::stage(device, problem, operands));
    BSGEN_TRY(kernel.launch(staged.arguments()));
    made.lanes_.push_back({std::move(kernel), std::move(staged)});
  }
  return made;
}

double LaunchesApart::run(std::size_t lanes) const {
  using Clock = std::chrono::steady_clock;
  const auto launch = [&](int i) {
    const Lane& lane = lanes_[static_cast<std::size_t>(i)];
    (void)lane.kernel.launch(lane.operands.arguments());
  };
  // Cores that slept take a while to be back.
  const auto warm_up = [&](int i) {
    const auto end = Clock::now() + std::chrono::milliseconds(2);
    do launch(i);
    while (Clock::now() < end);
  };
  std::vector<double> speeds(lanes);
  together(static_cast<int>(lanes), warm_up, [&](int i) {
    const auto start = Clock::now();
    launch(i);
    speeds[static_cast<std::size_t>(i)] = 1 / std::chrono::duration<double>(Clock::now() - start).count();
  });
  return static_cast<double>(lanes) / std::accumulate(speeds.begin(), speeds.end(), 0.0);
}

}  // namespace bsgen::bench
