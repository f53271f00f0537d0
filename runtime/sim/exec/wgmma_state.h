// What a warp and its warpgroup remember between wgmma instructions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bsgen::sim {

struct Warp;
struct Op;

struct WarpWgmma {
  std::uint64_t steps = 0;               // wgmma instructions executed: the four warps of a warpgroup execute the same ones
  std::vector<std::uint8_t> touched;     // by tracked register: accessed since the last wgmma.fence; empty before the first question

  void start() { steps = 0, touched.clear(); }
};

// What the first warp of a warpgroup did at each step, until all four have done it.
struct WarpgroupSteps {
  struct Step {
    std::uint32_t op = 0;
    std::uint64_t a = 0, b = 0;
    bool accumulate = false;
    std::uint8_t warps = 0;
  };
  std::vector<Step> steps;
  std::uint64_t first = 0;  // number of steps[0]

  void start() { steps.clear(), first = 0; }
};

// Registers that wgmma instructions of a program use, numbered. The decoder marks ordinary instructions that could touch one while a
// wgmma is in flight, or between the last wgmma.fence and a wgmma; whether it happens is seen at execution.
struct WgmmaTable {
  struct Use {
    std::vector<std::uint16_t> accumulators, inputs;  // of one mma_async; Op::target is its index
    std::uint32_t line = 0;                           // of the PTX text
    int shape = 0;                                    // equal for equal shapes and types
  };
  struct Watched {
    std::uint32_t op;
    void (*handler)(Warp& warp, const Op& op);        // what it does
    std::vector<std::uint16_t> registers;
  };
  std::vector<Use> uses;
  std::vector<Watched> watched;        // in order of op
  std::vector<std::string> names;      // of the registers
  bool checked = false;                // something could be wrong
};

}  // namespace bsgen::sim
