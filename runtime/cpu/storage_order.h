// Blocks of fprop in the order in which memory holds W, for launches of so few tokens that reading W is what they spend their time on. Lists by
// block column jump from block to block: read so, memory gave 14 to 24 GB/s on a Zen 5 core, in the order of W 25 to 35.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/cpu/cpu_plan.h"

namespace bsgen::cpu {

struct StorageOrder {
  // Block columns [begin, end) of a head, one task: their sums wait side by side for their next block.
  struct Part {
    std::int64_t head = 0, begin = 0, end = 0;
  };
  std::vector<Part> parts;
  std::vector<std::int64_t> offsets;   // parts + 1, into entries
  std::vector<BlockEntry> entries;     // ascending in a part; and blocks_ahead() more of the last
  std::vector<std::int32_t> columns;   // of every entry its block column
  bool for_threads = false;            // there is a part for every thread, else one for every head
};

// For `threads` threads where a launch of one token is worth them (cpu_launch.h). Empty where the plan has no ordered_tokens() or the layout no blocks.
StorageOrder order_by_storage(const CpuPlan& plan, const Layout& layout, const BlockLists& lists, int threads);

}  // namespace bsgen::cpu
