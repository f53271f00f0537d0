#include "runtime/sim/check/global_checks.h"

#include <fmt/format.h>

#include "runtime/sim/exec/cluster.h"
#include "runtime/sim/exec/cluster_ops.h"
#include "runtime/sim/exec/scheduler.h"
#include "runtime/sim/exec/shared_footprint.h"

namespace bsgen::sim {
namespace {

using Event = GlobalShadow::Event;
using Fault = GlobalShadow::Fault;
using Kind = ProxyShadow::AgentKind;

std::uint64_t cluster_of(const Warp& warp) { return warp.cta->order / warp.cta->worker->ctas.size(); }

class WarpObserver final : public GlobalShadow::Observer {
 public:
  explicit WarpObserver(const Warp& warp) : warp_(warp), self_(agent_number(warp)) {}
  bool knows(const Event& earlier) const override {
    const Cluster* const cluster = warp_.cta->cluster;
    if (earlier.cluster != cluster_of(warp_)) {
      const OtherClusters& others = cluster != nullptr ? cluster->shadow.others(self_) : warp_.cta->shadow.others(self_);
      return others.knows(OtherClusters::agent(earlier.cluster, earlier.by), earlier.clock);
    }
    return cluster != nullptr ? cluster->shadow.knows(self_, earlier.by, earlier.clock) : warp_.cta->shadow.knows(self_, earlier.by, earlier.clock);
  }
  bool async_proxy_sees(const Event& earlier) const override {
    const ProxyShadow& shadow = warp_.cta->cluster->shadow;
    if (earlier.cluster == cluster_of(warp_)) return shadow.sees_in_global(self_, earlier.by, earlier.clock);
    return shadow.others(self_).async_proxy_sees(OtherClusters::agent(earlier.cluster, earlier.by), earlier.clock);
  }

