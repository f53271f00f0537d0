// CpuPlan -> LLVM IR -> object, assembly or text.
#pragma once

#include <string>

#include "bsgen/status.h"
#include "runtime/cpu/cpu_plan.h"
#include "runtime/cpu/llvm/api.h"

namespace bsgen::cpu {

Expected<std::string> compile_plan(const CpuPlan& plan, BsgenCpuForm form);

}  // namespace bsgen::cpu
