// PTX text -> Module. Any text gives a module or an error that names its line; nothing is executed and nothing is guessed.
//
//   BSGEN_ASSIGN(ptx::Module module, ptx::parse(text));
#pragma once

#include <string>

#include "bsgen/status.h"
#include "runtime/sim/ptx/ir.h"

namespace bsgen::sim::ptx {

// kInvalidArgument: "sim: ptx line 12: ...".
Expected<Module> parse(std::string text);

}  // namespace bsgen::sim::ptx
