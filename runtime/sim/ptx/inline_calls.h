// Calls of .func functions are expanded in place, so that the rest of the simulator knows only kernels without calls.
//
// A callee's parameters and results become .param variables of the kernel's frame; its `ret` becomes a branch behind the call.
#pragma once

#include "bsgen/status.h"
#include "runtime/sim/ptx/ir.h"

namespace bsgen::sim::ptx {

// The entry with every call expanded; one through a pointer becomes a choice among the functions whose addresses the module takes. Recursion and
// calls of undefined functions are refused.
Expected<Function> inline_calls(const Module& module, const Function& entry);

}  // namespace bsgen::sim::ptx
