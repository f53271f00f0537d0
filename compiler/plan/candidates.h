// Every tile worth comparing for one problem.
#pragma once

#include <vector>

#include "compiler/plan/kernel_plan.h"

namespace bsgen::plan {

// `base` carries problem, architecture, layout facts and arithmetic; the result differs in tile, threads and shared memory only.
// Tiles that cannot be launched (registers, shared memory) are left out.
std::vector<KernelPlan> tile_candidates(const KernelPlan& base);

// Fills num_threads and shared_bytes from the tile.
void derive(KernelPlan& plan);

}  // namespace bsgen::plan
