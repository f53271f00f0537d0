// From what the workers counted to what a launch reports.
#pragma once

#include "runtime/sim/exec/op_counts.h"
#include "runtime/sim/exec/program.h"
#include "runtime/sim/sim_device.h"

namespace bsgen::sim {

// The kind of work that an opcode, with its modifiers, stands for.
InstructionClass instruction_class(std::string_view opcode);

std::vector<InstructionProfile> make_profile(const Program& program, const LaunchCounts& counts);
Counters sum(const std::vector<InstructionProfile>& profile);

}  // namespace bsgen::sim
