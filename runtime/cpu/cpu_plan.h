// CpuPlan: every choice made for (layout, problem, machine). A plan never holds the mask: the lists of blocks are read at run
// time, so one plan and one object serve every layout of its shape.
//
//   machine -> CpuPlan -> LLVM IR -> object -> launch
//
// fprop and bprop compute one output block column (row) at a time from the list of its blocks, update one block at a time. The
// innermost kernel is the same for all of them: R rows x V vectors of sums in registers, R broadcast scalars times V vectors a step.
//
//                activations row                     activations col
//   fprop        rows tokens,  vectors over N        rows N,  vectors over tokens
//   bprop        rows tokens,  vectors over K        rows K,  vectors over tokens
//   update       rows K,       vectors over N        rows K,  vectors over N
//
// A step of the contraction is one element, widened to fp32; or, where the machine multiplies bf16 itself, two that lie side by side in 32
// bits. Panels hold steps, so they are half as large then.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "bsgen/layout.h"
#include "bsgen/problem.h"
#include "bsgen/status.h"

namespace bsgen::cpu {

// kAvx512Bf16 has what kAvx512 has, and multiplies pairs of bf16.
enum class Isa : std::uint8_t { kPortable, kAvx2, kAvx512, kAvx512Bf16 };
std::string_view name(Isa isa);  // "portable", "avx2", "avx512", "avx512-bf16"
Expected<Isa> parse_isa(std::string_view text);

// What code is made for, and what the planner knows of it.
struct Machine {
  std::string cpu;       // LLVM's name of it: "znver4", "x86-64-v3"
  std::string features;  // LLVM's spelling: "+avx2,+fma"; empty: those of `cpu`
  Isa isa = Isa::kPortable;
  std::int64_t l2_bytes = 1 << 20;
  bool operator==(const Machine&) const = default;
};

struct CpuPlan {
  // What was asked. The epilogue is spelled canonically.
  Problem problem;
  BlockShape block;
  std::int64_t heads = 1, rows = 0, cols = 0, num_blocks = 0;
  Machine machine;
  // What was chosen.
  int lanes = 4;                // fp32 sums of one vector
  int vectors = 1;              // V
  std::vector<int> tile_rows;   // R: the variants of the kernel, descending, ending in 1 where rows are tokens
  std::int64_t group_tokens = 0;  // fprop, bprop: tokens packed at once, into L2; update: tokens of one pass over the blocks
  std::int64_t pitch = 0;       // steps from one packed row to the next
  int segment_blocks = 0;       // rows are tokens: blocks of a list that every tile of a group takes before any takes the next ones; else 0
  bool pairs = false;           // a step is two bf16 (VDPBF16PS), else one fp32
  std::vector<std::string> reasons;

  bool rows_are_tokens() const { return problem.op != Op::kUpdate && problem.activations == Activations::kRow; }
  // Of fprop and bprop: elements of the contraction and of the output, and the block's edges along them.
  std::int64_t inner() const { return problem.op == Op::kBprop ? cols : rows; }
  std::int64_t outer() const { return problem.op == Op::kBprop ? rows : cols; }
  int inner_block() const { return problem.op == Op::kBprop ? block.cols : block.rows; }
  int outer_block() const { return problem.op == Op::kBprop ? block.rows : block.cols; }
  int width() const { return vectors * lanes; }  // columns of a tile
  std::int64_t steps(std::int64_t elements) const { return pairs ? (elements + 1) / 2 : elements; }
  // How many blocks of a list before its turn a block of W is asked for: some 4 kB ahead, which is what a core has under way to memory.
  int blocks_ahead() const;
  // The most tokens with which fprop takes blocks in the order of W (storage_order.h), 0 where it never does.
  std::int64_t ordered_tokens() const;
  // Elements of 32 bits of scratch: of each worker, the sums at its end among them, and of a launch.
  std::int64_t worker_scratch() const;
  std::int64_t sums_scratch() const;
  std::int64_t launch_scratch() const;
  // Whether a first pass over the operands fills the scratch of the launch: transposed values (bprop, row), panels (update).
  bool has_first_pass() const { return problem.op == Op::kUpdate || (problem.op == Op::kBprop && rows_are_tokens()); }

  Status verify() const;
  void dump(std::ostream& out) const;  // text form; what LLVM's side reads
  static Expected<CpuPlan> parse(std::string_view text);
  // The text form without what the code does not depend on: reasons and the number of blocks. Plans of equal code_key share an object.
  std::string code_key() const;
  bool operator==(const CpuPlan&) const = default;
};

CpuPlan choose(const Layout& layout, const Problem& problem, const Machine& machine);

// The lists that a launch reads. fprop: block columns, bprop: block rows; of all heads, one after another. update: blocks in BSR order.
struct BlockEntry {
  std::int32_t inner = 0;  // fprop: block row, bprop: block column; update: block row, those of all heads counted through
  std::int32_t value = 0;  // which block of W; update: block column
  bool operator==(const BlockEntry&) const = default;
};
struct BlockLists {
  std::vector<std::int64_t> offsets;  // lists + 1
  std::vector<BlockEntry> entries;    // and more of the last block, as many as kernels of fprop and bprop ask for behind the one at hand: padding_of()
};
std::size_t padding_of(const CpuPlan& plan);
BlockLists make_lists(const CpuPlan& plan, const Layout& layout);

}  // namespace bsgen::cpu
