#include "runtime/sim/exec/shared_footprint.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "runtime/sim/check/atomic_checks.h"
#include "runtime/sim/check/proxy_checks.h"

namespace bsgen::sim {
namespace {

constexpr std::uint32_t kGranule = SharedShadow::kGranule;

// A footprint that is being filled. The table finds a granule's entry again; neighbouring lanes mostly meet in one.
class Filling {
 public:
  explicit Filling(Footprint& into) : into_(into) { into_.count = 0; }

  void add(std::uint32_t granule, std::uint16_t bytes, std::uint32_t lanes) {
    int entry = into_.count - 1;
    if (entry < 0 || into_.granule[entry] != granule) entry = find(granule);
    if (entry < 0) {
      entry = into_.count++;
      std::uint8_t& place = places_[granule % 64];
      if (place == 0) place = static_cast<std::uint8_t>(entry + 1);
      into_.granule[entry] = granule;
      into_.bytes[entry] = 0;
      into_.lanes[entry] = 0;
    }
    into_.bytes[entry] |= bytes;
    into_.lanes[entry] |= lanes;
  }

 private:
  int find(std::uint32_t granule) const {
    const int place = places_[granule % 64];
    if (place == 0) return -1;
    if (into_.granule[place - 1] == granule) return place - 1;
    for (int i = place; i < into_.count; ++i)
      if (into_.granule[i] == granule) return i;
    return -1;
  }
  Footprint& into_;
  std::uint8_t places_[64] = {};  // 1 + the first entry whose granule has these low bits; 0 = none
};

// A granule lies in banks 4 (g % 8) .. + 3: as many wavefronts as the fullest bank has words.
std::uint32_t wavefronts(const Footprint& touched) {
  std::uint32_t used = 0;
  for (int i = 0; i < touched.count; ++i) used |= 1u << touched.granule[i] % 8;
  if (std::popcount(used) == touched.count) [[likely]] return touched.count != 0;
  std::uint8_t depth[32] = {};
  std::uint8_t worst = 0;
  for (int i = 0; i < touched.count; ++i)
    for (int word = 0; word < 4; ++word)
      if (touched.bytes[i] >> 4 * word & 15) worst = std::max(worst, ++depth[touched.granule[i] % 8 * 4 + static_cast<std::uint32_t>(word)]);
  return worst;
}

void add_lanes(Filling& filling, const LaneAddresses& offsets, std::uint32_t bytes, std::uint32_t mask, std::uint64_t base = 0) {
  const std::uint32_t pattern = (1u << bytes) - 1;
  for (std::uint32_t rest = mask; rest != 0; rest &= rest - 1) {
    const std::uint64_t offset = offsets.of[std::countr_zero(rest)] - base;
    filling.add(static_cast<std::uint32_t>(offset / kGranule), static_cast<std::uint16_t>(pattern << offset % kGranule), rest & (0 - rest));
  }
}

// All lanes, one behind the other: no conflicts, nothing shared.
bool in_lane_order(const LaneAddresses& offsets, std::uint32_t bytes, std::uint32_t mask) {
  if (mask != kFullMask || bytes < 4) return false;
  std::uint64_t unlike = 0;
  for (int lane = 0; lane < kLanes; ++lane) unlike |= offsets.of[lane] ^ (offsets.of[0] + static_cast<std::uint64_t>(lane) * bytes);
  return unlike == 0;
}

void fill_in_lane_order(std::uint64_t offset, std::uint32_t bytes, Footprint& touched) {
  touched.count = static_cast<int>(kLanes * bytes / kGranule);
  const std::uint32_t lanes = kGranule / bytes;
  for (int i = 0; i < touched.count; ++i) {
    touched.granule[i] = static_cast<std::uint32_t>(offset / kGranule) + static_cast<std::uint32_t>(i);
    touched.bytes[i] = 0xffff;
    touched.lanes[i] = ((1u << lanes) - 1) << static_cast<std::uint32_t>(i) * lanes;
  }
}

// Each lane a granule of its own, which rising ones mostly are: rows of a tile.
bool fill_rising_granules(const LaneAddresses& addresses, std::uint64_t base, Footprint& touched) {
  std::uint64_t falling = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    const std::uint64_t granule = (addresses.of[lane] - base) / kGranule;
    falling |= lane == 0 ? 0 : granule - touched.granule[lane - 1] - 1;  // the sign bit
    touched.granule[lane] = static_cast<std::uint32_t>(granule);
    touched.bytes[lane] = 0xffff;
    touched.lanes[lane] = 1u << lane;
  }
  touched.count = kLanes;
  return falling >> 63 == 0;
}

// Rows of 16 bytes of which no quarter of the warp meets a bank twice and which lie within 64 of each other, all different: a tile
// that is swizzled well.
bool is_swizzled_tile(const LaneAddresses& offsets, std::uint32_t bytes, std::uint32_t mask) {
  if (mask != kFullMask || bytes != kGranule) return false;
  std::uint32_t rows[kLanes], least = ~0u, banks[4] = {};
  for (int lane = 0; lane < kLanes; ++lane) {
    rows[lane] = static_cast<std::uint32_t>(offsets.of[lane]) / kGranule;
    least = std::min(least, rows[lane]);
  }
  std::uint64_t near = 0;
  std::uint32_t far = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    banks[lane / 8] |= 1u << rows[lane] % 8;
    near |= std::uint64_t{1} << (rows[lane] - least) % 64;
    far |= rows[lane] - least;
  }
  return (banks[0] & banks[1] & banks[2] & banks[3]) == 0xff && far < 64 && std::popcount(near) == kLanes;
}

}  // namespace

