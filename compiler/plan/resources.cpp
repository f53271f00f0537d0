#include "compiler/plan/resources.h"

#include <algorithm>
#include <bit>

#include "compiler/plan/geometry.h"

namespace bsgen::plan {

namespace {

struct WarpTile {
  int rows, cols;
};

WarpTile warp_tile(const KernelPlan& plan) {
  const Geometry g = geometry(plan);
  const int rows = plan.problem.op == Op::kUpdate ? plan.tile.gather * g.block_k : plan.tile.tokens;
  return {rows / plan.tile.warps_m, plan.tile.panel * g.block_n / plan.tile.warps_n};
}

}  // namespace

int shared_bytes(const KernelPlan& plan) {
  const Geometry g = geometry(plan);
  const Tile& t = plan.tile;
  const WarpTile warp = warp_tile(plan);
  const int staging = t.warps_m * t.warps_n * warp.rows * std::min(warp.cols, 32) * 4;
  if (plan.problem.op == Op::kUpdate) {
    const int stage = (t.gather * g.block_k + t.panel * g.block_n) * t.slice * g.bytes;
    const int entries = (t.gather * (2 + t.panel) * 4 + 15) / 16 * 16;
    return std::max(t.num_stages * stage, staging) + entries;
  }
  const int stage = t.slices_per_stage * (t.tokens + t.panel * g.block_n) * t.slice * g.bytes;
  const int slots = plan.tier == Tier::kTable ? static_cast<int>(std::bit_ceil(2u * static_cast<unsigned>(t.num_stages))) : 0;
  return std::max(t.num_stages * stage + slots * t.slices_per_stage * record_words(plan) * 4, staging);
}

int accumulator_registers(const KernelPlan& plan) {
  const WarpTile warp = warp_tile(plan);
  return warp.rows * warp.cols / 32 * (plan.arithmetic.promote_every ? 2 : 1);
}

int estimated_registers(const KernelPlan& plan) {
  const WarpTile warp = warp_tile(plan);
  const int fragments = warp.rows / 16 * (plan.problem.dtype == DType::kFp32 ? 8 : 4) + 4;
  // Addresses and the loop: what ptxas 13.0 took beside accumulators and fragments over all tiles, rounded up.
  const int rest = plan.problem.dtype == DType::kFp16 || plan.problem.dtype == DType::kBf16 ? 40 : 56;
  return std::min(255, accumulator_registers(plan) + fragments + rest);
}

}  // namespace bsgen::plan
