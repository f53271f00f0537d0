#include "runtime/sim/launch.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>

#include "runtime/sim/check/global_checks.h"
#include "runtime/sim/profile.h"

namespace bsgen::sim {
LaunchReport run_launch(const LaunchState& state, int num_threads, int max_diagnostics) {
  const std::uint64_t num_clusters = std::uint64_t{state.config.grid_x} * state.config.grid_y * state.config.grid_z / state.cluster_ctas();
  std::uint64_t threads = num_threads > 0 ? static_cast<std::uint64_t>(num_threads) : std::max(1u, std::thread::hardware_concurrency());
  threads = state.program->ordered_ctas ? 1 : std::min(threads, num_clusters);

  std::atomic<std::uint64_t> next{0};
  std::atomic<std::uint64_t> last{num_clusters};  // nothing after one that could not go on
  std::vector<std::unique_ptr<Worker>> workers(threads);
  std::vector<GlobalOrder> global(threads);
  for (GlobalOrder& order : global) order.shadow.start(state.tracked, state.program->ordered_ctas, *state.shadow_pages);
  // Made here, so that running out of memory is an exception on the calling thread.
  for (std::size_t i = 0; i < threads; ++i) workers[i] = std::make_unique<Worker>(state, global[i]);
  const auto work = [&](std::size_t index) {
    for (std::uint64_t cluster = next++; cluster < last.load(); cluster = next++) {
      if (workers[index]->run_cluster(cluster)) continue;
      std::uint64_t seen = last.load();
      while (cluster + 1 < seen && !last.compare_exchange_weak(seen, cluster + 1)) {
      }
    }
  };
  std::vector<std::thread> pool;
  for (std::size_t i = 1; i < threads; ++i) pool.emplace_back(work, i);
  work(0);
  for (std::thread& thread : pool) thread.join();

  LaunchReport report;
  Findings findings;
  LaunchCounts counts(state.program->ops.size());
  for (const Program::Finding& finding : state.program->findings)
    findings.add(Severity::kError, "uninitialized", finding.op, {}, [&] { return "sim: " + finding.text + " " + place(*state.program, finding.op); });
  for (const std::unique_ptr<Worker>& worker : workers) {
    counts.add(worker->counts);
    findings.merge(worker->findings);
  }
  if (!state.program->ordered_ctas) {
    std::vector<const GlobalShadow*> shadows;
    for (const GlobalOrder& order : global) shadows.push_back(&order.shadow);
    report_meetings(state, shadows, last.load(), findings);
  }
  report.instructions = make_profile(*state.program, counts);
  report.counters = sum(report.instructions);
  report.text = state.program->text;
  report.diagnostics = findings.list(*state.program, last.load() * state.cluster_ctas(), max_diagnostics);
  return report;
}

}  // namespace bsgen::sim
