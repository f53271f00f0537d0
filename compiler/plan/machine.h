// Rates and limits of the machines that the cost model plans for and `bsgen run` predicts for. Predictions only: nothing measured
// comes from here.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "bsgen/dtype.h"

namespace bsgen::plan {

// Which of a machine's rates no source of ours confirms.
enum Unconfirmed : std::uint8_t { kNothing = 0, kTensorRate = 1, kL2Rate = 2, kMemoryRate = 4, kClockRate = 8 };

struct Machine {
  std::string_view name;
  int arch;                 // number of the architecture, 80 for sm_80
  int num_sms;
  double clock_ghz;
  double tensor_fma;        // 16-bit fused multiply-adds per clock and SM that mma.sync reaches; tf32 runs at half
  double tensor_peak_fma;   // that the best instruction reaches (wgmma and tcgen05 where they exist)
  double fp32_fma;          // per clock and SM
  double shared_bytes_clk;  // per SM
  double l2_bytes_clk;      // L2 -> SM, per SM
  double memory_gbs;        // HBM or GDDR
  int max_threads_per_sm;
  int max_ctas_per_sm;
  std::uint8_t unconfirmed; // of Unconfirmed
};

// Every machine that --gpu can name; of each architecture the first is its default. Sources: NVIDIA's architecture white papers and
// data sheets for SM counts, clocks, peak rates and memory; the CUDA programming guide's compute capability table for the limits; the
// H200's memory rate is a copy measured once. What is marked unconfirmed is inferred: L2 rates everywhere, the share of the peak that
// mma.sync reaches from sm_90 on, and the rates of Orin and Thor; those of RTX 3090, RTX 4090 and H100 were written down without the sheet
// at hand (docs/design/plan.md).
std::span<const Machine> machines();

// The machine that an architecture stands for.
const Machine& machine(const Arch& arch);
// By name, upper or lower case, spaces optional ("rtxa6000"); nullptr where there is none.
const Machine* find_machine(std::string_view name);

}  // namespace bsgen::plan