void make_footprint(const LaneAddresses& addresses, std::uint64_t base, std::uint32_t bytes, std::uint32_t mask, Footprint& touched) {
  const std::uint64_t first = addresses.of[0] - base;
  if (first % kGranule == 0 && in_lane_order(addresses, bytes, mask)) return fill_in_lane_order(first, bytes, touched);
  if (bytes == kGranule && mask == kFullMask && fill_rising_granules(addresses, base, touched)) return;
  Filling all(touched);
  add_lanes(all, addresses, bytes, mask, base);
}

void count_shared(Warp& warp, const Op& op, const LaneAddresses& offsets, std::uint32_t bytes, std::uint32_t mask) {
  if (in_lane_order(offsets, bytes, mask) || is_swizzled_tile(offsets, bytes, mask)) {
    counts_of(warp, op).shared_wavefronts += bytes / 4;
    counts_of(warp, op).shared_wavefronts_ideal += bytes / 4;
    return;
  }
  Footprint touched;
  count_shared(warp, op, offsets, bytes, mask, touched);
}

void count_shared(Warp& warp, const Op& op, const LaneAddresses& offsets, std::uint32_t bytes, std::uint32_t mask, Footprint& touched) {
  OpCounts& counts = counts_of(warp, op);
  if (offsets.of[0] % kGranule == 0 && in_lane_order(offsets, bytes, mask)) {
    counts.shared_wavefronts += bytes / 4;
    counts.shared_wavefronts_ideal += bytes / 4;
    return fill_in_lane_order(offsets.of[0], bytes, touched);
  }
  Filling all(touched);
  if (bytes <= 4) {
    add_lanes(all, offsets, bytes, mask);
    counts.shared_wavefronts += wavefronts(touched);
  } else {
    const int lanes = bytes == 8 ? 16 : 8;
    for (int first = 0; first < kLanes; first += lanes) {
      const std::uint32_t part = mask & ((1u << lanes) - 1) << first;
      Footprint group;
      Filling filling(group);
      add_lanes(filling, offsets, bytes, part);
      counts.shared_wavefronts += wavefronts(group);
      for (int i = 0; i < group.count; ++i) all.add(group.granule[i], group.bytes[i], group.lanes[i]);
    }
  }
  std::uint32_t distinct_bytes = 0;
  for (int i = 0; i < touched.count; ++i) distinct_bytes += touched.bytes[i] == 0xffff ? kGranule : static_cast<std::uint32_t>(std::popcount(touched.bytes[i]));
  counts.shared_wavefronts_ideal += (distinct_bytes + 127) / 128;
}

