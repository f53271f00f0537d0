// Reads of registers that the lane has not written. The decoder reports a register that no path writes before it is read; of those that only some
// path reads too early, an accumulator that nobody cleared before its loop, it makes a table (Program::undefined), and the instructions that name
// them have this handler around their own. Kernels without such registers pay nothing.
#pragma once

#include <cstdint>

namespace bsgen::sim {

struct Op;
struct Warp;

void undefined_watched(Warp& warp, const Op& op);

}  // namespace bsgen::sim
