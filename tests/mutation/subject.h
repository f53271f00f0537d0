// A kernel whose mutants are run, with inputs that exercise it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "runtime/sim/sim_device.h"

namespace bsgen::mutation {

// What one launch left.
struct Observation {
  std::vector<std::byte> output;
  sim::LaunchReport report;
  std::string damage;  // something beyond the output was written
};

struct Subject {
  std::string family;  // "fprop", "wgmma"
  std::string name;    // "fprop-bf16-sm_80-table-32"
  std::string ptx;
  std::map<std::string, std::string> sources;  // CUDA text by the names in .file
  int num_inputs = 1;
  // Each input runs on each; the first is the one that counters are compared on.
  std::vector<sim::Schedule> schedules = {{sim::Timing::kEarly, 0}, {sim::Timing::kLate, 0}};
  bool spins = false;  // waits in loops: how many instructions it executes says nothing
  // Runs `ptx`, this kernel's own or a mutant, on fresh memory. An error: the text was refused, or could not be launched.
  std::function<Expected<Observation>(const std::string& ptx, int input, const sim::Schedule& schedule, std::uint64_t instruction_budget)> run;
  // Mistakes on the host's side, outside the text: box sizes, strides and swizzles of tensor maps.
  struct HostMutant {
    std::string op, what;
    std::function<Expected<Observation>(int input, const sim::Schedule& schedule, std::uint64_t instruction_budget)> run;
  };
  std::vector<HostMutant> host_mutants;
};

}  // namespace bsgen::mutation
