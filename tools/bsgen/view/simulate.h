// One run on the simulated device, for the counters that the page shows.
#pragma once

#include "tools/bsgen/view/page.h"

namespace bsgen::cli {

Expected<PageRun> simulate(const PlanRequest& request, const plan::KernelPlan& plan,
                           const plan::Schedule& schedule, const KernelImage& image,
                           std::int64_t tokens, std::uint64_t seed, const plan::Machine& machine);

}  // namespace bsgen::cli
