// What watches one warp of a launch, instruction by instruction. The run loop exists twice: the one that nobody watches knows nothing
// of this.
#pragma once

#include "runtime/sim/exec/warp.h"

namespace bsgen::sim {

class Tracer {
 public:
  virtual ~Tracer() = default;
  // Whether this warp is watched; asked each time that a warp begins to run. Warps of several workers ask at once.
  virtual bool watches(const Warp& warp) const = 0;
  // The instruction at warp.pc is about to execute for the lanes of warp.mask, which may be none.
  virtual void before(Warp& warp) = 0;
  // The warp stops: it waits, has ended, or gives way to others. Its last instruction has executed.
  virtual void stopped(Warp& warp) = 0;
};

}  // namespace bsgen::sim
