// Accesses to global memory, looked at by GlobalShadow; each fault becomes a finding.
#pragma once

#include "runtime/sim/check/global_shadow.h"
#include "runtime/sim/exec/access.h"

namespace bsgen::sim {

// Lanes of the piece touch `bytes` each. What the access is, its Op tells: `writes` alone of a load or store, or an atomic.
enum class GlobalAccess : std::uint8_t { kLoad, kReadOnlyLoad, kStore, kAtomic };
void check_global_lanes(Warp& warp, const Op& op, const Piece& piece, const LaneAddresses& addresses, std::uint32_t bytes, GlobalAccess access);
inline void check_global(Warp& warp, const Op& op, const Piece& piece, const LaneAddresses& addresses, std::uint32_t bytes, GlobalAccess access) {
  if (piece.mask != 0 && piece.allocation->tracked != 0) check_global_lanes(warp, op, piece, addresses, bytes, access);
}
// By `agent` at `clock`, through the async proxy, on behalf of the lane.
void check_global_async(Warp& warp, const Op& op, const Allocation& allocation, std::uint64_t offset, std::uint64_t bytes, GlobalShadow::Access access, std::uint16_t agent,
                        std::uint32_t clock, int lane);

// What GlobalShadow::between_clusters finds.
void report_meetings(const LaunchState& launch, const std::vector<const GlobalShadow*>& shadows, std::uint64_t end, Findings& findings);

}  // namespace bsgen::sim
