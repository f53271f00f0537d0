// What the checks cost, as a ratio that holds on any machine: launches with and without them take turns, and the median counts.
#pragma once

#include <time.h>

#include <algorithm>
#include <vector>

#include "runtime/sim/exec/tensor_core.h"
#include "tests/support/catch.h"
#include "tests/support/sanitizers.h"

namespace bsgen::sim::test {

inline double thread_ms() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

// Why this build or machine gives no figure; nullptr where it does.
inline const char* no_figure() {
  if (bsgen::test::kSanitized) return "a sanitizer's build is not what users run";
#ifndef NDEBUG
  return "an unoptimised build is not what users run";
#endif
  return best_isa() == Isa::kBaseline ? "without AVX2 the arithmetic hides the checks" : nullptr;
}

// Both give the time of one launch.
template <class With, class Without>
void check_cost(With with, Without without) {
  with(), without();
  std::vector<double> ratios;
  for (int round = 0; round < 15; ++round) {
    const double off = without(), on = with();
    ratios.push_back(on / off);
  }
  std::sort(ratios.begin(), ratios.end());
  CAPTURE(ratios);
  CHECK(ratios[ratios.size() / 2] <= 1.5);
}

}  // namespace bsgen::sim::test
