#include "runtime/sim/exec/cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "runtime/sim/exec/async_operations.h"
#include "runtime/sim/exec/barrier_ops.h"
#include "runtime/sim/exec/shared_symbols.h"

namespace bsgen::sim {
namespace {

std::string line_of(const Worker& worker, std::uint32_t op) { return fmt::format("ptx line {}", worker.launch.program->lines[op].ptx); }

// "1 of 2 arrivals and 64 bytes are missing, last came warp 3 (ptx line 70)"
std::string state_of(const Worker& worker, const Mbarrier& barrier) {
  std::string text = barrier.pending > 0 ? fmt::format("{} of {} arrivals", barrier.pending, barrier.expected) : std::string();
  if (barrier.transactions > 0) text += fmt::format("{}{} bytes", text.empty() ? "" : " and ", barrier.transactions);
  text += " are missing";
  if (barrier.transactions < 0) text += fmt::format(" and {} bytes came that nobody expects", -barrier.transactions);
  std::string last;
  const std::uint64_t count = std::min<std::uint64_t>(barrier.num_arrivals, std::size(barrier.last));
  for (std::uint64_t i = 0; i < count; ++i) {
    const Mbarrier::Arrival& arrival = barrier.last[(barrier.num_arrivals - 1 - i) % std::size(barrier.last)];
    const std::string where = arrival.cta == barrier.cta ? std::string() : fmt::format(" of cta rank {}", arrival.cta);
    last += fmt::format("{}warp {}{} ({})", last.empty() ? "" : ", ", arrival.warp, where, line_of(worker, arrival.op));
  }
  text += last.empty() ? ", nobody has arrived so far" : fmt::format(", last came {}", last);
  return text;
}

std::string waits_of(const Worker& worker, const Warp& warp) {
  std::string text;
  const auto add = [&](const std::string& what) { text += fmt::format("{}{}", text.empty() ? "" : " and ", what); };
  if (warp.done) return {};
  const Program& program = *worker.launch.program;
  if (warp.cluster_waits) add("waits for the rest of the cluster at barrier.cluster.wait");
  const RegisterPool& registers = worker.cluster->registers;
  if (worker.cluster->registers.of(warp).waits)
    add(fmt::format("waits ({}) for {} registers per thread, {} of {} are taken (summed over warps)", line_of(worker, static_cast<std::uint32_t>(warp.pc)),
                    program.ops[static_cast<std::size_t>(warp.pc)].immediate, registers.in_use(warp), registers.size()));
  if (warp.group_waits) add(fmt::format("waits at {} for the rest of its warpgroup", program.opcodes[static_cast<std::size_t>(warp.pc)]));
  std::vector<FailedWait> told;
  for (const FailedWait& wait : warp.failed_waits) {
    if (std::any_of(told.begin(), told.end(), [&](const FailedWait& other) { return other.op == wait.op && other.barrier == wait.barrier; })) continue;
    told.push_back(wait);
    const Mbarrier& barrier = worker.cluster->mbarriers[wait.barrier];
    add(fmt::format("waits ({}) for phase {} of {}, where {}", line_of(worker, wait.op), wait.phase, name_of(worker, barrier), state_of(worker, barrier)));
  }
  return text;
}

}  // namespace

void Cluster::reset(std::vector<Cta>& ctas, std::uint32_t shared_bytes) {
  shadow.reset(static_cast<int>(ctas.size()), static_cast<int>(ctas[0].warps.size()), shared_bytes);
  mbarriers.clear();
  mbarrier_at.assign(ctas.size() * (shared_bytes / 8 + 1), 0);
  agent_clock.assign(64, 1);
  flights.clear();
  num_ctas = static_cast<int>(ctas.size());
  registers.reset(num_ctas, static_cast<int>(ctas[0].warps.size()), ctas[0].launch->config.threads, ctas[0].launch->program->max_registers);
  remote_uses.assign(ctas.size() > 1 ? ctas.size() * ctas.size() * ctas[0].warps.size() : 0, {});
  progress = 0;
  barrier_phase = 0;
  barrier_arriving.clear();
  barrier_completed.clear();
}

Mbarrier* Cluster::find(int cta, std::uint64_t offset) {
  const std::size_t per_cta = mbarrier_at.size() / static_cast<std::size_t>(num_ctas);
  if (offset % 8 != 0 || offset / 8 >= per_cta) return nullptr;
  const std::uint32_t at = mbarrier_at[static_cast<std::size_t>(cta) * per_cta + offset / 8];
  return at == 0 || !mbarriers[at - 1].live ? nullptr : &mbarriers[at - 1];
}

bool land_a_flight(Worker& worker) {
  std::vector<Flight>& flights = worker.cluster->flights;
  if (flights.empty()) return false;
  std::size_t which = 0;
  if (worker.launch.schedule.timing == Timing::kMixed) {
    which = worker.random() % flights.size();
  } else {
    // The last one issued of those that somebody waits for, so that copies come as far out of order as they may.
    for (std::size_t i = 0; i < flights.size(); ++i)
      for (const Cta& cta : worker.ctas)
        for (const Warp& warp : cta.warps)
          for (const FailedWait& wait : warp.failed_waits)
            if (wait.barrier == flights[i].barrier) which = i;
  }
  const Flight flight = std::move(flights[which]);
  flights.erase(flights.begin() + static_cast<std::ptrdiff_t>(which));
  flight.land();
  ++worker.cluster->progress;
  return true;
}

void check_cluster_barrier(Worker& worker) {
  Cluster& cluster = *worker.cluster;
  bool any = false;
  for (const Cta& cta : worker.ctas)
    for (const Warp& warp : cta.warps) {
      if (warp.done) continue;
      if (!warp.cluster_arrived) return;
      any = true;
    }
  if (!any) return;
  for (Cta& cta : worker.ctas)
    for (Warp& warp : cta.warps) warp.cluster_arrived = false;
  ++cluster.barrier_phase;
  cluster.barrier_completed = cluster.barrier_arriving;
  cluster.barrier_arriving.clear();
  ++cluster.progress;
}

std::string name_of(const Worker& worker, const Mbarrier& barrier) {
  const std::string symbol = symbol_text(*worker.launch.program, barrier.offset);
  const std::string where = worker.ctas.size() == 1 ? std::string() : fmt::format(" of cta rank {}", barrier.cta);
  return fmt::format("the mbarrier at shared offset {}{}{}", barrier.offset, symbol.empty() ? "" : " (" + symbol + ")", where);
}

std::string describe_waits(const Worker& worker) {
  std::string text;
  for (const Cta& cta : worker.ctas) {
    const std::string where = worker.ctas.size() == 1 ? std::string() : fmt::format(" of cta rank {}", cta.rank);
    // Warps that say the same are told of together.
    std::vector<std::pair<std::string, std::string>> rows;  // what, which warps
    for (const Warp& warp : cta.warps) {
      const std::string what = waits_of(worker, warp);
      if (what.empty()) continue;
      const auto found = std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return row.first == what; });
      if (found == rows.end())
        rows.emplace_back(what, fmt::format("{}", warp.index));
      else
        found->second += fmt::format(", {}", warp.index);
    }
    for (const auto& [what, warps] : rows) text += fmt::format("{}warp {}{} {}", text.empty() ? "" : "; ", warps, where, what);
    const std::string barriers = describe_barriers(cta);
    if (!barriers.empty()) text += fmt::format("{}{}{}", text.empty() ? "" : "; ", barriers, where);
  }
  return text;
}

