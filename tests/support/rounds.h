// Rounds: how often a test of full size repeats itself.
//
//   for (Rounds rounds(1000); rounds.next();) { CAPTURE(rounds.begun()); ... }
//
// As often as it says, or, where the variable STRESS_SECONDS is set, for as long as that.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdlib>

namespace bsgen::test {

class Rounds {
 public:
  explicit Rounds(int most) : most_(most) {
    if (const char* seconds = std::getenv("STRESS_SECONDS")) end_ = Clock::now() + std::chrono::seconds(std::max(1, std::atoi(seconds)));
  }
  bool next() {
    if (begun_ == most_ || (begun_ > 0 && Clock::now() >= end_)) return false;
    ++begun_;
    return true;
  }
  int begun() const { return begun_; }

 private:
  using Clock = std::chrono::steady_clock;
  const int most_;
  int begun_ = 0;
  Clock::time_point end_ = Clock::time_point::max();
};

}  // namespace bsgen::test
