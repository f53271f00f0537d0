// One launch: ctas spread over threads, findings and counters brought together.
#pragma once

#include "runtime/sim/exec/warp.h"

namespace bsgen::sim {

// num_threads 0 = one per core. Results, counters and findings do not depend on it.
LaunchReport run_launch(const LaunchState& state, int num_threads, int max_diagnostics);

}  // namespace bsgen::sim
