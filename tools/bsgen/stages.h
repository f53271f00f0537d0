// A request taken through the pipeline stage by stage, for the verbs that show, stop or start in
// the middle of it.
#pragma once

#include <string>

#include "bsgen/engine.h"
#include "compiler/analysis/layout_profile.h"
#include "compiler/codegen/kernel_source.h"
#include "tools/bsgen/cli.h"

namespace bsgen::cli {

struct Planned {
  analysis::LayoutProfile profile;
  plan::KernelPlan plan;  // --plan's, else chosen
  double plan_ms = 0;     // profile and choice
};
Expected<Planned> make_plan(const PlanRequest& request);

struct Sourced {
  plan::Schedule schedule;
  codegen::KernelSource source;
  double codegen_ms = 0;
};
Expected<Sourced> make_source(const PlanRequest& request, const plan::KernelPlan& plan);

struct Imaged {
  Sourced sourced;
  KernelImage image;     // its cubin is empty where nvJitLink is missing
  CompileReport report;  // times of stages that the cache spared are 0
};
// From the cache unless `arguments` say --no-cache, else compiled; what the cache has to complain
// about goes to standard error.
Expected<Imaged> make_image(const PlanArguments& arguments, const PlanRequest& request,
                            const Planned& planned);

// What the library logs, filtered by BSGEN_LOG, on standard error.
Logger standard_error_logger();

}  // namespace bsgen::cli