void check_remote_uses(Worker& worker, Cta& cta) {
  Cluster& cluster = *worker.cluster;
  for (std::size_t agent = 0; agent < cluster.remote_uses.size() / static_cast<std::size_t>(cluster.num_ctas); ++agent) {
    const Cluster::RemoteUse& use = cluster.remote_uses[static_cast<std::size_t>(cta.rank) * (cluster.remote_uses.size() / static_cast<std::size_t>(cluster.num_ctas)) + agent];
    if (use.clock == 0) continue;
    const auto other = static_cast<ProxyShadow::Agent>(agent);
    const bool known = std::any_of(cta.warps.begin(), cta.warps.end(), [&](const Warp& warp) { return cluster.shadow.knows(agent_of(warp), other, use.clock); });
    if (known) continue;
    Warp& user = worker.ctas[static_cast<std::size_t>(cluster.shadow.cta_of(other))].warps[static_cast<std::size_t>(cluster.shadow.index_of(other))];
    report(user, worker.launch.program->ops[use.op], Severity::kError, "use_after_exit", kWholeWarp, [&] {
      return fmt::format("uses the shared memory of cta rank {}, which may have ended by then: nothing orders this before its end", cta.rank);
    });
  }
}

void finish_cluster(Worker& worker) {
  const std::string unwaited = "copies into shared memory, and nobody has waited for it when its cta ends";
  Cluster& cluster = *worker.cluster;
  for (Cta& cta : worker.ctas)
    for (Warp& warp : cta.warps)
      for (int kind = 0; kind < kNumAsyncKinds; ++kind) {
        for (QueuedOperation& queued : warp.async[kind].pending) {
          // With its source read, a bulk store may end after the cta; the end of the kernel waits for it.
          if (queued.read_waited) continue;
          report(warp, worker.launch.program->ops[queued.op], Severity::kError, "unwaited", queued.lane, [&] {
            return fmt::format("has ended before its {} was waited for", kind == static_cast<int>(AsyncKind::kBulk) ? "bulk copy" : "wgmma");
          });
        }
        warp.mask = kFullMask;
        drain_async(warp, static_cast<AsyncKind>(kind));
      }
  for (const Flight& flight : cluster.flights)
    if (flight.issuer != nullptr)
      report(*flight.issuer, worker.launch.program->ops[flight.op], Severity::kError, "unwaited", kWholeWarp, [&] { return unwaited; });
  while (land_a_flight(worker)) {
  }
  for (const Mbarrier& barrier : cluster.mbarriers) {
    if (barrier.copier != nullptr && barrier.transactions == 0 && barrier.phases_seen <= barrier.copy_phase)
      report(*barrier.copier, worker.launch.program->ops[barrier.copy_op], Severity::kError, "unwaited", kWholeWarp, [&] { return unwaited; });
    if (!barrier.live || barrier.transactions == 0) continue;
    Cta& cta = worker.ctas[static_cast<std::size_t>(barrier.cta)];
    const std::uint32_t op = barrier.num_arrivals > 0 ? barrier.last[(barrier.num_arrivals - 1) % std::size(barrier.last)].op : 0;
    report(cta.warps[0], worker.launch.program->ops[op], Severity::kError, "mbarrier", kWholeCta, [&] {
      return fmt::format("{} is left with {} bytes {}", name_of(worker, barrier), barrier.transactions < 0 ? -barrier.transactions : barrier.transactions,
                         barrier.transactions < 0 ? "that nobody expected" : "still to come");
    });
  }
}

}  // namespace bsgen::sim
