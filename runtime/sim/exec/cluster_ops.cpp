#include "runtime/sim/exec/cluster_ops.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>

#include "runtime/sim/check/atomic_checks.h"
#include "runtime/sim/check/proxy_checks.h"
#include "runtime/sim/exec/access.h"
#include "runtime/sim/exec/memory_ops.h"

namespace bsgen::sim {
namespace {

constexpr std::uint64_t kWindowMask = (std::uint64_t{1} << kClusterRankShift) - 1;

// Lane by lane: what other ctas hold is reached rarely.
template <class Visit>
void each_lane(Warp& warp, const Op& op, ProxyShadow::Access access, Visit visit) {
  LaneAddresses addresses;
  gather_addresses(warp, op, addresses);
  const std::uint32_t bytes = static_cast<std::uint32_t>(op.element_bytes) * op.count;
  for (std::uint32_t rest = warp.mask; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    const auto place = shared_place(warp, op, addresses.of[lane], bytes, bytes, lane, access == ProxyShadow::Access::kRead ? "reads" : "writes");
    if (place) check_generic_access(warp, op, access, place->cta->rank, place->offset, bytes, lane);
    if (place && has_shared_atomics(warp)) check_against_atomics(warp, op, access == ProxyShadow::Access::kRead ? Access::kRead : Access::kWrite, place->cta->rank, place->offset, bytes, lane);
    visit(lane, place);
  }
}

}  // namespace

std::optional<SharedPlace> shared_place(Warp& warp, const Op& op, std::uint64_t address, std::uint64_t bytes, std::uint32_t align, int lane, std::string_view what) {
  if (address - kSharedWindow < kWindowBytes) address -= kSharedWindow;
  std::vector<Cta>& ctas = warp.cta->worker->ctas;
  const std::uint64_t rank = address >> kClusterRankShift;
  if (rank > ctas.size()) {
    report(warp, op, Severity::kError, "out_of_bounds", lane, [&] {
      return rank > 16 ? fmt::format("{} {} bytes at address {:#x}, which is not in shared memory", what, bytes, address)
                       : fmt::format("{} {} bytes in the shared memory of cta rank {}, the cluster has {}", what, bytes, rank - 1, ctas.size());
    });
    return std::nullopt;
  }
  Cta& cta = rank == 0 ? *warp.cta : ctas[rank - 1];
  const std::uint64_t offset = (address & kWindowMask) - kSharedBase, size = warp.cta->launch->shared_bytes;
  if (offset > size || size - offset < bytes) {
    report(warp, op, Severity::kError, "out_of_bounds", lane, [&] {
      return fmt::format("{} {} bytes at shared offset {}, the allocation ends at {}", what, bytes, static_cast<std::int64_t>(offset), size);
    });
    return std::nullopt;
  }
  if (offset % align != 0) {
    report(warp, op, Severity::kError, "misaligned", lane, [&] { return fmt::format("{} {} bytes at shared offset {}, not a multiple of {}", what, bytes, offset, align); });
    return std::nullopt;
  }
  if (&cta != warp.cta && cta.ended) {
    report(warp, op, Severity::kError, "use_after_exit", lane, [&] { return fmt::format("{} {} bytes in the shared memory of cta rank {}, which has ended", what, bytes, cta.rank); });
    return std::nullopt;
  }
  if (&cta != warp.cta) {
    Cluster& cluster = *warp.cta->cluster;
    const ProxyShadow::Agent self = agent_of(warp);
    cluster.remote_uses[static_cast<std::size_t>(cta.rank) * (cluster.remote_uses.size() / ctas.size()) + self] = {cluster.shadow.now(self), op.index};
  }
  return SharedPlace{&cta, static_cast<std::uint32_t>(offset)};
}

void map_address(Warp& warp, const Op& op) {
  const bool wide = op.flags & 1;
  const std::uint64_t window = op.flags & 2 ? kSharedWindow : 0;
  const auto size = static_cast<std::uint32_t>(warp.cta->worker->ctas.size());
  for (std::uint32_t rest = warp.mask; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    const std::uint32_t rank = warp.reg32(op.slot[2])[lane];
    if (rank >= size) {
      report(warp, op, Severity::kError, "out_of_bounds", lane, [&] { return fmt::format("asks for cta rank {} of a cluster of {}", rank, size); });
    }
    const std::uint64_t address = (wide ? warp.reg64(op.slot[1])[lane] : warp.reg32(op.slot[1])[lane]) - window;
    const std::uint64_t mapped = window + ((address & kWindowMask) | std::uint64_t{rank + 1} << kClusterRankShift);
    if (wide)
      warp.reg64(op.slot[0])[lane] = mapped;
    else
      warp.reg32(op.slot[0])[lane] = static_cast<std::uint32_t>(mapped);
  }
}

void get_cta_rank(Warp& warp, const Op& op) {
  for (std::uint32_t rest = warp.mask; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    std::uint64_t address = op.flags & 1 ? warp.reg64(op.slot[1])[lane] : warp.reg32(op.slot[1])[lane];
    if (op.flags & 2) address -= kSharedWindow;
    const std::uint64_t rank = address >> kClusterRankShift;
    warp.reg32(op.slot[0])[lane] = rank == 0 ? static_cast<std::uint32_t>(warp.cta->rank) : static_cast<std::uint32_t>(rank - 1);
  }
}

void load_cluster(Warp& warp, const Op& op) {
  const std::uint32_t* registers = warp.cta->launch->program->extra.data() + op.extra;
  each_lane(warp, op, ProxyShadow::Access::kRead, [&](int lane, const std::optional<SharedPlace>& place) {
    for (int i = 0; i < op.count; ++i) {
      std::uint64_t value = 0;
      if (place) std::memcpy(&value, place->cta->shared.data() + place->offset + i * op.element_bytes, op.element_bytes);
      const int unused = 64 - 8 * op.element_bytes;
      if (op.flags & kSigned) value = static_cast<std::uint64_t>(static_cast<std::int64_t>(value << unused) >> unused);
      if (op.flags & kWideRegisters)
        warp.reg64(registers[i])[lane] = value;
      else
        warp.reg32(registers[i])[lane] = static_cast<std::uint32_t>(value);
    }
    if (!place) return;
    const std::uint32_t bytes = static_cast<std::uint32_t>(op.element_bytes) * op.count;
    for (std::uint32_t i = 0; i < bytes; ++i)
      if (place->cta->shared_valid[place->offset + i] != 0xff)
        return report(warp, op, Severity::kError, "uninitialized", lane, [&] {
          return fmt::format("reads {} bytes at shared offset {} of cta rank {}; byte {} was never written", bytes, place->offset, place->cta->rank, place->offset + i);
        });
  });
}

void store_cluster(Warp& warp, const Op& op) {
  const std::uint32_t* registers = warp.cta->launch->program->extra.data() + op.extra;
  each_lane(warp, op, ProxyShadow::Access::kWrite, [&](int lane, const std::optional<SharedPlace>& place) {
    if (!place) return;
    for (int i = 0; i < op.count; ++i) {
      const std::byte* from = warp.registers + registers[i] + lane * (op.flags & kWideRegisters ? 8 : 4);
      std::memcpy(place->cta->shared.data() + place->offset + i * op.element_bytes, from, op.element_bytes);
    }
    std::memset(place->cta->shared_valid.data() + place->offset, 0xff, static_cast<std::size_t>(op.element_bytes) * op.count);
  });
}

void cluster_arrive(Warp& warp, const Op& op) {
  Cluster& cluster = *warp.cta->cluster;
  if (warp.cluster_arrived || warp.cluster_phase_open) {
    report(warp, op, Severity::kError, "barrier", std::countr_zero(warp.mask), [] { return std::string("arrives twice at the cluster's barrier with no barrier.cluster.wait in between"); });
    return;
  }
  if (op.flags & 1)
    warp.cta->worker->flags.release_relaxed(warp, cluster.barrier_arriving);
  else
    cluster.shadow.release(agent_of(warp), cluster.barrier_arriving);
  warp.cluster_arrived = warp.cluster_phase_open = true;
  warp.cluster_phase = cluster.barrier_phase;
  check_cluster_barrier(*warp.cta->worker);
}

void cluster_wait(Warp& warp, const Op& op) {
  Cluster& cluster = *warp.cta->cluster;
  if (!warp.cluster_phase_open) {
    report(warp, op, Severity::kError, "barrier", std::countr_zero(warp.mask), [] { return std::string("waits at the cluster's barrier without barrier.cluster.arrive"); });
    return;
  }
  warp.cluster_waits = cluster.barrier_phase == warp.cluster_phase;
  if (warp.cluster_waits) {
    warp.repeats = warp.gives_way = true;
    return;
  }
  warp.cluster_phase_open = false;
  order_lanes(warp);
  cluster.shadow.acquire(agent_of(warp), cluster.barrier_completed);
  warp.lane_clock = cluster.shadow.begin(agent_of(warp));
}

namespace {

// What the warp's first lane reads, and whether that is news. A program's ctas run on one thread where any of them does this.
void note_poll(Warp& warp, const Op& op) {
  const int lane = std::countr_zero(warp.mask);
  const std::uint64_t address = (op.flags & kAddress64 ? warp.reg64(op.slot[1])[lane] : warp.reg32(op.slot[1])[lane]) + static_cast<std::uint64_t>(op.immediate);
  const Worker& worker = *warp.cta->worker;
  const Allocation* const allocation = find(worker.launch.memory, address);
  std::uint32_t value = 0;
  if (allocation == nullptr || !allocation->contains(address & ~std::uint64_t{3}, sizeof value)) return;
  std::memcpy(&value, allocation->data.get() + ((address & ~std::uint64_t{3}) - allocation->base), sizeof value);
  warp.poll.slices_ago = 0;
  if (warp.poll.times != 0 && warp.poll.address == address && warp.poll.op == op.index && warp.poll.value == value) {
    ++warp.poll.times;
  } else {
    warp.poll = {address, op.index, value, 1, 0};
    ++worker.global.news;
  }
}

}  // namespace

void ordered_access(Warp& warp, const Op& op) {
  if (op.member_slot & kReads) note_poll(warp, op);
  const auto access = reinterpret_cast<Handler>(const_cast<void*>(op.function));
  if (!warp.cta->launch->checks) return access(warp, op);
  order_lanes(warp);  // lanes may meet through it
  warp.strong_clock = clock_of(warp);  // what the access releases covers the access
  const auto meets = [&] {
    access(warp, op);
    warp.strong_clock = 0;
    order_lanes(warp);
  };
  if (!warp.cta->launch->program->orders_memory) return meets();  // strong, but nothing in the program orders anything
  // Shared memory of each cta has flags of its own; a generic shared address and a plain one name the same.
  LaneAddresses addresses;
  gather_addresses(warp, op, addresses);
  std::uint64_t flags[kLanes];
  int count = 0;
  for (std::uint32_t rest = warp.mask; rest != 0; rest &= rest - 1) {
    std::uint64_t at = addresses.of[std::countr_zero(rest)];
    if (at - kSharedWindow < kWindowBytes) at -= kSharedWindow;
    if (at >> kClusterRankShift == 0) at |= static_cast<std::uint64_t>(warp.cta->rank + 1) << kClusterRankShift;
    if (count == 0 || flags[count - 1] != at) flags[count++] = at;
  }
  const std::uint8_t order = op.member_slot;
  for (int i = 0; i < count; ++i) {
    const auto scope = static_cast<Scope>(order >> kScopeShift);
    const bool shared = flags[i] < kSharedWindow;
    warp.cta->worker->flags.access(warp, flags[i], {(order & kReads) != 0, (order & kWrites) != 0, (order & kAcquires) != 0, (order & kReleases) != 0,
                                                    shared ? std::min(scope, Scope::kCluster) : scope});
  }
  meets();
}

void sleep_a_while(Warp& warp, const Op&) { warp.gives_way = true; }

void fence_memory(Warp& warp, const Op& op) {
  if (warp.cta->launch->checks) warp.cta->worker->flags.fence(warp, static_cast<Scope>(op.flags));
}

void fence_async_proxy(Warp& warp, const Op& op) {
  Cluster& cluster = *warp.cta->cluster;
  const ProxyShadow::Agent self = agent_of(warp);
  if (op.flags & kFencesShared)
    for (Mbarrier& barrier : cluster.mbarriers)
      if (cluster.shadow.knows(self, barrier.init_warp, barrier.init_clock)) barrier.fenced = true;
  cluster.shadow.fence_async(self, op.flags & kFencesShared, op.flags & kFencesGlobal);
}

void fence_mbarrier_init(Warp& warp, const Op&) {
  Cluster& cluster = *warp.cta->cluster;
  for (Mbarrier& barrier : cluster.mbarriers)
    if (barrier.init_warp == agent_of(warp)) barrier.fenced = true;
}

}  // namespace bsgen::sim
