// KernelPlan -> KernelSource. Spells out what the plan says and chooses nothing.
#pragma once

#include "bsgen/layout.h"
#include "bsgen/options.h"
#include "bsgen/status.h"
#include "compiler/codegen/kernel_source.h"
#include "compiler/plan/kernel_plan.h"
#include "compiler/plan/schedule.h"

namespace bsgen::codegen {

// `schedule` is make_schedule(plan, layout); tiers constant and unrolled print it. options: the template folder.
Expected<KernelSource> generate(const plan::KernelPlan& plan, const plan::Schedule& schedule, const Layout& layout,
                                const CompileOptions& options);

}  // namespace bsgen::codegen
