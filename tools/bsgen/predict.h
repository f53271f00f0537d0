// From counters to a prediction: what each resource of a GPU would need for a launch, which of them decides, and how far from the
// roofline that is. Nothing here is measured, and everything that is printed says so.
//
// Time of a resource = its counted amount / (its rate per SM x SMs that have work), stretched where ctas do not divide evenly among
// the SMs. Resources overlap perfectly and nothing has latency: a lower bound that a good kernel comes near.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bsgen/kernel.h"
#include "bsgen/problem.h"
#include "compiler/plan/machine.h"
#include "runtime/sim/sim_device.h"
#include "tools/bsgen/text.h"

namespace bsgen::cli {

// --gpu: the machine of this name; "" is the one that the architecture stands for. It must be able to run the architecture's code.
Expected<const plan::Machine*> machine_for(const std::string& verb, const std::string& name, const Arch& arch);

// How many ctas one SM holds at a time, and what stops it from holding more (CUDA occupancy calculator: registers are given to warps
// in units of 256, to an even four warps of each; shared memory in units of 128 bytes, 256 on sm_75, 1024 of them for the system from
// sm_80 on).
struct Occupancy {
  int registers = 0;                                                 // per thread, as assembled; 0 = unknown, then they limit nothing here
  std::uint32_t shared_bytes = 0, threads = 0;                       // per cta
  int by_registers = 0, by_shared = 0, by_threads = 0, by_ctas = 0;  // ctas per SM that each would allow
  int ctas = 0;                                                      // the least of them
  std::string limit;                                                 // "registers", "shared memory", "threads", "ctas"
  int warps = 0, max_warps = 0;
};
Occupancy occupancy(const Arch& arch, const plan::Machine& machine, int registers, std::uint32_t shared_bytes, std::uint32_t threads);

// What the prediction is made from.
struct Work {
  sim::Counters counters;
  std::uint64_t floor_bytes = 0, useful_flops = 0, ctas = 0;
  std::uint64_t floats = 0;  // warp instructions of the floating-point units
  std::uint64_t issued = 0;  // warp instructions without moves between registers, most of which the assembler removes
  DType dtype = DType::kBf16;
  bool warpgroup = false;  // wgmma: the tensor core can reach its peak
};

Work work_of(const sim::LaunchReport& report, std::uint64_t floor_bytes, std::uint64_t useful_flops, DType dtype, const std::string& ptx);

struct Prediction {
  struct Resource {
    std::string name;  // "tensor core", "fp32 units", "L2", "memory", "shared memory", "issue"
    double us = 0;
    bool confirmed = true;  // of the rate
  };
  std::string gpu;
  std::vector<Resource> resources;  // that the launch uses at all
  std::string bound;                // the slowest of them; empty where nothing was done
  double us = 0;                    // its time
  double stretch = 1;               // how much longer the busiest SM works than an even share
  double roofline_us = 0;           // useful products at the tensor core's peak, or the needed bytes at the memory's rate
  double fraction = 0;              // roofline_us / us
  bool clock_confirmed = true;
};
Prediction predict(const Work& work, const plan::Machine& machine);

// One line each, without a newline: the whole, and each resource's time.
std::string prediction_text(const Prediction& prediction);
std::string prediction_parts(const Prediction& prediction);
std::string occupancy_text(const Occupancy& occupancy);
Json prediction_json(const Prediction& prediction);
Json occupancy_json(const Occupancy& occupancy);

}  // namespace bsgen::cli
