// Accesses to the shared memory of a cluster, looked at by its ProxyShadow; each fault becomes a finding.
#pragma once

#include "runtime/sim/exec/cluster.h"

namespace bsgen::sim {

// By the warp itself, through the generic proxy. `rank`: whose shared memory.
void check_generic_access(Warp& warp, const Op& op, ProxyShadow::Access access, int rank, std::uint32_t offset, std::uint32_t bytes, int lane);
// `bytes` of one granule of 16, as a mask; the finding tells of the access of `size` bytes at `offset` by the lane.
void check_generic_granule(Warp& warp, const Op& op, ProxyShadow::Access access, std::uint32_t granule, std::uint16_t bytes, std::uint32_t offset, std::uint32_t size, int lane);
// An atomic update, against plain accesses; it is none itself.
void check_generic_atomic(Warp& warp, const Op& op, int rank, std::uint32_t offset, std::uint32_t bytes, int lane);
// By `agent` at `clock`, through the async proxy, on behalf of the warp. kAsyncRead or kAsyncWrite.
void check_async_access(Warp& warp, const Op& op, ProxyShadow::Access access, ProxyShadow::Agent agent, std::uint32_t clock, int rank,
                        std::uint32_t offset, std::uint32_t bytes, int lane);
// Neighbours among granules that follow each other, from `first` on, as one range; findings tell of these.
struct GranuleRun {
  int end;              // behind the last one
  std::uint64_t offset; // of its first byte; wraps below 0
  std::uint32_t bytes;
};
GranuleRun granule_run(const std::uint32_t* granules, int count, int first);
// Reads of whole granules through the async proxy.
void check_async_granules(Warp& warp, const Op& op, ProxyShadow::Agent agent, std::uint32_t clock, const std::uint32_t* granules, int count);
// A cp.async: written by the warp's copies, known once they are waited for.
void check_copy_issue(Warp& warp, const Op& op, std::uint32_t clock, std::uint32_t offset, std::uint32_t bytes, int lane);

}  // namespace bsgen::sim