// Words that single lanes read and others overwrite.
static void check_word_order(Warp& warp, const Op& op, const LaneAddresses& offsets, std::uint32_t bytes, Access access, const Footprint& touched) {
  if (access == Access::kRead && bytes == kGranule) return;  // LaneOrder::read keeps these
  std::uint32_t lanes = 0;
  for (int i = 0; i < touched.count; ++i) lanes |= touched.lanes[i];
  for (; lanes != 0; lanes &= lanes - 1) {
    const int lane = std::countr_zero(lanes);
    const auto offset = static_cast<std::uint32_t>(offsets.of[lane]);
    if (access == Access::kRead) {
      warp.cta->lane_order.read_words(warp.lane_epoch, offset, bytes, lane);
    } else if (const int reader = warp.cta->lane_order.reader_of(warp.lane_epoch, offset, bytes, lane); reader >= 0) [[unlikely]] {
      return report_lane_conflict(warp, op, {lane, reader, false}, access, offset, bytes);
    }
  }
}

void check_shared_footprint(Warp& warp, const Op& op, const LaneAddresses& offsets, std::uint32_t bytes, Access access, const Footprint& touched) {
  Cta& cta = *warp.cta;
  if (!cta.launch->checks) return;
  SharedShadow& shadow = cta.shadow;
  std::uint32_t left = 0;
  const bool races = warp.strong_clock == 0;
  if (cta.cluster != nullptr && races) {
    for (int i = 0; i < touched.count; ++i) {
      const int lane = std::countr_zero(touched.lanes[i]);
      check_generic_granule(warp, op, access == Access::kRead ? ProxyShadow::Access::kRead : ProxyShadow::Access::kWrite, touched.granule[i], touched.bytes[i],
                            static_cast<std::uint32_t>(offsets.of[lane]), bytes, lane);
    }
  } else if (races) {
    left = access == Access::kRead ? shadow.read_granules(warp.index, touched.granule, touched.bytes, touched.count)
                                   : shadow.write_granules(warp.index, touched.granule, touched.bytes, touched.count);
  }
  for (int i = 0; i < touched.count && has_shared_atomics(warp); ++i) {
    const int lane = std::countr_zero(touched.lanes[i]);
    check_against_atomics(warp, op, access, cta.rank, static_cast<std::uint32_t>(offsets.of[lane]), bytes, lane);
  }
  warp.lanes_wrote |= access == Access::kWrite;
  if (races) check_word_order(warp, op, offsets, bytes, access, touched);
  for (int i = 0; i < touched.count && races; ++i) {
    const LaneOrder::Conflict conflict =
        access == Access::kRead ? cta.lane_order.read(warp.lane_epoch, touched.granule[i], touched.lanes[i], touched.bytes[i], bytes == kGranule)
                                : cta.lane_order.write(warp.lane_epoch, touched.granule[i], touched.lanes[i], touched.bytes[i]);
    if (conflict.lane >= 0) [[unlikely]]
      report_lane_conflict(warp, op, conflict, access, static_cast<std::uint32_t>(offsets.of[conflict.lane]), bytes);
  }
  std::uint32_t lanes = 0;
  for (; left != 0; left &= left - 1) lanes |= touched.lanes[std::countr_zero(left)];
  for (; lanes != 0; lanes &= lanes - 1) {
    const int lane = std::countr_zero(lanes);
    const auto offset = static_cast<std::uint32_t>(offsets.of[lane]);
    access == Access::kRead ? check_shared_read(warp, op, offset, bytes, lane) : check_shared_write(warp, op, offset, bytes, lane);
  }
  if (access == Access::kWrite) return;
  // A granule that holds values everywhere needs no look at which bytes are read.
  std::uint8_t* valid = cta.shared_valid.data();
  std::uint32_t unsure = 0;
  for (int i = 0; i < touched.count; ++i) {
    std::uint64_t words[2];
    std::memcpy(words, valid + std::size_t{touched.granule[i]} * kGranule, sizeof words);
    if ((words[0] & words[1]) != ~std::uint64_t{0}) unsure |= touched.lanes[i];
  }
  if (unsure != 0) check_valid(warp, op, {unsure, 0, nullptr, valid, nullptr}, offsets, bytes, "shared");
}

}  // namespace bsgen::sim
