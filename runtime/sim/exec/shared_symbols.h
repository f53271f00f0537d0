// The names of places in shared memory, for findings and traces.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/sim/exec/program.h"

namespace bsgen::sim {

// The symbol that holds this byte of shared memory; none where nothing has a name.
const Program::SharedSymbol* symbol_at(const Program& program, std::uint64_t offset);
// "full", "full+8", or "" where nothing has a name.
std::string symbol_text(const Program& program, std::uint64_t offset);
// Puts the symbol behind each "shared offset N" of a message that names none yet: "shared offset 72 (full+8)".
std::string with_symbols(const Program& program, const std::string& message);

}  // namespace bsgen::sim
