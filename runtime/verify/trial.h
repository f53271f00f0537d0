// Trial: one kernel run on one set of operands and judged; what `bsgen run` and the conformance suite do alike.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "bsgen/kernel.h"
#include "runtime/sim/sim_device.h"
#include "runtime/verify/verify.h"

namespace bsgen::verify {

struct Trial {
  HostTensor result;                   // as the device left it
  Verdict verdict;
  std::vector<std::string> failures;   // empty: passed
  double seconds = 0;                  // from launch to the output read back, all launches together
  std::vector<sim::Diagnostic> diagnostics;  // on sim, of both timings
  sim::Counters counters;                    // on sim, of the first launch
};

struct TrialOptions {
  bool strict = false;                                  // warnings of the simulated device fail too
  std::function<void(std::string_view)> progress = {};  // told what begins
};

// On sim the kernel runs twice, asynchronous work as early and as late as is legal, and both outputs must be the same bits. A launch
// that the simulated device finds fault with is a failure of the trial; an error is what kept it from being made.
Expected<Trial> run_trial(const Kernel& kernel, const Layout& layout, const Problem& problem, const Operands& operands,
                          const TrialOptions& options = {});

}  // namespace bsgen::verify
