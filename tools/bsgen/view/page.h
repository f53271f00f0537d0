// The page of `bsgen view`: one HTML text that needs nothing else. Its parts (page.html, page.css,
// *.js) are files beside this one, embedded at build time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "bsgen/engine.h"
#include "compiler/plan/schedule.h"
#include "runtime/sim/sim_device.h"
#include "runtime/verify/verify.h"
#include "tools/bsgen/cli.h"
#include "tools/bsgen/predict.h"
#include "tools/bsgen/text.h"

namespace bsgen::cli {

// What one run on a device found; see `bsgen run`.
struct PageRun {
  std::int64_t tokens = 0;
  std::string device;
  verify::Verdict verdict;
  sim::LaunchReport report;
  std::uint64_t floor_bytes = 0, useful_flops = 0;
  Occupancy occupancy = {};
  Prediction prediction = {};
  bool passed() const { return verdict.passed && !report.failed(); }
};

struct PageInput {
  std::string name;  // of the mask, as given; hostile text is fine
  const PlanRequest& request;
  const plan::KernelPlan& plan;
  const plan::Schedule& schedule;
  const codegen::KernelSource& source;
  const KernelImage* image = nullptr;  // nullptr: not compiled, `image_note` says why
  std::string image_note{};
  CompileReport report{};
  std::optional<PageRun> run{};
};

// At most 5 MB for 600,000 blocks; what would burst that is cut and marked as cut.
std::string make_page(const PageInput& input);

// The data the page draws, for tests.
Json page_model(const PageInput& input);

// Text that may stand inside <script> and inside an element.
std::string escape_script_json(std::string json);
std::string escape_html(std::string_view text);

}  // namespace bsgen::cli
