// `bsgen run --profile`: what each instruction spent, as the simulated device counted it, gathered by class, by CUDA line and by PTX line.
//
// Lines stand hottest first. Heat is the time that the line's scarcest resource would need on the machine (issue slots, shared-memory
// wavefronts, L2 bytes, tensor core), so the order is a prediction; the counts are not.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "compiler/plan/machine.h"
#include "runtime/sim/sim_device.h"
#include "tools/bsgen/quotes.h"
#include "tools/bsgen/text.h"

namespace bsgen::cli {

struct ProfileRow {
  sim::InstructionProfile sum;  // of one instruction, or of all that came from one CUDA line
  Quotes::Place place;          // the CUDA line that tells most
  double heat = 0;              // clocks of one SM
};

// What all instructions of a launch spent together, and how many warp instructions of each class there were, most first.
struct Totals {
  sim::InstructionProfile sum;
  std::vector<std::pair<sim::InstructionClass, std::uint64_t>> classes;
};
Totals totals_of(const sim::LaunchReport& report);
Json totals_json(const Totals& totals);  // what sim::Counters does not hold

struct Profile {
  std::vector<ProfileRow> instructions, cuda_lines;  // hottest first; ties in order of the text; what never ran is left out
  double heat = 0;                                   // of all instructions
  Totals totals;
};
Profile make_profile(const sim::LaunchReport& report, const Quotes& quotes, const plan::Machine& machine, bool tf32);

std::string profile_text(const Profile& profile, const Quotes& quotes);
Json profile_json(const Profile& profile);

}  // namespace bsgen::cli
