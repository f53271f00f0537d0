#include "runtime/sim/launch.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>

namespace bsgen::sim {
namespace {

void add(Counters& sum, const Counters& one) {
  sum.global_read_bytes += one.global_read_bytes;
  sum.global_write_bytes += one.global_write_bytes;
  sum.shared_wavefronts += one.shared_wavefronts;
  sum.shared_wavefronts_ideal += one.shared_wavefronts_ideal;
  sum.mma_flops_issued += one.mma_flops_issued;
  sum.warp_instructions += one.warp_instructions;
}

}  // namespace

LaunchReport run_launch(const LaunchState& state, int num_threads, int max_diagnostics) {
  const std::uint64_t num_ctas = std::uint64_t{state.config.grid_x} * state.config.grid_y * state.config.grid_z;
  std::uint64_t threads = num_threads > 0 ? static_cast<std::uint64_t>(num_threads) : std::max(1u, std::thread::hardware_concurrency());
  threads = state.program->ordered_ctas ? 1 : std::min(threads, num_ctas);

  std::atomic<std::uint64_t> next{0};
  std::atomic<std::uint64_t> last{num_ctas};  // nothing after a cta that could not go on
  std::vector<std::unique_ptr<Worker>> workers(threads);
  // Made here, so that running out of memory is an exception on the calling thread.
  for (std::unique_ptr<Worker>& worker : workers) worker = std::make_unique<Worker>(state);
  const auto work = [&](std::size_t index) {
    for (std::uint64_t cta = next++; cta < last.load(); cta = next++) {
      if (workers[index]->run_cta(cta)) continue;
      std::uint64_t seen = last.load();
      while (cta + 1 < seen && !last.compare_exchange_weak(seen, cta + 1)) {
      }
    }
  };
  std::vector<std::thread> pool;
  for (std::size_t i = 1; i < threads; ++i) pool.emplace_back(work, i);
  work(0);
  for (std::thread& thread : pool) thread.join();

  LaunchReport report;
  Findings findings;
  for (const Program::Finding& finding : state.program->findings)
    findings.add(Severity::kError, "uninitialized", finding.op, {}, [&] { return "sim: " + finding.text + " " + place(*state.program, finding.op); });
  for (const std::unique_ptr<Worker>& worker : workers) {
    add(report.counters, worker->counters);
    findings.merge(worker->findings);
  }
  report.diagnostics = findings.list(*state.program, last.load(), max_diagnostics);
  return report;
}

}  // namespace bsgen::sim
