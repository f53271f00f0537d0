// Trial: one kernel run on one set of operands and judged; what `bsgen run` and the conformance suite do alike.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bsgen/kernel.h"
#include "runtime/sim/sim_device.h"
#include "runtime/verify/verify.h"

namespace bsgen::verify {

// What the simulated device found, and the schedule under which it first did.
struct Finding : sim::Diagnostic {
  std::string schedule;  // "early"
};

struct Trial {
  HostTensor result;                   // as the device left it
  Verdict verdict;
  std::vector<std::string> failures;   // empty: passed
  double seconds = 0;                  // from launch to the output read back, all launches together
  std::vector<Finding> diagnostics;    // on sim, of all schedules; one finding is listed once
  sim::LaunchReport report;            // on sim, of the first launch
  sim::Counters counters;              // of that one
};

struct TrialOptions {
  bool strict = false;                                  // warnings of the simulated device fail too
  std::vector<sim::Schedule> schedules = {{sim::Timing::kEarly, 0}, {sim::Timing::kLate, 0}};  // on sim, one launch each; at least one
  std::optional<sim::TraceRequest> trace = {};          // on sim, of the first launch
  std::function<void(std::string_view)> progress = {};  // told what begins
};

// On sim the kernel runs once per schedule, and all outputs must be the same bits. A launch that the simulated device finds fault with
// is a failure of the trial; an error is what kept it from being made.
Expected<Trial> run_trial(const Kernel& kernel, const Layout& layout, const Problem& problem, const Operands& operands,
                          const TrialOptions& options = {});

}  // namespace bsgen::verify
