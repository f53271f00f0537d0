// Shared memory of other ctas of the cluster, and the barrier of the cluster.
#pragma once

#include <optional>
#include <string_view>

#include "runtime/sim/exec/cluster.h"
#include "runtime/sim/exec/program.h"

namespace bsgen::sim {

struct SharedPlace {
  Cta* cta;
  std::uint32_t offset;
};
// Where a shared address (generic ones included) lies, checked; what does not fit is reported as "WHAT at shared offset ...".
std::optional<SharedPlace> shared_place(Warp& warp, const Op& op, std::uint64_t address, std::uint64_t bytes, std::uint32_t align, int lane, std::string_view what);

// mapa: slot[0] = d, slot[1] = address, slot[2] = rank; flags 1 = 64 bits, 2 = generic. getctarank: slot[0] = d, slot[1] = address.
void map_address(Warp& warp, const Op& op);
void get_cta_rank(Warp& warp, const Op& op);

// ld/st.shared::cluster, as memory_ops.h says.
void load_cluster(Warp& warp, const Op& op);
void store_cluster(Warp& warp, const Op& op);

// barrier.cluster: flags 1 = relaxed. The wait executes again until it is through.
void cluster_arrive(Warp& warp, const Op& op);
void cluster_wait(Warp& warp, const Op& op);

void sleep_a_while(Warp& warp, const Op& op);  // nanosleep; OpKind::kWait

// ld, st, atom and red that order memory, or take part in an order through fences, around the handler in Op::function: flags by which warps
// synchronise. slot[1] = address, Op::member_slot = OrderedAccess, with the Scope from bit kScopeShift on.
enum OrderedAccess : std::uint8_t { kAcquires = 1, kReleases = 2, kStrong = 4, kReads = 8, kWrites = 16 };
inline constexpr int kScopeShift = 5;
void ordered_access(Warp& warp, const Op& op);

void fence_memory(Warp& warp, const Op& op);       // fence.acq_rel, fence.sc, membar; flags = Scope
enum : std::uint8_t { kFencesShared = 1, kFencesGlobal = 2 };
void fence_async_proxy(Warp& warp, const Op& op);  // fence.proxy.async; flags above
void fence_mbarrier_init(Warp& warp, const Op& op);

}  // namespace bsgen::sim
