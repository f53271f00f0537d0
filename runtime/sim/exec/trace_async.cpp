#include "runtime/sim/exec/trace_async.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "runtime/sim/exec/access.h"

namespace bsgen::sim {
namespace {

// "1 of 2 arrivals and 64 bytes to come"
std::string to_come(const Mbarrier& barrier) {
  std::string text = fmt::format("{} of {} arrivals", barrier.pending, barrier.expected);
  if (barrier.transactions > 0) text += fmt::format(" and {} bytes", barrier.transactions);
  text += " to come";
  if (barrier.transactions < 0) text += fmt::format(", {} bytes early", -barrier.transactions);
  return text;
}

std::size_t under_way(const AsyncQueue& queue) {
  return static_cast<std::size_t>(std::count_if(queue.pending.begin(), queue.pending.end(), [](const QueuedOperation& each) { return !each.has_written; }));
}

}  // namespace

void AsyncWatch::look(const Warp& warp) {
  const Cluster& cluster = *warp.cta->cluster;
  phases_.clear();
  for (const Mbarrier& barrier : cluster.mbarriers) phases_.push_back({barrier.live, barrier.phase, barrier.pending, barrier.transactions});
  flights_ = cluster.flights.size();
  for (int kind = 0; kind < kNumAsyncKinds; ++kind) queued_[kind] = under_way(warp.async[kind]);
  looked_ = true;
}

void AsyncWatch::compare(const Warp& warp, std::string_view since, std::vector<std::string>& events) {
  const Worker& worker = *warp.cta->worker;
  const Cluster& cluster = *warp.cta->cluster;
  for (std::size_t i = 0; i < cluster.mbarriers.size(); ++i) {
    const Mbarrier& barrier = cluster.mbarriers[i];
    const Phase was = i < phases_.size() ? phases_[i] : Phase();
    if (was == Phase{barrier.live, barrier.phase, barrier.pending, barrier.transactions}) continue;
    const std::string name = name_of(worker, barrier);
    if (!barrier.live)
      events.push_back(fmt::format("{}{} is no more", since, name));
    else if (!was.live)
      events.push_back(fmt::format("{}{} is new, for {} arrivals", since, name, barrier.expected));
    else if (barrier.phase != was.phase)
      events.push_back(fmt::format("{}phase {} of {} is complete", since, barrier.phase - 1, name));
    else
      events.push_back(fmt::format("{}phase {} of {}: {}", since, barrier.phase, name, to_come(barrier)));
  }
  if (cluster.flights.size() != flights_) events.push_back(fmt::format("{}copies to mbarriers under way: {} before, {} now", since, flights_, cluster.flights.size()));
  constexpr const char* kNames[kNumAsyncKinds] = {"wgmma", "bulk stores"};
  for (int kind = 0; kind < kNumAsyncKinds; ++kind)
    if (const std::size_t now = under_way(warp.async[kind]); now != queued_[kind]) events.push_back(fmt::format("{}{} under way: {} before, {} now", since, kNames[kind], queued_[kind], now));
}

void AsyncWatch::before(const Warp& warp, std::uint32_t op, std::vector<std::string>& events) {
  waited_.clear();
  if (warp.cta->cluster == nullptr) return;
  if (looked_) compare(warp, "meanwhile ", events);
  look(warp);
  const Program& program = *warp.cta->launch->program;
  if (!program.opcodes[op].starts_with("mbarrier.test_wait") && !program.opcodes[op].starts_with("mbarrier.try_wait")) return;
  LaneAddresses addresses;
  gather_addresses(const_cast<Warp&>(warp), program.ops[op], addresses);
  for (std::uint32_t rest = warp.mask; rest != 0; rest &= rest - 1) {
    std::uint64_t address = addresses.of[std::countr_zero(rest)];
    if (address - kSharedWindow < kWindowBytes) address -= kSharedWindow;
    const int rank = address >> kClusterRankShift == 0 ? warp.cta->rank : static_cast<int>(address >> kClusterRankShift) - 1;
    const std::uint64_t offset = (address & ((std::uint64_t{1} << kClusterRankShift) - 1)) - kSharedBase;
    const std::vector<Mbarrier>& all = warp.cta->cluster->mbarriers;
    const auto found = std::find_if(all.begin(), all.end(), [&](const Mbarrier& each) { return each.live && each.cta == rank && each.offset == offset; });
    const auto number = static_cast<std::size_t>(found - all.begin());
    if (found != all.end() && std::find(waited_.begin(), waited_.end(), number) == waited_.end()) waited_.push_back(number);
  }
}

void AsyncWatch::note_wait(const Warp& warp, std::uint32_t op, std::vector<std::string>& events) const {
  const Cluster& cluster = *warp.cta->cluster;
  for (const std::size_t number : waited_) {
    const Mbarrier& barrier = cluster.mbarriers[number];
    const auto failed = std::find_if(warp.failed_waits.begin(), warp.failed_waits.end(), [&](const FailedWait& wait) { return wait.op == op && wait.barrier == number; });
    const std::string name = name_of(*warp.cta->worker, barrier);
    events.push_back(failed == warp.failed_waits.end() ? fmt::format("passes {}, which is in phase {}", name, barrier.phase)
                                                       : fmt::format("waits for phase {} of {}: {}", failed->phase, name, to_come(barrier)));
  }
}

void AsyncWatch::after(const Warp& warp, std::uint32_t op, std::vector<std::string>& events) {
  if (warp.cta->cluster == nullptr) return;
  compare(warp, "", events);
  note_wait(warp, op, events);
  const std::string_view opcode = warp.cta->launch->program->opcodes[op];
  const bool commits_wgmma = opcode.starts_with("wgmma.commit_group");
  if (commits_wgmma || opcode.starts_with("cp.async.bulk.commit_group")) {
    const AsyncQueue& queue = warp.async[static_cast<int>(commits_wgmma ? AsyncKind::kTensor : AsyncKind::kBulk)];
    const std::uint32_t group = queue.committed[0] - 1;
    const auto members = std::count_if(queue.pending.begin(), queue.pending.end(), [&](const QueuedOperation& each) { return each.group == group; });
    events.push_back(fmt::format("closes group {}, which has {}", group, members));
  }
  if (warp.group_waits) events.push_back("waits for the rest of its warpgroup");
  if (warp.cluster_waits) events.push_back("waits for the rest of the cluster");
  look(warp);
}

}  // namespace bsgen::sim
