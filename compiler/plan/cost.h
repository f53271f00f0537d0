// The cost model: what one plan would spend for `plan_tokens` tokens, resource by resource. Every figure is a prediction.
#pragma once

#include <cstdint>
#include <string>

#include "compiler/plan/kernel_plan.h"

namespace bsgen::plan {

// What the model needs to know of the mask for one panel width.
struct Reuse {
  std::int64_t blocks = 0;   // present blocks
  std::int64_t unions = 0;   // (panel, contraction group) pairs with at least one block: loads of an activation slice
  std::int64_t panels = 0;   // ctas per token tile (fprop, bprop), in all (update)
};

struct Cost {
  double us = 0;
  std::string bound;      // "tensor core", "shared memory", "L2", "memory", "latency"
  double shared_cycles = 0;  // of one SM, for shared memory: decides between plans of the same `us`
  int ctas_per_sm = 0;    // 0: does not fit
};

Cost predict(const KernelPlan& plan, const Reuse& reuse);

// Predicted compile time on one core, ms, beyond which the planner looks for a cheaper tier. Coefficients measured with NVRTC 13.0
// (docs/design/plan.md).
double predict_compile_ms(const KernelPlan& plan, std::int64_t schedule_words, std::int64_t unrolled_entries);

}  // namespace bsgen::plan