 private:
  const Warp& warp_;
  const std::uint16_t self_;
};

std::string_view verb(GlobalShadow::Access access) {
  switch (access) {
    case GlobalShadow::Access::kRead: case GlobalShadow::Access::kReadOnly: case GlobalShadow::Access::kStrongRead: case GlobalShadow::Access::kAsyncRead: return "reads";
    case GlobalShadow::Access::kAtomic: case GlobalShadow::Access::kAsyncAtomic: return "atomically updates";
    default: return "writes";
  }
}
std::string_view past(GlobalShadow::Access access) {
  const std::string_view now = verb(access);
  return now == "reads" ? "read" : now == "writes" ? "wrote" : "atomically updated";
}

std::string cta_name(const LaunchState& launch, const Event& event) {
  const CtaPlace cta = cta_place(launch, std::uint64_t{event.cluster} * launch.cluster_ctas() + event.rank);
  return launch.config.grid_z > 1 ? fmt::format("cta ({}, {}, {})", cta.index[0], cta.index[1], cta.index[2]) : fmt::format("cta ({}, {})", cta.index[0], cta.index[1]);
}
int only_lane(const Event& event) { return std::has_single_bit(event.lanes) ? std::countr_zero(event.lanes) : kWholeWarp; }
// "cta (0, 1) thread 37 (ptx line 20, k.cu line 4)", or without the cta where it is the observer's own.
std::string who(const LaunchState& launch, const Event& event, bool own_cta) {
  const std::string cta = own_cta ? std::string() : cta_name(launch, event) + " ";
  const int lane = only_lane(event);
  const std::string by = lane >= 0 ? fmt::format("thread {}", event.warp * kLanes + lane) : fmt::format("warp {}", event.warp);
  return fmt::format("{}{}{} ({})", cta, GlobalShadow::is_async(event.access) ? "a bulk copy of " : "", by, lines(*launch.program, event.op));
}

void report_fault(Warp& warp, const Op& op, const Event& event, const GlobalShadow::Verdict& verdict, const Allocation& allocation, std::uint64_t offset, std::uint64_t bytes, int lane) {
  const Event& other = verdict.other;
  const std::string_view kind = verdict.fault == Fault::kProxy ? "proxy" : "global_race";
  report(warp, op, Severity::kError, kind, lane, [&] {
    const bool own_cta = other.cluster == event.cluster && other.rank == event.rank;
    const std::string what = fmt::format("{} {} bytes at byte {} of {}{}", verb(event.access), bytes, offset, allocation.noun(), GlobalShadow::is_async(event.access) ? " through the async proxy" : "");
    if (verdict.fault == Fault::kLanes)
      return fmt::format("{}, which thread {} of its warp ({}) {} with no __syncwarp in between", what, warp.index * kLanes + std::countr_zero(other.lanes & ~(1u << lane)),
                         lines(*warp.cta->launch->program, other.op), past(other.access));
    const std::string which = fmt::format("{}, which {}", what, who(*warp.cta->launch, other, own_cta));
    switch (verdict.fault) {
      case Fault::kProxy: return fmt::format("{} {} with no fence.proxy.async in between", which, past(other.access));
      case Fault::kReadOnly: return fmt::format("{} {} in this kernel: ld.global.nc need not see that, whatever stands in between", which, past(other.access));
      case Fault::kScope: return fmt::format("{} {} too, with scopes that do not hold both", which, past(other.access));
      default:
        if (GlobalShadow::is_async(other.access) && own_cta) return fmt::format("{} may still {}: nothing orders its wait before this", which, GlobalShadow::writes(other.access) ? "write" : "read");
        return fmt::format("{} {} with no synchronisation in between", which, past(other.access));
    }
  });
}

Event event_of(const Warp& warp, const Op& op) {
  Event event;
  event.cluster = static_cast<std::uint32_t>(cluster_of(warp));
  event.op = op.index;
  event.lane_epoch = warp.lane_epoch;
  event.rank = static_cast<std::uint8_t>(warp.cta->rank);
  event.warp = static_cast<std::uint8_t>(warp.index);
  return event;
}

}  // namespace

void check_global_lanes(Warp& warp, const Op& op, const Piece& piece, const LaneAddresses& addresses, std::uint32_t bytes, GlobalAccess access) {
  Event event = event_of(warp, op);
  const bool strong = op.handler == &ordered_access;
  event.access = access == GlobalAccess::kAtomic ? GlobalShadow::Access::kAtomic
                 : access == GlobalAccess::kReadOnlyLoad ? GlobalShadow::Access::kReadOnly
                 : access == GlobalAccess::kLoad ? (strong ? GlobalShadow::Access::kStrongRead : GlobalShadow::Access::kRead)
                                                 : (strong ? GlobalShadow::Access::kStrongWrite : GlobalShadow::Access::kWrite);
  if (strong) event.scope = static_cast<Scope>(op.member_slot >> kScopeShift);
  event.by = agent_number(warp);
  event.clock = warp.strong_clock != 0 ? warp.strong_clock : clock_of(warp);
  GlobalShadow& shadow = warp.cta->worker->global.shadow;
  GlobalShadow::Table& table = shadow.table(*piece.allocation);
  const WarpObserver observer(warp);
  // Up to 16 bytes at a time: no lane of a part meets itself.
  for (std::uint32_t at = 0; at < bytes; at += GlobalShadow::kGranule) {
    const std::uint32_t size = std::min(bytes - at, GlobalShadow::kGranule);
    Footprint touched;
    make_footprint(addresses, piece.base - at, size, piece.mask, touched);
    for (int i = 0; i < touched.count; ++i) {
      event.lanes = touched.lanes[i];
      event.bytes = touched.bytes[i];
      const GlobalShadow::Verdict verdict = shadow.access(event, table, touched.granule[i], observer);
      if (verdict.fault == Fault::kNone) [[likely]] continue;
      // Whose access meets that byte.
      const std::uint64_t byte = std::uint64_t{touched.granule[i]} * GlobalShadow::kGranule + verdict.byte;
      int lane = verdict.lane;
      for (std::uint32_t rest = event.lanes; rest != 0 && lane < 0; rest &= rest - 1)
        if (const std::uint64_t offset = addresses.of[std::countr_zero(rest)] - piece.base + at; byte - offset < size) lane = std::countr_zero(rest);
      report_fault(warp, op, event, verdict, *piece.allocation, addresses.of[lane] - piece.base, bytes, lane);
    }
  }
}

void check_global_async(Warp& warp, const Op& op, const Allocation& allocation, std::uint64_t offset, std::uint64_t bytes, GlobalShadow::Access access, std::uint16_t agent,
                        std::uint32_t clock, int lane) {
  if (allocation.tracked == 0) return;
  Event event = event_of(warp, op);
  event.access = access;
  event.by = agent;
  event.clock = clock;
  event.lanes = 1u << lane;
  GlobalShadow& shadow = warp.cta->worker->global.shadow;
  GlobalShadow::Table& table = shadow.table(allocation);
  const WarpObserver observer(warp);
  for (std::uint64_t granule = offset / GlobalShadow::kGranule; granule * GlobalShadow::kGranule < offset + bytes; ++granule) {
    const std::uint64_t start = granule * GlobalShadow::kGranule;
    const std::uint64_t from = std::max(offset, start) - start, to = std::min(offset + bytes, start + GlobalShadow::kGranule) - start;
    event.bytes = static_cast<std::uint16_t>((1u << to) - (1u << from));
    const GlobalShadow::Verdict verdict = shadow.access(event, table, granule, observer);
    if (verdict.fault != Fault::kNone) [[unlikely]]
      report_fault(warp, op, event, verdict, allocation, offset, bytes, lane);
  }
}

void report_meetings(const LaunchState& launch, const std::vector<const GlobalShadow*>& shadows, std::uint64_t end, Findings& findings) {
  GlobalShadow::between_clusters(shadows, static_cast<std::uint32_t>(end), [&](const Allocation& allocation, std::uint64_t granule, const Event& earlier, const Event& later, std::uint32_t byte) {
    const CtaPlace cta = cta_place(launch, std::uint64_t{later.cluster} * launch.cluster_ctas() + later.rank);
    findings.add(Severity::kError, "global_race", later.op, {std::uint64_t{later.cluster} * launch.cluster_ctas() + later.rank, cta.index, later.warp}, [&] {
      const std::string what = fmt::format("{} byte {} of {}, which {} {} with no synchronisation in between", verb(later.access), granule * GlobalShadow::kGranule + byte,
                                           allocation.noun(), who(launch, earlier, false), past(earlier.access));
      return finding_text(launch, cta.index, later.warp, later.op, only_lane(later), what);
    });
  });
}

}  // namespace bsgen::sim
