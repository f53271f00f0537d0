// `bsgen bench MASK`: the stages of compiling one mask, and of simulating its kernel, each timed.
#pragma once

#include "bsgen/options.h"
#include "bsgen/problem.h"
#include "compiler/plan/kernel_plan.h"
#include "tools/bench/figures.h"

namespace bsgen::bench {

struct MaskBench {
  const Layout& layout;
  const Problem& problem;
  Arch arch;
  CompileOptions options;
  std::optional<plan::KernelPlan> plan;  // given instead of chosen
  std::string cuda_dir;
  std::int64_t tokens = 256;
  int runs = 7;
};
// Fails where compiling or running fails; a stage whose tool is missing is a figure that was not
// measured.
Expected<Suite> bench_mask(const MaskBench& request);

}  // namespace bsgen::bench
