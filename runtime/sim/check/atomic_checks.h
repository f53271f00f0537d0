// Plain accesses of shared memory against atomic ones; each race becomes a finding.
#pragma once

#include "runtime/sim/exec/access.h"

namespace bsgen::sim {

// By one lane, of the shared memory of the cta with this rank in the cluster.
void check_shared_atomic(Warp& warp, const Op& op, int rank, std::uint32_t offset, std::uint32_t bytes, int lane);
void check_against_atomics(Warp& warp, const Op& op, Access access, int rank, std::uint32_t offset, std::uint32_t bytes, int lane);

// Asked by every plain access.
inline bool has_shared_atomics(const Warp& warp) { return !warp.cta->worker->atomics.empty() && warp.strong_clock == 0; }

}  // namespace bsgen::sim
