#include "compiler/plan/cost.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "compiler/plan/geometry.h"
#include "compiler/plan/machine.h"
#include "compiler/plan/resources.h"

namespace bsgen::plan {

namespace {

int ctas_per_sm(const KernelPlan& plan, const Machine& m) {
  const int by_registers = 65536 / std::max(1, estimated_registers(plan) * plan.num_threads);
  const int by_shared = plan.arch.max_shared_bytes_per_sm() / (plan.shared_bytes + 1024);
  return std::min({by_registers, by_shared, m.max_threads_per_sm / plan.num_threads, 32});
}

}  // namespace

Cost predict(const KernelPlan& plan, const Reuse& reuse) {
  const Machine& m = machine(plan.arch);
  const Geometry g = geometry(plan);
  const Tile& t = plan.tile;
  const bool update = plan.problem.op == Op::kUpdate;
  const double tokens = static_cast<double>(std::max<std::int64_t>(1, plan.options.plan_tokens));
  const double blocks = static_cast<double>(reuse.blocks), unions = static_cast<double>(reuse.unions);
  const double block = double(g.block_k) * g.block_n;
  const int group = g.block_k * (update ? 1 : blocks_per_slice(g, t));
  const double rate = plan.problem.dtype == DType::kFp32 ? m.fp32_fma : plan.problem.dtype == DType::kTf32 ? m.tensor_fma / 2 : m.tensor_fma;

  Cost cost;
  cost.ctas_per_sm = ctas_per_sm(plan, m);
  if (cost.ctas_per_sm == 0 || plan.shared_bytes > plan.arch.max_shared_bytes()) return {0, "does not fit", 0};

  // Everything below is cycles of one SM, were the work spread evenly over all.
  double ctas, stages, fma, l2, shared;
  const double warp_rows = (update ? double(t.gather) * g.block_k : t.tokens) / t.warps_m;
  const double warp_cols = double(t.panel) * g.block_n / t.warps_n;
  const double panel_share = reuse.panels && unions > 0 ? std::min(1.0, blocks / (unions * t.panel * std::max(1, group / g.block_k))) : 1;
  if (!update) {
    const double tiles = std::ceil(tokens / t.tokens), padded = tiles * t.tokens;
    ctas = tiles * static_cast<double>(reuse.panels);
    stages = tiles * std::max(unions * slices_per_block(g, t) / t.slices_per_stage, static_cast<double>(reuse.panels));
    fma = padded * blocks * block;
    l2 = (padded * unions * group + tiles * blocks * block) * g.bytes + tokens * g.extent_n * g.out_bytes;
    // Activations are read by every warp that has a block of the slice, or a part of one.
    const double readers = std::min<double>(t.warps_n, blocks / std::max(1.0, unions) * std::max(1, t.warps_n / t.panel));
    shared = (padded * unions * group * (1 + readers) +
              tiles * blocks * block * (1 + t.warps_m)) * g.bytes;
    if (plan.problem.dtype == DType::kFp32)  // 32-bit loads: two wavefronts a contraction step for 16 rows and for 8 columns
      shared = 128 * (padded / warp_rows) * (unions * group * (warp_rows / 8) + blocks * g.block_k * (g.block_n / 4.0)) * 1.0;
  } else {
    const double rounded = std::ceil(tokens / t.slice) * t.slice;
    ctas = static_cast<double>(reuse.panels);
    stages = ctas * std::ceil(tokens / t.slice);
    const double tile = double(t.gather) * g.block_k * t.panel * g.block_n;
    fma = rounded * blocks * block * (g.block_k < 16 ? 1.15 : 1.0);
    l2 = rounded * (ctas * (double(t.gather) * g.block_k * std::min(1.0, unions / std::max(1.0, ctas * t.gather)) + t.panel * g.block_n)) * g.bytes +
         blocks * block * g.out_bytes;
    shared = rounded * ctas * ((1 + t.warps_n) * double(t.gather) * g.block_k + (1 + t.warps_m) * double(t.panel) * g.block_n) * g.bytes;
    if (plan.problem.dtype == DType::kFp32) shared = 128 * rounded * ctas * (tile / (warp_rows * warp_cols)) * (warp_rows / 8 + warp_cols / 4);
  }
  if (t.warps_n > 1) fma *= 1 + (1 - panel_share) * (t.warps_n - 1) * 0.7;  // warps without a block wait for those that have one
  if (!update && g.block_k == 8 && g.bytes == 2) fma *= 1.5;               // single halves of a k16 step run as k8

  const double sms = m.num_sms;
  // What kernels reach of each rate at best: assumed, docs/design/plan.md.
  constexpr double kOfTensor = 0.93, kOfL2 = 0.85, kOfMemory = 0.92;
  const double cycles_fma = fma / rate / kOfTensor / sms, cycles_l2 = l2 / m.l2_bytes_clk / kOfL2 / sms, cycles_shared = shared / m.shared_bytes_clk / sms;
  const double cycles_memory =
      ((update ? tokens * g.extent_n : 0.0) * g.bytes + tokens * g.extent_k * g.bytes + blocks * block * g.bytes + (update ? 0.0 : tokens * g.extent_n * g.out_bytes)) /
      (m.memory_gbs * kOfMemory / m.clock_ghz);
  // A stage costs its barrier and the latency that the other warps of the SM cannot hide; a cta its prologue and epilogue.
  const double warps_per_sm = double(cost.ctas_per_sm) * plan.num_threads / 32;
  const double latency = (stages * 160 + ctas * 2200) / sms / cost.ctas_per_sm * (plan.arch.has_cp_async() ? 1 : 2.5) * (t.num_stages == 2 ? 1.6 : t.num_stages == 3 ? 1.1 : 1.0);

  const std::array<std::pair<double, const char*>, 4> parts{{{cycles_fma, plan.problem.dtype == DType::kFp32 ? "fp32 units" : "tensor core"},
                                                             {cycles_shared, "shared memory"}, {cycles_l2, "L2"}, {cycles_memory, "memory"}}};
  const auto worst = *std::max_element(parts.begin(), parts.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  // The last wave is as long as a full one; few warps hide less latency.
  const double slots = sms * cost.ctas_per_sm;
  const double waves = std::max(1.0, ctas / slots);
  const double quantised = waves < 8 ? std::ceil(waves - 1e-9) / waves : 1.0;
  const double idle = ctas < sms ? sms / std::max(1.0, ctas) : 1.0;
  const double hiding = warps_per_sm < 8 ? 1.25 : warps_per_sm < 12 ? 1.08 : 1.0;
  const double cycles = (worst.first * hiding + latency) * (ctas < sms ? idle : quantised);
  cost.us = cycles / (m.clock_ghz * 1e3) + 3;
  cost.bound = latency > worst.first ? "latency" : worst.second;
  cost.shared_cycles = cycles_shared;
  return cost;
}

double predict_compile_ms(const KernelPlan& plan, std::int64_t schedule_words, std::int64_t unrolled_entries) {
  const double tile = 45 + 0.25 * accumulator_registers(plan);
  switch (plan.tier) {
    case Tier::kConstant: return tile + 0.002 * static_cast<double>(schedule_words);
    case Tier::kUnrolled: return tile + 6.0 * static_cast<double>(unrolled_entries);
    default: return tile;
  }
}

}  // namespace bsgen::plan
