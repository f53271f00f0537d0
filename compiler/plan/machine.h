// Rates of the machines that the cost model plans for. Predictions only: nothing measured comes from here.
#pragma once

#include <string_view>

#include "bsgen/dtype.h"

namespace bsgen::plan {

struct Machine {
  std::string_view name;
  int num_sms;
  double clock_ghz;
  double tensor_fma;        // 16-bit fused multiply-adds per clock and SM that mma.sync reaches; tf32 runs at half
  double fp32_fma;          // per clock and SM
  double shared_bytes_clk;  // per SM
  double l2_bytes_clk;      // L2 -> SM, per SM
  double memory_gbs;        // HBM or GDDR
  int max_threads_per_sm;
};

// The machine that an architecture stands for. Sources: NVIDIA's architecture white papers for SM counts, clocks and peak rates;
// L2 rates and the share of the peak that mma.sync reaches from sm_90 on are unconfirmed (docs/design/plan.md).
const Machine& machine(const Arch& arch);

}  // namespace bsgen::plan
