// setmaxnreg: the registers of a cta, which its warpgroups give back and ask for (PTX ISA, "setmaxnreg").
//
// All warps of a warpgroup execute the same setmaxnreg, and synchronise before the next one. An increase waits until the cta's pool has
// enough. How many registers a launch starts with is ptxas' choice; assumed is the most it can choose for this many threads and under
// .maxnreg, so that what does not fit here fits nowhere.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/sim/exec/program.h"

namespace bsgen::sim {

class RegisterPool {
 public:
  // `limit`: .maxnreg, 0 = none.
  void reset(int num_ctas, int warps_per_cta, std::uint32_t threads, std::uint32_t limit);

  struct WarpState {
    int steps = 0;               // setmaxnreg instructions executed
    std::uint32_t registers = 0; // per thread, after the last one; before the first as launched
    std::uint32_t last_op = 0, last_clock = 0;
    bool waits = false;          // for registers
  };
  WarpState& of(const Warp& warp);
  // Of the warp's cta, in warps' worth of 32 threads.
  std::uint32_t in_use(const Warp& warp) const;
  std::uint32_t size() const { return launched_ * static_cast<std::uint32_t>(warps_per_cta_); }

 private:
  std::vector<WarpState> warps_;
  int warps_per_cta_ = 1;
  std::uint32_t launched_ = 0;  // registers per thread
};

// immediate = registers per thread, flags 1 = increase; OpKind::kWait.
void set_max_registers(Warp& warp, const Op& op);
// Where other warps of its warpgroup have executed one more.
void check_registers_at_exit(Warp& warp);

}  // namespace bsgen::sim
