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
  // Runs `ptx`, this kernel's own or a mutant, on fresh memory. An error: the text was refused, or could not be launched.
  std::function<Expected<Observation>(const std::string& ptx, int input, sim::Timing timing, std::uint64_t instruction_budget)> run;
  // Mistakes on the host's side, outside the text: box sizes, strides and swizzles of tensor maps.
  struct HostMutant {
    std::string op, what;
    std::function<Expected<Observation>(int input, sim::Timing timing, std::uint64_t instruction_budget)> run;
  };
  std::vector<HostMutant> host_mutants;
};

}  // namespace bsgen::mutation
