// Calls that a GPU hands to its host, printf and a failed assertion, and those that nobody answers.
#pragma once

#include "runtime/sim/exec/program.h"

namespace bsgen::sim {

// Nothing is printed. slot[1] = frame offset of the result, which is 0.
void host_printf(Warp& warp, const Op& op);
// A finding per call site. slot[1 .. 4] = frame offsets of message, file, line and function.
void host_assert(Warp& warp, const Op& op);
// A call through the pointer in slot[1] that meets none of the `immediate` functions that it could.
void report_stray_call(Warp& warp, const Op& op);

}  // namespace bsgen::sim
