// LayoutProfile -> KernelPlan. Fixes the order of arithmetic, then compares tiles and tiers with the cost model and keeps every
// candidate with the reason why it lost.
#pragma once

#include "bsgen/layout.h"
#include "bsgen/options.h"
#include "bsgen/problem.h"
#include "bsgen/status.h"
#include "compiler/analysis/layout_profile.h"
#include "compiler/plan/kernel_plan.h"

namespace bsgen::plan {

Expected<KernelPlan> choose(const Layout& layout, const analysis::LayoutProfile& profile, const Problem& problem, const Arch& arch,
                            const CompileOptions& options);
// The same with the profile taken here.
Expected<KernelPlan> choose(const Layout& layout, const Problem& problem, const Arch& arch, const CompileOptions& options);

// A plan that somebody wrote or kept must belong to this layout, and its derived fields must follow from its choices.
Status check_against(const KernelPlan& plan, const Layout& layout);

}  // namespace bsgen::plan
