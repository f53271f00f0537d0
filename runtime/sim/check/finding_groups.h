// Which findings are one: a fault in an unrolled loop shows at each copy of the instruction.
//
// Findings are one where severity, kind and opcode are the same, the message differs in numbers only, and the instructions come from the same
// place in the source, to the column and through the same calls. Without line information, where each instruction stands a few lines
// behind the one before. Of a register that a message names counts which operand it is, not its name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/sim/exec/program.h"
#include "runtime/sim/sim_device.h"

namespace bsgen::sim {

struct FoundAt {
  std::uint32_t op;
  Severity severity;
  std::string_view kind, message;
};

// Indices into `found`, in groups; a group begins with its first and groups are in the order of these.
std::vector<std::vector<std::size_t>> group_findings(const Program& program, const std::vector<FoundAt>& found);

// " and 15 more instructions of the same line of CUDA (ptx lines 420, 423, 426)": what follows the message of the first of a group.
std::string others_text(const std::vector<int>& other_lines, std::size_t num_others, bool same_cuda_line);

}  // namespace bsgen::sim
