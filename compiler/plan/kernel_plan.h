// KernelPlan: every choice made for (layout, problem, architecture, options), with reasons. The third value of the pipeline.
//
// The plan never holds the mask itself. What a cta does follows from the plan's tile and the layout; schedule.h derives it.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "bsgen/layout.h"
#include "bsgen/options.h"
#include "bsgen/problem.h"

namespace bsgen::plan {

// How the sums are taken: fixed by layout, problem, architecture and options before anything else is chosen, so that no
// tile, schedule or tier changes a bit.
struct Arithmetic {
  std::string instruction;   // "mma.m16n8k16.bf16", "fma.fp32"
  int k_step = 16;           // contraction elements of one tensor-core step (8-wide blocks: aligned pairs share a step)
  int promote_every = 0;     // contraction elements of an output's own list after which the tensor-core sum joins an fp32 sum; 0 = never
  bool operator==(const Arithmetic&) const = default;
};

// One cta's share and how it is staged. fprop/bprop: tokens x panel of output blocks, looping over slices of the contraction.
// update: `gather` block rows x `panel` block columns, looping over tokens.
struct Tile {
  int tokens = 128;          // fprop, bprop: tokens per cta (M of the tile)
  int gather = 0;            // update: block rows per cta, any of the columns' rows
  int panel = 1;             // adjacent output blocks (fprop, bprop) or block columns (update) per cta
  int warps_m = 4, warps_n = 1;
  int slice = 32;            // contraction elements of one slice (at most a block, at least k_step)
  int slices_per_stage = 1;
  int num_stages = 3;        // shared-memory buffers in flight; 2 without cp.async
  bool operator==(const Tile&) const = default;
};

struct Candidate {
  Tile tile;
  Tier tier = Tier::kTable;
  double predicted_us = 0;      // prediction of the cost model, never a measurement
  std::string bound;            // which resource it says is the limit
  int shared_bytes = 0;
  int estimated_registers = 0;
  double compile_ms = 0;        // predicted
  std::string verdict;          // "chosen", or why it lost
  bool operator==(const Candidate&) const = default;
};

struct KernelPlan {
  // What was asked.
  Problem problem;
  Arch arch;
  CompileOptions options;
  // What the layout is, as far as the code knows it.
  std::int64_t heads = 1, grid_rows = 0, grid_cols = 0, rows = 0, cols = 0, num_blocks = 0;
  BlockShape block;
  Hash128 layout_hash;
  // What was chosen.
  Arithmetic arithmetic;
  Tile tile;
  Tier tier = Tier::kTable;
  std::string structure;        // tier structural: the recognised form, "band offsets -1..1"
  std::string layout_class;     // tier table: everything the code knows of the layout
  int num_threads = 128;
  int shared_bytes = 0;         // dynamic shared memory per cta
  std::int64_t num_panels = 0;  // ctas per token tile (fprop, bprop) or in all (update)
  std::vector<std::string> reasons;
  std::vector<Candidate> candidates;  // every one that was considered, the chosen one too

  // The hash that names the code: the class hash in tier table, else the layout's.
  Hash128 code_hash() const;
  std::string entry() const;    // "bsgen_fprop_bf16_9f2c41"

  Status verify() const;
  void dump(std::ostream& out) const;                            // text form
  static Expected<KernelPlan> parse(std::string_view text);      // reads it back; candidates are not part of it
  bool operator==(const KernelPlan&) const = default;
};

// A plan in which nothing is chosen yet: what was asked, and what the layout is.
KernelPlan unchosen(const Layout& layout, const Problem& problem);

// Launch shape for M tokens; an error where they are too many to count. x: panels, which come first because ctas of one token tile
// share activations; y, z: token tiles, of which a layer has at most 65535. The last tiles of several layers may lie past M: they
// compute nothing that is stored. A side of 0: nothing to launch.
struct Grid {
  std::uint32_t x = 0, y = 0, z = 0;
  bool empty() const { return x == 0 || y == 0 || z == 0; }
};
Expected<Grid> grid(const KernelPlan& plan, std::int64_t tokens);

}  // namespace bsgen::plan
