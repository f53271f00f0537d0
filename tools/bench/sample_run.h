// One kernel made, run on the simulated device and judged: what several figures are taken from.
#pragma once

#include <cstdint>
#include <string>

#include "bsgen/compiler.h"
#include "runtime/sim/sim_device.h"
#include "runtime/verify/verify.h"

namespace bsgen::bench {

struct SampleRun {
  verify::Verdict verdict;
  sim::LaunchReport report;
  std::uint64_t useful_flops = 0;
  double wall_ms = 0, cpu_ms = 0;  // of the launch
  bool passed() const { return verdict.passed && !report.failed(); }
};

// `threads` as SimOptions: 0 = one per core. nonfinite: Inf and NaN in some elements of the
// activations.
Expected<SampleRun> run_sample(const Layout& layout, const Problem& problem,
                               const CompiledKernel& compiled, std::int64_t tokens, int threads = 0,
                               bool nonfinite = false);

}  // namespace bsgen::bench
