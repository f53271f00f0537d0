// The stages of a cpu device's kernel as text, for compile and explain: its plan, LLVM IR and assembly.
#pragma once

#include <string>

#include "tools/bsgen/cli.h"

namespace bsgen::cli {

// `device`: "cpu", "cpu:avx2", ...; `what`: "plan", "llvm" or "asm".
Expected<std::string> cpu_stage(const PlanRequest& request, const std::string& device, const std::string& what);

// What explain says of the plan: its choices, why, and how launches are divided.
Expected<std::string> explain_cpu(const PlanRequest& request, const std::string& device);

}  // namespace bsgen::cli
