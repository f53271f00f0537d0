// What a run came to, and its three forms: text, JSON and a folder of .npy files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/verify/trial.h"
#include "tools/bsgen/cli.h"
#include "tools/bsgen/predict.h"
#include "tools/bsgen/profile.h"
#include "tools/bsgen/quotes.h"
#include "tools/bsgen/text.h"
#include "tools/bsgen/trace_text.h"

namespace bsgen::cli {

struct RunOutcome {
  DeviceInfo device;
  std::int64_t tokens = 0;
  std::string plan = {};  // on cpu
  verify::Trial trial;
  std::string digest;
  std::uint64_t floor_bytes = 0, useful_flops = 0;
  const Quotes* quotes = nullptr;
  // On sim.
  std::vector<std::string> schedules = {};
  Occupancy occupancy = {};
  Prediction prediction = {};
  std::optional<TraceArguments> trace = {};  // --trace was given
  std::optional<Profile> profile = {};       // --profile was given
  bool passed() const { return trial.failures.empty(); }
};

std::string run_text(const PlanRequest& request, const plan::KernelPlan& plan, const RunOutcome& outcome);
Json run_json(const PlanRequest& request, const plan::KernelPlan& plan, const RunOutcome& outcome);  // DESIGN section 8
// x.npy, w.npy, y.npy, layout.npy, epilogue_NAME.npy, and README.txt that says which is which.
Status save_run(const std::string& folder, const PlanRequest& request, const verify::Operands& operands, const RunOutcome& outcome);

}  // namespace bsgen::cli
