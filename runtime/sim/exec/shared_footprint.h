// What one access of a warp touches: granules of 16 bytes, each once, with the bytes and lanes that meet in it. Banks,
// races and missing values are looked at per granule instead of per lane, which is four times less for words and more for broadcasts.
#pragma once

#include <cstdint>

#include "runtime/sim/exec/access.h"

namespace bsgen::sim {

struct Footprint {
  int count = 0;
  std::uint32_t granule[kLanes];  // offset / 16
  std::uint16_t bytes[kLanes];    // of the granule, as a mask
  std::uint32_t lanes[kLanes];
};

// What lanes touch that access `bytes` each, at most 16 and aligned, at addresses from `base` on; of any memory.
void make_footprint(const LaneAddresses& addresses, std::uint64_t base, std::uint32_t bytes, std::uint32_t mask, Footprint& touched);

// Of aligned accesses of up to 16 bytes each, offsets from the window's start; and counts their wavefronts, as DESIGN section 8 has
// them: a warp at a time for up to 4 bytes, half a warp for 8, a quarter for 16.
void count_shared(Warp& warp, const Op& op, const LaneAddresses& offsets, std::uint32_t bytes, std::uint32_t mask);
void count_shared(Warp& warp, const Op& op, const LaneAddresses& offsets, std::uint32_t bytes, std::uint32_t mask, Footprint& touched);

// Races, and for reads missing values, of the whole access; reported per lane.
void check_shared_footprint(Warp& warp, const Op& op, const LaneAddresses& offsets, std::uint32_t bytes, Access access, const Footprint& touched);

}  // namespace bsgen::sim
