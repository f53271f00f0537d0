// The sparse operand as an operation sees it: which side of a block is contracted, which is the output.
#pragma once

#include <cstdint>

#include "bsgen/layout.h"
#include "bsgen/problem.h"
#include "compiler/plan/kernel_plan.h"

namespace bsgen::plan {

// fprop contracts block rows, bprop block columns. update contracts tokens: its "k" is the block row index of the output.
struct Geometry {
  int block_k = 0, block_n = 0;                 // elements
  std::int64_t grid_k = 0, grid_n = 0;          // blocks, of one head
  std::int64_t extent_k = 0, extent_n = 0;      // elements of the matrix
  int bytes = 2;                                // of an operand element
  int out_bytes = 2;
};
Geometry geometry(const KernelPlan& plan);

// Contraction blocks that share one slice: 2 where 8-wide blocks of 16-bit elements are taken as aligned pairs.
int blocks_per_slice(const Geometry& g, const Tile& tile);
int slices_per_block(const Geometry& g, const Tile& tile);
// Words of one schedule record {group, mask, values...}, whole 16-byte units.
int record_words(const KernelPlan& plan);

// Elements from which the contraction / the outputs must be guarded; 0 where the tiles end with the matrix.
std::int64_t contraction_guard(const KernelPlan& plan);
std::int64_t output_guard(const KernelPlan& plan);

}  // namespace bsgen::plan
