#include "compiler/plan/candidates.h"

#include <algorithm>
#include <bit>

#include "compiler/plan/geometry.h"
#include "compiler/plan/resources.h"

namespace bsgen::plan {

void derive(KernelPlan& plan) {
  plan.num_threads = 32 * plan.tile.warps_m * plan.tile.warps_n;
  plan.shared_bytes = shared_bytes(plan);
}

namespace {

constexpr int kMaxAccumulators = 128;  // of 255 registers: fragments, addresses and the loop need the rest

bool fits(const KernelPlan& plan) {
  return accumulator_registers(plan) <= kMaxAccumulators && plan.shared_bytes <= plan.arch.max_shared_bytes() &&
         estimated_registers(plan) * plan.num_threads <= 65536;
}

int round_up_to_power(std::int64_t n) { return static_cast<int>(std::bit_ceil(static_cast<std::uint64_t>(std::max<std::int64_t>(1, n)))); }

// Contraction elements of one stage: 64 or 128 bytes of a row of features.
std::vector<int> stage_depths(const Geometry& g) { return g.bytes == 2 ? std::vector<int>{32, 64} : std::vector<int>{16, 32}; }
std::vector<int> stage_counts(const Arch& arch) { return arch.has_cp_async() ? std::vector<int>{2, 3, 4} : std::vector<int>{2}; }

void gather_tiles(const KernelPlan& base, std::vector<KernelPlan>& out) {
  const Geometry g = geometry(base);
  const int most_tokens = std::max(16, round_up_to_power(std::min<std::int64_t>(base.options.plan_tokens, 128)));
  const int most_panel = round_up_to_power(std::max<std::int64_t>(1, g.grid_n));
  for (int tokens : {16, 32, 64, 128}) {
    if (tokens > most_tokens) continue;
    for (int panel : {1, 2, 4, 8, 16}) {
      const int cols = panel * g.block_n;
      if (panel > most_panel || (panel > 1 && cols > 128)) continue;
      for (int warps_m : {1, 2, 4, 8}) {
        const int warp_rows = tokens / warps_m;
        if (warp_rows < 16 || warp_rows > 64) continue;
        for (int warps_n : {1, 2, 4}) {
          const int warps = warps_m * warps_n;
          // Four fragments of activations beside many output blocks are more than the registers hold.
          if (warp_rows > 32 && cols / warps_n > 2 * g.block_n) continue;
          if (warps > 8 || (warps < 4 && tokens * cols >= 16 * 32) || cols / warps_n < 8 || (warps_n > 1 && cols / warps_n < 16)) continue;
          for (int depth : stage_depths(g))
            for (int stages : stage_counts(base.arch)) {
              KernelPlan plan = base;
              const int slice = std::min(depth, std::max(g.block_k, g.bytes == 2 ? 16 : 8));
              plan.tile = {tokens, 0, panel, warps_m, warps_n, slice, g.block_k > slice ? 1 : depth / slice, stages};
              derive(plan);
              if (fits(plan)) out.push_back(std::move(plan));
            }
        }
      }
    }
  }
}

void update_tiles(const KernelPlan& base, std::vector<KernelPlan>& out) {
  const Geometry g = geometry(base);
  const int most_gather = std::max(round_up_to_power(g.grid_k), 16 / std::min(16, g.block_k));
  for (int gather : {1, 2, 4, 8, 16}) {
    const int rows = gather * g.block_k;
    if (rows < 16 || rows > 128 || gather > most_gather) continue;
    for (int panel : {1, 2, 4, 8}) {
      const int cols = panel * g.block_n;
      if (panel > round_up_to_power(g.grid_n) || (panel > 1 && cols > 128)) continue;
      for (int warps_m : {1, 2, 4})
        for (int warps_n : {1, 2, 4}) {
          const int warp_rows = rows / warps_m, warp_cols = cols / warps_n;
          if (warps_m * warps_n > 8 || (warps_m * warps_n < 4 && rows * cols >= 64 * 32)) continue;
          if (warp_rows < 16 || warp_rows > 64 || warp_cols < 8 || (warps_n > 1 && warp_cols < 16)) continue;
          const int warp_blocks = warp_cols >= g.block_n ? warp_cols / g.block_n : 1;
          if (warp_rows / 16 * warp_blocks > 32) continue;
          for (int depth : stage_depths(g))
            for (int stages : stage_counts(base.arch)) {
              KernelPlan plan = base;
              plan.tile = {0, gather, panel, warps_m, warps_n, depth, 1, stages};
              derive(plan);
              if (fits(plan)) out.push_back(std::move(plan));
            }
        }
    }
  }
}

}  // namespace

std::vector<KernelPlan> tile_candidates(const KernelPlan& base) {
  std::vector<KernelPlan> plans;
  if (base.problem.op == Op::kUpdate) update_tiles(base, plans);
  else gather_tiles(base, plans);
  return plans;
}

}  // namespace bsgen::plan
