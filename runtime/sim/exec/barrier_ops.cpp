#include "runtime/sim/exec/barrier_ops.h"

#include <fmt/format.h>

#include <bit>

#include "runtime/sim/exec/cluster.h"

namespace bsgen::sim {
namespace {

void join_barrier(Cta& cta, const Barrier& barrier) {
  ProxyShadow& shadow = cta.cluster->shadow;
  Clock clock = barrier.released;
  for (std::uint64_t rest = barrier.arrivals & ~barrier.early; rest != 0; rest &= rest - 1) shadow.release(shadow.warp(cta.rank, std::countr_zero(rest)), clock);
  for (std::uint64_t rest = barrier.waiting; rest != 0; rest &= rest - 1) shadow.acquire(shadow.warp(cta.rank, std::countr_zero(rest)), clock);
}

void finish_phase(Cta& cta, Barrier& barrier) {
  if (cta.cluster != nullptr)
    join_barrier(cta, barrier);
  else
    cta.shadow.barrier(barrier.arrivals & ~barrier.early, barrier.waiting);
  for (std::uint64_t rest = barrier.waiting; rest != 0; rest &= rest - 1) {
    Warp& waiter = cta.warps[std::countr_zero(rest)];
    if (cta.cluster == nullptr && barrier.early != 0) acquire(waiter, barrier.released);
    waiter.barrier = -1;
    order_lanes(waiter);
    if (cta.cluster != nullptr) waiter.lane_clock = cta.cluster->shadow.begin(agent_of(waiter));
    const Op& op = cta.launch->program->ops[waiter.pc - 1];
    const auto kind = static_cast<BarrierKind>(op.count);
    const std::uint32_t mask = waiter.active;
    if (kind == BarrierKind::kPopc) {
      for (int lane = 0; lane < kLanes; ++lane)
        if (mask >> lane & 1) waiter.reg32(op.slot[0])[lane] = barrier.votes;
    } else if (kind == BarrierKind::kAnd || kind == BarrierKind::kOr) {
      const bool truth = kind == BarrierKind::kAnd ? barrier.votes == barrier.voters : barrier.votes != 0;
      std::uint32_t& p = waiter.predicate(op.slot[0]);
      p = (p & ~mask) | (truth ? mask : 0);
    }
  }
  barrier = Barrier();
}

}  // namespace

bool reach_barrier(Warp& warp, const Op& op) {
  Cta& cta = *warp.cta;
  const int lane = std::countr_zero(warp.mask);
  const std::uint32_t name = warp.reg32(op.slot[1])[lane], threads = warp.reg32(op.slot[2])[lane];
  const auto num_warps = static_cast<std::uint32_t>(cta.warps.size());
  const auto kind = static_cast<BarrierKind>(op.count);
  if (name >= 16 || threads % kLanes != 0 || threads / kLanes > num_warps) {
    report(warp, op, Severity::kError, "barrier", lane, [&] {
      return name >= 16 ? fmt::format("uses barrier {}, there are 16", name)
                        : fmt::format("waits at barrier {} for {} threads; the cta has {} and whole warps count", name, threads, num_warps * kLanes);
    });
    return false;
  }
  Barrier& barrier = cta.barriers[name];
  const std::uint32_t expected = threads == 0 ? num_warps : threads / kLanes;
  if (barrier.expected != 0 && barrier.expected != expected) {
    report(warp, op, Severity::kError, "barrier", lane, [&] {
      return fmt::format("comes to barrier {} for {} warps, others came for {}", name, expected, barrier.expected);
    });
  }
  barrier.expected = barrier.expected == 0 ? expected : barrier.expected;
  if (barrier.arrivals >> warp.index & 1) {
    report(warp, op, Severity::kError, "barrier", lane, [&] { return fmt::format("comes to barrier {} twice in one phase", name); });
  }
  ++barrier.arrived;
  barrier.arrivals |= std::uint64_t{1} << warp.index;
  if (kind >= BarrierKind::kPopc) {
    std::uint32_t votes = warp.predicate(op.slot[3]);
    if (op.flags & 1) votes = ~votes;
    barrier.votes += static_cast<std::uint32_t>(std::popcount(votes & warp.mask));
    barrier.voters += static_cast<std::uint32_t>(std::popcount(warp.mask));
  }
  if (kind == BarrierKind::kArrive) {
    barrier.early |= std::uint64_t{1} << warp.index;
    if (cta.launch->checks) release(warp, barrier.released);
  } else {
    barrier.waiting |= std::uint64_t{1} << warp.index;
    warp.barrier = static_cast<int>(name);
  }
  if (barrier.arrived >= barrier.expected) finish_phase(cta, barrier);
  return warp.barrier >= 0;
}

std::string describe_barriers(const Cta& cta) {
  std::string text;
  for (int name = 0; name < 16; ++name) {
    const Barrier& barrier = cta.barriers[name];
    if (barrier.waiting == 0) continue;
    std::string warps;
    for (std::uint64_t rest = barrier.waiting; rest != 0; rest &= rest - 1) warps += fmt::format("{}{}", warps.empty() ? "" : ", ", std::countr_zero(rest));
    text += fmt::format("{}warp {} waits at barrier {}, where {} of {} have arrived", text.empty() ? "" : "; ", warps, name, barrier.arrived, barrier.expected);
  }
  std::string ended;
  for (const Warp& warp : cta.warps)
    if (warp.done) ended += fmt::format("{}{}", ended.empty() ? "" : ", ", warp.index);
  if (!ended.empty()) text += fmt::format("{}warp {} has ended", text.empty() ? "" : "; ", ended);
  return text;
}

}  // namespace bsgen::sim
