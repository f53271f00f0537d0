// What each instruction of a kernel has done, kept per worker while it runs. Executions have an array of their own, one counter per
// op: that is all that most instructions touch. The launch's totals and its profile are made of these sums at the end.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace bsgen::sim {

// Everything but executions; handlers add to theirs through counts_of() in warp.h.
struct OpCounts {
  std::uint64_t idle_lanes = 0;            // of 32 per execution
  std::uint64_t skipped = 0;               // executions for no lane at all
  std::uint64_t waits = 0;                 // executions at which the warp had to stop for others
  std::uint64_t requested_bytes = 0;       // global memory: what the lanes asked for
  std::uint64_t global_read_bytes = 0;     // 32 x sectors
  std::uint64_t global_write_bytes = 0;
  std::uint64_t shared_wavefronts = 0;
  std::uint64_t shared_wavefronts_ideal = 0;

  void not_all_lanes(std::uint32_t mask) {
    idle_lanes += 32 - static_cast<std::uint64_t>(std::popcount(mask));
    skipped += mask == 0;
  }
};

struct LaunchCounts {
  explicit LaunchCounts(std::size_t num_ops) : executions(num_ops, 0), ops(num_ops) {}
  void add(const LaunchCounts& other);

  std::vector<std::uint64_t> executions;  // per op: times that a warp came to it
  std::vector<OpCounts> ops;
};

}  // namespace bsgen::sim
