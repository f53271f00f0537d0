// Launches of one thread each, on operands of their own, all at once: what the host lets several threads have together. Two virtual cores may
// share a cache, a core or their neighbours' noise, so a split of one launch is to be judged by this too.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "bsgen/kernel.h"
#include "bsgen/layout.h"
#include "bsgen/problem.h"
#include "runtime/verify/execution.h"

namespace bsgen::bench {

class LaunchesApart {
 public:
  static Expected<LaunchesApart> make(const Layout& layout, const Problem& problem, const verify::Operands& operands, int count);
  // Seconds by the clock on the wall of one launch when all run at once, such that all their speeds together are count / all(); and when one is alone.
  // Each thread has launched for a while before.
  double all() const { return run(lanes_.size()); }
  double one() const { return run(1); }

 private:
  struct Lane {
    Kernel kernel;
    verify::StagedOperands operands;
  };
  double run(std::size_t lanes) const;
  std::vector<Lane> lanes_;
};

}  // namespace bsgen::bench
