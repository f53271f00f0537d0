// Whole generated kernels: every operation, type and tier over small masks, seeded inputs, one digest of the output.
#pragma once

#include <string>
#include <vector>

#include "bsgen/options.h"
#include "bsgen/problem.h"
#include "tools/goldgen/recording.h"

namespace bsgen::goldens {

struct KernelCase {
  std::string name;  // "kernel/fprop.bf16.table/causal:5x5"
  std::string mask;
  int block = 16;
  Problem problem{};
  Tier tier = Tier::kAuto;
  std::int64_t tokens = 77;
};
std::vector<KernelCase> kernel_cases();

// Compiles with NVRTC, runs, judges against float64; the question is the generated source, so templates may change and their bits not.
// kUnsupported where this architecture or tier does not do it.
Expected<Answer> ask_kernel(const std::shared_ptr<Device>& device, const KernelCase& c);

}  // namespace bsgen::goldens
