// bar and barrier: the 16 named barriers of a cta (PTX ISA, "bar").
//
// Slots: [0] = result of a reduction, [1] = barrier, [2] = threads (0 = all), [3] = vote. Op::count = BarrierKind, flags 1 = vote negated.
#pragma once

#include <string>

#include "runtime/sim/exec/warp.h"

namespace bsgen::sim {

enum class BarrierKind : std::uint8_t { kSync, kArrive, kPopc, kAnd, kOr };

// The running warp reaches a barrier. True where it must wait; otherwise it goes on (arrive, or the last one to come).
bool reach_barrier(Warp& warp, const Op& op);

// "warps 0-2 wait at barrier 0, which expects 4 warps; warp 3 has ended"
std::string describe_barriers(const Cta& cta);

}  // namespace bsgen::sim
