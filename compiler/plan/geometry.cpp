#include "compiler/plan/geometry.h"

namespace bsgen::plan {

Geometry geometry(const KernelPlan& plan) {
  Geometry g;
  const bool transposed = plan.problem.op == Op::kBprop;
  g.block_k = transposed ? plan.block.cols : plan.block.rows;
  g.block_n = transposed ? plan.block.rows : plan.block.cols;
  g.grid_k = transposed ? plan.grid_cols : plan.grid_rows;
  g.grid_n = transposed ? plan.grid_rows : plan.grid_cols;
  g.extent_k = transposed ? plan.cols : plan.rows;
  g.extent_n = transposed ? plan.rows : plan.cols;
  g.bytes = size_bytes(plan.problem.dtype);
  g.out_bytes = size_bytes(plan.problem.output());
  return g;
}

int blocks_per_slice(const Geometry& g, const Tile& tile) { return g.block_k < tile.slice ? tile.slice / g.block_k : 1; }
int slices_per_block(const Geometry& g, const Tile& tile) { return g.block_k > tile.slice ? g.block_k / tile.slice : 1; }

int record_words(const KernelPlan& plan) {
  const bool update = plan.problem.op == Op::kUpdate;
  const int slots = plan.tile.panel * (update ? 1 : blocks_per_slice(geometry(plan), plan.tile));
  return (2 + slots + 3) / 4 * 4;
}

std::int64_t contraction_guard(const KernelPlan& plan) {
  const Geometry g = geometry(plan);
  // An aligned pair of 8-wide blocks may reach past the last block too.
  const std::int64_t unit = plan.problem.op == Op::kUpdate ? g.block_k : std::int64_t{g.block_k} * blocks_per_slice(g, plan.tile);
  return g.extent_k % unit ? g.extent_k : 0;
}

std::int64_t output_guard(const KernelPlan& plan) {
  const Geometry g = geometry(plan);
  return g.extent_n % (std::int64_t{g.block_n} * plan.tile.panel) ? g.extent_n : 0;
}

}  // namespace bsgen::plan
