#include "runtime/sim/exec/mbarrier_ops.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "runtime/sim/check/proxy_checks.h"
#include "runtime/sim/exec/access.h"
#include "runtime/sim/exec/cluster_ops.h"
#include "runtime/sim/exec/memory_ops.h"

namespace bsgen::sim {
namespace {

constexpr std::uint32_t kBytes = 8;


std::uint64_t lane_address(const Warp& warp, const Op& op, int lane) {
  const std::uint64_t base = op.flags & kAddress64 ? warp.reg64(op.slot[1])[lane] : warp.reg32(op.slot[1])[lane];
  const std::uint64_t address = base + static_cast<std::uint64_t>(op.immediate);
  return op.flags & kAddress64 ? address : static_cast<std::uint32_t>(address);
}

void complete_phase(Cluster& cluster, Mbarrier& barrier) {
  ++barrier.phase;
  barrier.pending = barrier.expected;
  barrier.completed.join(barrier.arriving);
  barrier.arriving.clear();
  ++cluster.agent_clock[barrier.agent % cluster.agent_clock.size()];
  ++cluster.progress;
}
void check_phase(Cluster& cluster, Mbarrier& barrier) {
  if (barrier.pending == 0 && barrier.transactions == 0) complete_phase(cluster, barrier);
}

// Adds to what the phase waits for in bytes; false where the count leaves its range.
bool add_transactions(Warp& warp, const Op& op, Mbarrier& barrier, std::int64_t bytes, int lane) {
  const std::int64_t sum = barrier.transactions + bytes;
  if (sum > Mbarrier::kMaxCount || sum < -Mbarrier::kMaxCount) {
    report(warp, op, Severity::kError, "mbarrier", lane, [&] {
      return fmt::format("brings the transaction count of {} to {}, it goes from -{} to {}", name_of(*warp.cta->worker, barrier), sum, Mbarrier::kMaxCount, Mbarrier::kMaxCount);
    });
    return false;
  }
  barrier.transactions = sum;
  return true;
}

void note_arrival(Warp& warp, const Op& op, Mbarrier& barrier) {
  barrier.last[barrier.num_arrivals++ % std::size(barrier.last)] = {warp.cta->rank, warp.index, op.index};
}

// The barrier that the lane names, if one lives there and its initialisation is known to this warp.
Mbarrier* find_barrier(Warp& warp, const Op& op, int lane, std::string_view what) {
  const auto place = shared_place(warp, op, lane_address(warp, op, lane), kBytes, kBytes, lane, fmt::format("{} an mbarrier of", what));
  if (!place) return nullptr;
  Cluster& cluster = *warp.cta->cluster;
  Mbarrier* barrier = cluster.find(place->cta->rank, place->offset);
  if (barrier == nullptr) {
    report(warp, op, Severity::kError, "mbarrier", lane, [&] { return fmt::format("{} shared offset {}, where no mbarrier was initialised", what, place->offset); });
    return nullptr;
  }
  if (!cluster.shadow.knows(agent_of(warp), barrier->init_warp, barrier->init_clock) && !(barrier->fenced && barrier->cta != warp.cta->rank)) {
    report(warp, op, Severity::kError, "mbarrier", lane, [&] {
      return fmt::format("{} {}, which warp {} initialised with no synchronisation in between", what, name_of(*warp.cta->worker, *barrier), cluster.shadow.index_of(barrier->init_warp));
    });
  }
  return barrier;
}

bool arrive(Warp& warp, const Op& op, Mbarrier& barrier, std::int64_t count, int lane) {
  if (count > barrier.pending) {
    report(warp, op, Severity::kError, "mbarrier", lane, [&] {
      return fmt::format("arrives {} times at {}, which waits for {} of {} in this phase", count, name_of(*warp.cta->worker, barrier), barrier.pending, barrier.expected);
    });
    return false;
  }
  if ((op.count & kNoComplete) && count == barrier.pending && barrier.transactions == 0) {
    report(warp, op, Severity::kError, "mbarrier", lane, [&] { return fmt::format("completes the phase of {} although it says .noComplete", name_of(*warp.cta->worker, barrier)); });
  }
  note_arrival(warp, op, barrier);
  barrier.pending -= count;
  if (op.count & kDrop) barrier.expected -= count;
  return true;
}

// How many times these lanes arrive at the barrier of their first. Where that is more than its phase waits for, it ends without one of them,
// nobody can tell which: what a lane did since it last met the others is then not released.
std::int64_t arrivals_left(const Warp& warp, const Op& op, std::uint32_t lanes) {
  std::int64_t count = 0;
  for (const std::uint64_t address = lane_address(warp, op, std::countr_zero(lanes)); lanes != 0; lanes &= lanes - 1) {
    const int lane = std::countr_zero(lanes);
    if (lane_address(warp, op, lane) == address) count += op.count & kExpect ? 1 : std::int64_t{warp.reg32(op.slot[2])[lane]};
  }
  return count;
}

}  // namespace

void mbarrier_init(Warp& warp, const Op& op) {
  for (std::uint32_t rest = warp.mask; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    const auto place = shared_place(warp, op, lane_address(warp, op, lane), kBytes, kBytes, lane, "initialises an mbarrier of");
    if (!place) continue;
    const std::int64_t count = warp.reg32(op.slot[2])[lane];
    Cluster& cluster = *warp.cta->cluster;
    if (count < 1 || count > Mbarrier::kMaxCount) {
      report(warp, op, Severity::kError, "mbarrier", lane, [&] { return fmt::format("initialises an mbarrier for {} arrivals, 1 to {} are possible", count, Mbarrier::kMaxCount); });
      continue;
    }
    if (const Mbarrier* living = cluster.find(warp.cta->rank, place->offset)) {
      report(warp, op, Severity::kError, "mbarrier", lane, [&] { return fmt::format("initialises {} again without mbarrier.inval", name_of(*warp.cta->worker, *living)); });
    } else {
      check_generic_access(warp, op, ProxyShadow::Access::kWrite, warp.cta->rank, place->offset, kBytes, lane);
      cluster.shadow.set_barrier(warp.cta->rank, place->offset, true);
    }
    std::uint32_t& at = cluster.mbarrier_at[static_cast<std::size_t>(warp.cta->rank) * (cluster.mbarrier_at.size() / static_cast<std::size_t>(cluster.num_ctas)) + place->offset / kBytes];
    if (at == 0) {
      cluster.mbarriers.emplace_back();
      at = static_cast<std::uint32_t>(cluster.mbarriers.size());
    }
    Mbarrier& barrier = cluster.mbarriers[at - 1];
    barrier = Mbarrier();
    barrier.live = true;
    barrier.cta = warp.cta->rank;
    barrier.offset = place->offset;
    barrier.expected = barrier.pending = count;
    barrier.agent = cluster.shadow.barrier(at - 1);
    barrier.init_warp = agent_of(warp);
    barrier.init_clock = cluster.shadow.now(barrier.init_warp);
    std::fill_n(warp.cta->shared_valid.begin() + place->offset, kBytes, std::uint8_t{0xff});
  }
}

void mbarrier_invalidate(Warp& warp, const Op& op) {
  for (std::uint32_t rest = warp.mask; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    Mbarrier* barrier = find_barrier(warp, op, lane, "invalidates");
    if (barrier == nullptr) continue;
    Cluster& cluster = *warp.cta->cluster;
    const std::size_t number = static_cast<std::size_t>(barrier - cluster.mbarriers.data());
    if (barrier->transactions != 0 || std::any_of(cluster.flights.begin(), cluster.flights.end(), [&](const Flight& flight) { return flight.barrier == number; })) {
      report(warp, op, Severity::kError, "mbarrier", lane, [&] { return fmt::format("invalidates {} while copies are under way", name_of(*warp.cta->worker, *barrier)); });
    }
    barrier->live = false;
    cluster.shadow.set_barrier(barrier->cta, barrier->offset, false);
    Cta& cta = warp.cta->worker->ctas[static_cast<std::size_t>(barrier->cta)];
    std::fill_n(cta.shared_valid.begin() + barrier->offset, kBytes, std::uint8_t{0});
  }
}

void mbarrier_arrive(Warp& warp, const Op& op) {
  Cluster& cluster = *warp.cta->cluster;
  const bool expects = op.count & kExpect;
  Mbarrier* released = nullptr;
  for (std::uint32_t rest = warp.mask; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    Mbarrier* barrier = find_barrier(warp, op, lane, "arrives at");
    if (barrier == nullptr) continue;
    const std::int64_t number = warp.reg32(op.slot[2])[lane];
    // The state is that of the phase before this arrival.
    if (op.count & kGenericState) warp.reg64(op.slot[0])[lane] = barrier->phase << 32 | static_cast<std::uint64_t>(barrier->pending);
    if (!expects && (number < 1 || number > Mbarrier::kMaxCount)) {
      report(warp, op, Severity::kError, "mbarrier", lane, [&] { return fmt::format("arrives {} times, 1 to {} are possible", number, Mbarrier::kMaxCount); });
      continue;
    }
    if (expects && !add_transactions(warp, op, *barrier, number, lane)) continue;
    const std::int64_t pending = barrier->pending;
    if (!arrive(warp, op, *barrier, expects ? 1 : number, lane)) continue;
    if (barrier != released) {
      if (op.count & kRelaxed)
        warp.cta->worker->flags.release_relaxed(warp, barrier->arriving);
      else if (arrivals_left(warp, op, rest) > pending)
        cluster.shadow.release_until(agent_of(warp), warp.lane_clock, barrier->arriving);
      else
        cluster.shadow.release(agent_of(warp), barrier->arriving);
      released = barrier;
    }
    const std::uint64_t phase = barrier->phase;
    check_phase(cluster, *barrier);
    if (barrier->phase != phase) released = nullptr;
  }
}

void mbarrier_expect(Warp& warp, const Op& op) {
  for (std::uint32_t rest = warp.mask; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    Mbarrier* barrier = find_barrier(warp, op, lane, "expects bytes at");
    if (barrier == nullptr) continue;
    add_transactions(warp, op, *barrier, warp.reg32(op.slot[2])[lane], lane);
    check_phase(*warp.cta->cluster, *barrier);
  }
}

void complete_transactions(Warp& warp, const Op& op, Mbarrier& barrier, std::int64_t bytes, int lane) {
  Cluster& cluster = *warp.cta->cluster;
  if (!barrier.live) {
    report(warp, op, Severity::kError, "mbarrier", lane, [&] { return fmt::format("completes {} bytes at {}, which has been invalidated", bytes, name_of(*warp.cta->worker, barrier)); });
    return;
  }
  if (op.handler != &mbarrier_complete) barrier.copier = &warp, barrier.copy_op = op.index, barrier.copy_phase = barrier.phase;
  std::vector<std::uint32_t>& g = barrier.arriving.g;
  if (g.size() <= barrier.agent) g.resize(barrier.agent + 1u, 0);
  g[barrier.agent] = cluster.agent_clock[barrier.agent % cluster.agent_clock.size()];
  ++cluster.progress;
  if (!add_transactions(warp, op, barrier, -bytes, lane)) return;
  if (barrier.pending == 0 && barrier.transactions < 0) {
    report(warp, op, Severity::kError, "mbarrier", lane, [&] {
      return fmt::format("brings {} {} bytes more than its phase expects; it can never complete", name_of(*warp.cta->worker, barrier), -barrier.transactions);
    });
    barrier.transactions = 0;  // go on as if the count had been right, to find what else is wrong
  }
  check_phase(cluster, barrier);
}

void mbarrier_complete(Warp& warp, const Op& op) {
  for (std::uint32_t rest = warp.mask; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    Mbarrier* barrier = find_barrier(warp, op, lane, "completes bytes at");
    if (barrier != nullptr) complete_transactions(warp, op, *barrier, warp.reg32(op.slot[2])[lane], lane);
  }
}

void mbarrier_test(Warp& warp, const Op& op) {
  Cluster& cluster = *warp.cta->cluster;
  const std::uint32_t index = op.index;
  std::uint32_t passed = 0;
  Mbarrier* acquired = nullptr;
  for (std::uint32_t rest = warp.mask; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    Mbarrier* barrier = find_barrier(warp, op, lane, "waits at");
    if (barrier == nullptr) {
      passed |= std::uint32_t{1} << lane;  // reported; the kernel goes on
      continue;
    }
    const auto number = static_cast<std::size_t>(barrier - cluster.mbarriers.data());
    std::uint64_t wanted;  // the phase that must be complete
    if (op.count & kParity) {
      const std::uint64_t parity = warp.reg32(op.slot[2])[lane] & 1;
      wanted = (barrier->phase & 1) == parity ? barrier->phase : barrier->phase - 1;
    } else {
      wanted = warp.reg64(op.slot[2])[lane] >> 32;
      // Only the current phase and the one before can be told apart.
      if (wanted > barrier->phase || barrier->phase - wanted > 1)
        report(warp, op, Severity::kError, "mbarrier", lane, [&] { return fmt::format("waits at {} with the state of phase {}, it is in phase {}", name_of(*warp.cta->worker, *barrier), wanted, barrier->phase); });
    }
    const bool complete = (op.count & kParity) ? wanted != barrier->phase : wanted < barrier->phase;
    // What this lane failed at last; another instruction or barrier means that it has given that wait up.
    auto failed = std::find_if(warp.failed_waits.begin(), warp.failed_waits.end(), [&](const FailedWait& wait) { return wait.lane == lane; });
    if (failed != warp.failed_waits.end() && (failed->op != index || failed->barrier != number)) failed = warp.failed_waits.erase(failed), failed = warp.failed_waits.end();
    const bool known = failed != warp.failed_waits.end();
    if (known && (op.count & kParity) && (wanted & 1) == (failed->phase & 1) && wanted > failed->phase) {
      report(warp, op, Severity::kError, "mbarrier", lane, [&] {
        return fmt::format("waits at {} for phase {}, which is over, and so is phase {}: the parity stands for phase {} now", name_of(*warp.cta->worker, *barrier), failed->phase,
                           failed->phase + 1, wanted);
      });
      failed->phase = wanted;
    }
    if (complete) {
      passed |= std::uint32_t{1} << lane;
      if (known) warp.failed_waits.erase(failed);
      barrier->phases_seen = std::max(barrier->phases_seen, barrier->phase);
      if (barrier == acquired) continue;
      acquired = barrier;
      order_lanes(warp);
      if (op.count & kRelaxed) {
        warp.cta->worker->flags.acquire_relaxed(warp, barrier->completed);
      } else {
        cluster.shadow.acquire(agent_of(warp), barrier->completed);
        warp.lane_clock = cluster.shadow.begin(agent_of(warp));
      }
    } else if (!known) {
      warp.failed_waits.push_back({index, lane, number, wanted});
    }
  }
  std::uint32_t& p = warp.predicate(op.slot[0]);
  p = (p & ~warp.mask) | passed;
  if ((warp.mask & ~passed) != 0) warp.gives_way = true;
}

void mbarrier_pending_count(Warp& warp, const Op& op) {
  for (int lane = 0; lane < kLanes; ++lane)
    if (warp.mask >> lane & 1) warp.reg32(op.slot[0])[lane] = static_cast<std::uint32_t>(warp.reg64(op.slot[1])[lane]) & 0xfffff;
}

void mbarrier_copies_arrive(Warp& warp, const Op& op) {
  Cluster& cluster = *warp.cta->cluster;
  for (std::uint32_t rest = warp.mask; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    Mbarrier* barrier = find_barrier(warp, op, lane, "arrives at");
    if (barrier == nullptr) continue;
    // Without .noinc the pending count is one higher meanwhile, so that this arrival needs no place in the expected count.
    if (!(op.flags & kNoIncrement) && ++barrier->pending > Mbarrier::kMaxCount) {
      report(warp, op, Severity::kError, "mbarrier", lane, [&] { return fmt::format("counts more than {} arrivals at {}", Mbarrier::kMaxCount, name_of(*warp.cta->worker, *barrier)); });
    }
    for (PendingCopy& copy : warp.pending) copy.arriving |= std::uint32_t{1} << lane;
    const auto number = static_cast<std::size_t>(barrier - cluster.mbarriers.data());
    Warp* const self = &warp;
    const Op* const at = &op;
    const std::uint32_t clock = warp.committed[lane] + 1;
    const auto trigger = [self, at, number, lane, clock] {
      land_copies(*self, std::uint32_t{1} << lane);
      for (PendingCopy& copy : self->pending) copy.mask &= ~(std::uint32_t{1} << lane);  // whoever waits at the barrier waits for them
      std::erase_if(self->pending, [](const PendingCopy& copy) { return copy.mask == 0; });
      Cluster& now = *self->cta->cluster;
      Mbarrier& target = now.mbarriers[number];
      if (!target.live) return;
      const ProxyShadow::Agent copies = now.shadow.of(ProxyShadow::AgentKind::kCopy, agent_of(*self));
      if (target.arriving.g.size() <= copies) target.arriving.g.resize(copies + 1u, 0);
      target.arriving.g[copies] = std::max(target.arriving.g[copies], clock);
      ++now.progress;
      if (arrive(*self, *at, target, 1, lane)) check_phase(now, target);
    };
    // The arrival itself orders nothing but the copies; the thread's earlier work is ordered by arrivals of its own.
    if (warp.cta->worker->lands_early())
      trigger();
    else
      cluster.flights.push_back({number, trigger});
  }
}

Mbarrier* barrier_of_copy(Warp& warp, const Op& op, Cta& cta, std::uint32_t offset, int lane) {
  Cluster& cluster = *warp.cta->cluster;
  Mbarrier* barrier = cluster.find(cta.rank, offset);
  if (barrier == nullptr) {
    report(warp, op, Severity::kError, "mbarrier", lane, [&] { return fmt::format("copies on the mbarrier at shared offset {}, where none was initialised", offset); });
    return nullptr;
  }
  if (!barrier->fenced) {
    report(warp, op, Severity::kError, "mbarrier", lane, [&] {
      return fmt::format("copies on {}, which was initialised with no fence.mbarrier_init or fence.proxy.async since", name_of(*warp.cta->worker, *barrier));
    });
  } else if (!cluster.shadow.knows(agent_of(warp), barrier->init_warp, barrier->init_clock) && barrier->cta == warp.cta->rank) {
    report(warp, op, Severity::kError, "mbarrier", lane, [&] {
      return fmt::format("copies on {}, which warp {} initialised with no synchronisation in between", name_of(*warp.cta->worker, *barrier), cluster.shadow.index_of(barrier->init_warp));
    });
  }
  return barrier;
}

}  // namespace bsgen::sim
