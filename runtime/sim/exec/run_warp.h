// Executes one warp: its splits one after the other, the lowest program counter first, until it has to stop.
#pragma once

#include <cstdint>

#include "runtime/sim/exec/warp.h"

namespace bsgen::sim {

enum class Stop : std::uint8_t { kBarrier, kDone, kSlice, kGaveWay, kAbort };

// At most `limit` warp instructions. traced: the launch's tracer watches each of them.
Stop run_warp(Warp& warp, std::uint64_t limit, bool traced);

}  // namespace bsgen::sim
