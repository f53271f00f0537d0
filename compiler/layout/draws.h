// The random numbers of generators: one Philox4x32-10 stream per (seed, generator), in integer arithmetic only, so that a
// seed gives the same layout everywhere. docs/reference/masks.md fixes every draw; changing one changes golden hashes.
#pragma once

#include <cstdint>

#include "compiler/support/philox.h"

namespace bsgen::layout {

class Draws {
 public:
  // `stream` is the generator's number: its streams differ from every other's under one seed.
  Draws(std::uint64_t seed, std::uint32_t stream) : seed_(seed), stream_(stream) {}

  // Word n of the stream is word n mod 4 of block {n / 4 low, n / 4 high, stream, 0} under key `seed`.
  std::uint32_t next32() {
    if (used_ == 4) {
      block_ = philox4x32({static_cast<std::uint32_t>(counter_),
                           static_cast<std::uint32_t>(counter_ >> 32), stream_, 0},
                          seed_);
      ++counter_;
      used_ = 0;
    }
    return block_[used_++];
  }
  // Two words, the low half first.
  std::uint64_t next64() {
    const std::uint64_t low = next32();
    return low | std::uint64_t{next32()} << 32;
  }
  // Uniform in [0, n), n >= 1: w mod n for the first 64-bit draw w below the largest multiple of n that 2^64 - 1 reaches.
  std::int64_t below(std::int64_t n) {
    const std::uint64_t bound = static_cast<std::uint64_t>(n);
    const std::uint64_t limit = ~std::uint64_t{0} / bound * bound;
    std::uint64_t word = next64();
    while (word >= limit) word = next64();
    return static_cast<std::int64_t>(word % bound);
  }
  // True with probability threshold / 2^32.
  bool chance(std::uint64_t threshold) { return next32() < threshold; }

 private:
  std::uint64_t seed_;
  std::uint32_t stream_;
  std::uint64_t counter_ = 0;
  PhiloxBlock block_{};
  int used_ = 4;
};

}  // namespace bsgen::layout
