#include "runtime/sim/launch.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>

#include "runtime/sim/check/global_checks.h"
#include "runtime/sim/exec/barrier_ops.h"
#include "runtime/sim/profile.h"

namespace bsgen::sim {
namespace {

std::string vain_polls(const Worker& worker) {
  std::string text;
  for (const Cta& cta : worker.ctas) {
    const std::string where = worker.ctas.size() == 1 ? std::string() : fmt::format(" of cta rank {}", cta.rank);
    for (const Warp& warp : cta.warps)
      if (const Allocation* const read = warp.done || warp.poll.times == 0 ? nullptr : find(worker.launch.memory, warp.poll.address); read != nullptr)
        text += fmt::format("{}warp {}{} polls byte {} of {}, which holds {:#x} ({})", text.empty() ? "" : "; ", warp.index, where, warp.poll.address - read->base, read->noun(),
                            warp.poll.value, lines(*worker.launch.program, warp.poll.op));
    const std::string barriers = describe_barriers(cta);
    if (!barriers.empty()) text += fmt::format("{}{}{}", text.empty() ? "" : "; ", barriers, where);
  }
  return text;
}

void report_vain_polls(Worker& worker, std::size_t running, std::uint64_t to_come) {
  for (Cta& cta : worker.ctas)
    for (Warp& warp : cta.warps) {
      if (warp.done || warp.poll.times == 0) continue;
      return report(warp, worker.launch.program->ops[warp.poll.op], Severity::kError, "deadlock", kWholeCta, [&] {
        const std::string others = running == 1 ? std::string("nobody else runs") : running == 2 ? std::string("the other one that runs waits as well") : fmt::format("the {} others that run wait as well", running - 1);
        return fmt::format("{}; {}{}", vain_polls(worker), others, to_come == 0 ? std::string() : fmt::format(", and no GPU holds the {} to come beside them", to_come));
      });
    }
}

// Clusters that may wait for each other: in rising order, each alone until it ends or polls memory in vain; then the next begins beside it,
// as long as a GPU could hold one more. Whenever one ends all others get a turn. Returns how many have begun.
std::uint64_t run_beside_each_other(const LaunchState& state, std::uint64_t num_clusters, GlobalOrder& global, std::vector<std::unique_ptr<Worker>>& workers) {
  std::vector<Worker*> running, unused = {workers[0].get()};
  std::uint64_t begun = 0, quiet = 0;  // warp instructions since anybody ended or read something new, as whoever begins does
  for (bool one_ended = false; begun < num_clusters || !running.empty();) {
    std::size_t i = 0;
    if (!one_ended && begun < num_clusters && running.size() < state.resident_clusters) {
      if (unused.empty()) unused.push_back(workers.emplace_back(std::make_unique<Worker>(state, global)).get());
      i = running.size();
      running.push_back(unused.back());
      unused.pop_back();
      running.back()->start_cluster(begun++);
    }
    one_ended = false;
    while (i < running.size()) {
      Worker& worker = *running[i];
      const std::uint64_t news = global.news, instructions = worker.instructions;
      const Worker::Turn turn = worker.go_on(true);
      if (turn == Worker::Turn::kAborted) return begun;
      quiet = global.news != news ? 0 : quiet + (worker.instructions - instructions);
      if (turn == Worker::Turn::kPolls) {
        ++i;
        continue;
      }
      one_ended = true;
      quiet = 0;
      unused.push_back(&worker);
      running.erase(running.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (quiet > state.instruction_budget) {
      report_vain_polls(*running[0], running.size(), num_clusters - begun);
      return begun;
    }
  }
  return begun;
}

}  // namespace

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
      workers[index]->start_cluster(cluster);
      if (workers[index]->go_on(false) == Worker::Turn::kEnded) continue;
      std::uint64_t seen = last.load();
      while (cluster + 1 < seen && !last.compare_exchange_weak(seen, cluster + 1)) {
      }
    }
  };
  if (state.program->ordered_ctas) {
    last = run_beside_each_other(state, num_clusters, global[0], workers);
  } else {
    std::vector<std::thread> pool;
    for (std::size_t i = 1; i < threads; ++i) pool.emplace_back(work, i);
    work(0);
    for (std::thread& thread : pool) thread.join();
  }

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
