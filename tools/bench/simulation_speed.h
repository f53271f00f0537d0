// The speed of one operation and type on the simulated device, a figure of two suites.
#pragma once

#include <string>

#include "bsgen/problem.h"
#include "tools/bench/figures.h"

namespace bsgen::bench {

// Useful GFLOP/s on one core on the sm_80 model with all checks; `least` is what `asked`, if anything, says in words.
Figure operation_speed(Op op, DType dtype, int runs, const std::string& asked, double least, const SuiteOptions& options);

}  // namespace bsgen::bench
