#include "runtime/sim/exec/access.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/sim/check/atomic_checks.h"
#include "runtime/sim/check/proxy_checks.h"
#include "runtime/sim/exec/memory_ops.h"

namespace bsgen::sim {
namespace {

bool all_valid(const std::uint8_t* valid, std::uint32_t bytes) {
  std::uint64_t word = ~std::uint64_t{0}, tail = word;
  if (bytes >= 8) {
    for (std::uint32_t i = 0; i < bytes; i += 8) {
      std::memcpy(&tail, valid + i, 8);
      word &= tail;
    }
    return word == ~std::uint64_t{0};
  }
  std::memcpy(&word, valid, bytes);
  return word == ~std::uint64_t{0};
}

// Where the piece lies. What is written is marked in any case: a later launch may look.
Piece fill(const Warp& warp, Allocation* allocation, Access access, Piece piece) {
  const bool marks = !allocation->all_valid.load(std::memory_order_relaxed) && (access == Access::kWrite || warp.cta->launch->checks);
  piece.base = allocation->base;
  piece.host = allocation->data.get();
  piece.allocation = allocation;
  piece.valid = marks ? allocation->valid.get() : nullptr;
  return piece;
}

std::string_view verb(Access access) { return access == Access::kRead ? "reads" : "writes"; }

}  // namespace

void gather_addresses(const Warp& warp, const Op& op, LaneAddresses& addresses) {
  const auto displacement = static_cast<std::uint64_t>(op.immediate);
  if (op.flags & kAddress64) {
    const std::uint64_t* base = warp.reg64(op.slot[1]);
    for (int lane = 0; lane < kLanes; ++lane) addresses.of[lane] = base[lane] + displacement;
  } else {
    const std::uint32_t* base = warp.reg32(op.slot[1]);
    for (int lane = 0; lane < kLanes; ++lane) addresses.of[lane] = static_cast<std::uint32_t>(base[lane] + displacement);
  }
}

Piece next_global_piece(Warp& warp, const Op& op, const LaneAddresses& addresses, std::uint32_t bytes, Access access, std::uint32_t& mask,
                        std::uint32_t align) {
  if (align == 0) align = bytes;
  Worker& worker = *warp.cta->worker;
  const LaunchState& launch = worker.launch;
  Allocation*& last = worker.last_allocation[op.index];
  const int first = std::countr_zero(mask);
  Allocation* allocation = last;
  if (allocation == nullptr || !allocation->contains(addresses.of[first], bytes)) {
    allocation = find(launch.memory, addresses.of[first]);
    if (allocation != nullptr && allocation->contains(addresses.of[first], bytes)) last = allocation;
  }
  Piece piece;
  if (allocation == nullptr || !allocation->contains(addresses.of[first], bytes)) {
    report(warp, op, Severity::kError, "out_of_bounds", first, [&] {
      if (allocation != nullptr && addresses.of[first] - allocation->base < allocation->bytes + 4096)
        return fmt::format("{} {} bytes at byte {} of {}, which ends at {}", verb(access), bytes, addresses.of[first] - allocation->base,
                           allocation->noun(), allocation->bytes);
      return fmt::format("{} {} bytes at {}", verb(access), bytes, launch.memory_map->describe(addresses.of[first]));
    });
    mask &= mask - 1;
    return piece;
  }
  // Mostly all lanes are inside and aligned: one test over all of them. The sign bit of `beyond` tells of one outside.
  const std::uint64_t limit = allocation->bytes - bytes;
  std::uint64_t beyond = 0, low = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    const std::uint64_t offset = addresses.of[lane] - allocation->base;
    beyond |= offset | (limit - offset);
    low |= addresses.of[lane];
  }
  const bool may = access == Access::kRead || allocation->writable;
  if (beyond >> 63 == 0 && (low & (align - 1)) == 0 && may) [[likely]] {
    piece.mask = mask;
    mask = 0;
    return fill(warp, allocation, access, piece);
  }
  std::uint32_t inside = 0, misaligned = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    const std::uint64_t offset = addresses.of[lane] - allocation->base;  // wraps below the base, so one comparison does
    inside |= static_cast<std::uint32_t>(offset <= limit) << lane;
    misaligned |= static_cast<std::uint32_t>((addresses.of[lane] & (align - 1)) != 0) << lane;
  }
  inside &= mask;
  mask &= ~inside;
  misaligned &= inside;
  if (misaligned != 0) {
    const int lane = std::countr_zero(misaligned);
    report(warp, op, Severity::kError, "misaligned", lane, [&] {
      return fmt::format("{} {} bytes at byte {} of {}, not a multiple of {}", verb(access), bytes, addresses.of[lane] - allocation->base,
                         allocation->noun(), align);
    });
    inside &= ~misaligned;
  }
  if (access == Access::kWrite && !allocation->writable && inside != 0) {
    report(warp, op, Severity::kError, "read_only", std::countr_zero(inside), [&] { return fmt::format("writes to constant memory ({})", allocation->name); });
    inside = 0;
  }
  piece.mask = inside;
  return fill(warp, allocation, access, piece);
}

Piece shared_piece(Warp& warp, const Op& op, LaneAddresses& addresses, std::uint32_t bytes, Access access, std::uint32_t mask) {
  Cta& cta = *warp.cta;
  const std::uint64_t size = cta.launch->shared_bytes;
  // Mostly all lanes are inside and aligned: one test over all of them. The sign bit of `beyond` tells of one outside.
  std::uint64_t beyond = 0, low = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    addresses.of[lane] -= kSharedBase;
    beyond |= addresses.of[lane] | (size - bytes - addresses.of[lane]);
    low |= addresses.of[lane];
  }
  const Piece everything{mask, 0, cta.shared.data(), cta.launch->checks ? cta.shared_valid.data() : nullptr, nullptr};
  if (size >= bytes && beyond >> 63 == 0 && (low & (bytes - 1)) == 0) [[likely]] return everything;
  std::uint32_t outside = 0, misaligned = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    outside |= static_cast<std::uint32_t>(addresses.of[lane] > size || size - addresses.of[lane] < bytes) << lane;
    misaligned |= static_cast<std::uint32_t>((addresses.of[lane] & (bytes - 1)) != 0) << lane;
  }
  outside &= mask;
  if (outside != 0) {
    const int lane = std::countr_zero(outside);
    report(warp, op, Severity::kError, "out_of_bounds", lane, [&] {
      return fmt::format("{} {} bytes at shared offset {}, the allocation ends at {}", verb(access), bytes,
                         static_cast<std::int64_t>(addresses.of[lane]), size);
    });
  }
  misaligned &= mask & ~outside;
  if (misaligned != 0) {
    const int lane = std::countr_zero(misaligned);
    report(warp, op, Severity::kError, "misaligned", lane, [&] {
      return fmt::format("{} {} bytes at shared offset {}, not a multiple of {}", verb(access), bytes, addresses.of[lane], bytes);
    });
  }
  Piece good = everything;
  good.mask &= ~outside & ~misaligned;
  return good;
}

std::uint32_t shared_rows(Warp& warp, const Op& op, int num_rows, Access access, SharedRows& rows) {
  const std::uint32_t wanted = (num_rows == kLanes ? kFullMask : (1u << num_rows) - 1) & warp.mask;
  const std::uint64_t size = warp.cta->launch->shared_bytes;
  if (!(op.flags & kAddress64) && size >= SharedShadow::kGranule) {
    const std::uint32_t* base = warp.reg32(op.slot[1]);
    const auto shift = static_cast<std::uint32_t>(op.immediate) - kSharedBase, limit = static_cast<std::uint32_t>(size) - SharedShadow::kGranule;
    std::uint32_t beyond = 0, low = 0;
    for (int lane = 0; lane < num_rows; ++lane) {
      rows.of[lane] = base[lane] + shift;
      beyond |= rows.of[lane] | (limit - rows.of[lane]);
      low |= rows.of[lane];
    }
    if (beyond >> 31 == 0 && low % SharedShadow::kGranule == 0) [[likely]] return wanted;
  }
  LaneAddresses addresses;
  gather_addresses(warp, op, addresses);
  const Piece piece = shared_piece(warp, op, addresses, SharedShadow::kGranule, access, wanted);
  for (int lane = 0; lane < kLanes; ++lane) rows.of[lane] = static_cast<std::uint32_t>(addresses.of[lane]);
  return piece.mask;
}

void check_valid(Warp& warp, const Op& op, const Piece& piece, const LaneAddresses& addresses, std::uint32_t bytes, std::string_view space) {
  if (piece.valid == nullptr) return;
  for (std::uint32_t rest = piece.mask; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    const std::uint8_t* valid = piece.valid + (addresses.of[lane] - piece.base);
    if (all_valid(valid, bytes)) continue;
    report(warp, op, Severity::kError, "uninitialized", lane, [&] {
      std::uint32_t first = 0;
      while (valid[first] == 0xff) ++first;
      const std::uint64_t offset = addresses.of[lane] - piece.base;
      if (piece.allocation == nullptr)
        return fmt::format("reads {} bytes at {} offset {}; byte {} was never written", bytes, space, offset, offset + first);
      return fmt::format("reads {} bytes at byte {} of {} of {} bytes; byte {} was never written", bytes, offset,
                         piece.allocation->noun(), piece.allocation->bytes, offset + first);
    });
  }
}

void check_valid_rows(Warp& warp, const Op& op, const SharedRows& rows, std::uint32_t mask) {
  if (!warp.cta->launch->checks) return;
  std::uint8_t* valid = warp.cta->shared_valid.data();
  std::uint64_t all = ~std::uint64_t{0};
  for (std::uint32_t rest = mask; rest != 0; rest &= rest - 1) {
    std::uint64_t words[2];
    std::memcpy(words, valid + rows.of[std::countr_zero(rest)], sizeof words);
    all &= words[0] & words[1];
  }
  if (all == ~std::uint64_t{0}) [[likely]] return;
  LaneAddresses addresses;
  for (int lane = 0; lane < kLanes; ++lane) addresses.of[lane] = rows.of[lane];
  check_valid(warp, op, {mask, 0, nullptr, valid, nullptr}, addresses, SharedShadow::kGranule, "shared");
}

namespace {

void report_race(Warp& warp, const Op& op, SharedShadow::Verdict verdict, std::string_view does, std::uint32_t offset, std::uint32_t bytes, int lane) {
  using Race = SharedShadow::Race;
  report(warp, op, Severity::kError, "shared_race", lane, [&] {
    const std::string what = fmt::format("{} {} bytes at shared offset {}", does, bytes, offset);
    switch (verdict.race) {
      case Race::kPending: return fmt::format("{}, where a cp.async of warp {} has not been waited for", what, verdict.other_warp);
      case Race::kReadAfterWrite: return fmt::format("{}, which warp {} wrote with no barrier in between", what, verdict.other_warp);
      case Race::kWriteAfterWrite: return fmt::format("{}, which warp {} wrote with no barrier in between", what, verdict.other_warp);
      default: return fmt::format("{}, which warp {} read with no barrier in between", what, verdict.other_warp);
    }
  });
}

}  // namespace

void report_lane_conflict(Warp& warp, const Op& op, LaneOrder::Conflict conflict, Access access, std::uint32_t offset, std::uint32_t bytes) {
  report(warp, op, Severity::kError, "shared_race", conflict.lane, [&] {
    return fmt::format("{} {} bytes at shared offset {}, which thread {} of its warp {} with no __syncwarp in between", verb(access), bytes, offset,
                       warp.index * kLanes + conflict.other, conflict.other_wrote ? "wrote" : "read");
  });
}

// Accesses by which warps synchronise (Warp::strong_clock) do not race.
void check_shared_read(Warp& warp, const Op& op, std::uint32_t offset, std::uint32_t bytes, int lane) {
  if (!warp.cta->launch->checks || warp.strong_clock != 0) return;
  if (warp.cta->cluster != nullptr) return check_generic_access(warp, op, ProxyShadow::Access::kRead, warp.cta->rank, offset, bytes, lane);
  const SharedShadow::Verdict verdict = warp.cta->shadow.read(warp.index, offset, bytes);
  if (verdict.race != SharedShadow::Race::kNone) [[unlikely]]
    report_race(warp, op, verdict, "reads", offset, bytes, lane);
}
void check_shared_write(Warp& warp, const Op& op, std::uint32_t offset, std::uint32_t bytes, int lane) {
  if (!warp.cta->launch->checks || warp.strong_clock != 0) return;
  if (warp.cta->cluster != nullptr) return check_generic_access(warp, op, ProxyShadow::Access::kWrite, warp.cta->rank, offset, bytes, lane);
  const SharedShadow::Verdict verdict = warp.cta->shadow.write(warp.index, offset, bytes);
  if (verdict.race != SharedShadow::Race::kNone) [[unlikely]]
    report_race(warp, op, verdict, "writes", offset, bytes, lane);
}
void check_shared_issue(Warp& warp, const Op& op, std::uint32_t offset, std::uint32_t bytes, int lane) {
  if (!warp.cta->launch->checks) return;
  if (warp.cta->cluster != nullptr) return check_copy_issue(warp, op, warp.committed[lane] + 1, offset, bytes, lane);
  const SharedShadow::Verdict verdict = warp.cta->shadow.issue(warp.index, offset, bytes);
  if (verdict.race != SharedShadow::Race::kNone) [[unlikely]]
    report_race(warp, op, verdict, "writes", offset, bytes, lane);
}

void check_atomic_among_plain(Warp& warp, const Op& op, int rank, std::uint32_t offset, std::uint32_t bytes, int lane) {
  if (warp.cta->cluster != nullptr) return check_generic_atomic(warp, op, rank, offset, bytes, lane);
  const SharedShadow::Verdict verdict = warp.cta->shadow.judge_write(warp.index, offset, bytes);
  if (verdict.race != SharedShadow::Race::kNone) [[unlikely]]
    report_race(warp, op, verdict, "atomically updates", offset, bytes, lane);
}

namespace {

void check_rows_against_atomics(Warp& warp, const Op& op, Access access, const std::uint32_t* offsets, std::uint32_t mask) {
  for (; mask != 0 && has_shared_atomics(warp); mask &= mask - 1)
    check_against_atomics(warp, op, access, warp.cta->rank, offsets[std::countr_zero(mask)], SharedShadow::kGranule, std::countr_zero(mask));
}

}  // namespace

void check_shared_read_rows(Warp& warp, const Op& op, const std::uint32_t* offsets, std::uint32_t mask) {
  if (!warp.cta->launch->checks) return;
  check_rows_against_atomics(warp, op, Access::kRead, offsets, mask);
  for (std::uint32_t left = warp.cta->cluster != nullptr ? mask : warp.cta->shadow.read_rows(warp.index, offsets, mask); left != 0; left &= left - 1)
    check_shared_read(warp, op, offsets[std::countr_zero(left)], SharedShadow::kGranule, std::countr_zero(left));
  for (; mask != 0 && warp.lanes_wrote; mask &= mask - 1) {
    const std::uint32_t offset = offsets[std::countr_zero(mask)];
    const LaneOrder::Conflict conflict = warp.cta->lane_order.read_by_all(warp.lane_epoch, offset / SharedShadow::kGranule);
    if (conflict.lane >= 0) [[unlikely]] report_lane_conflict(warp, op, conflict, Access::kRead, offset, SharedShadow::kGranule);
  }
}
void check_shared_write_rows(Warp& warp, const Op& op, const std::uint32_t* offsets, std::uint32_t mask) {
  if (!warp.cta->launch->checks) return;
  check_rows_against_atomics(warp, op, Access::kWrite, offsets, mask);
  for (std::uint32_t left = warp.cta->cluster != nullptr ? mask : warp.cta->shadow.write_rows(warp.index, offsets, mask); left != 0; left &= left - 1)
    check_shared_write(warp, op, offsets[std::countr_zero(left)], SharedShadow::kGranule, std::countr_zero(left));
}
void check_shared_issue_rows(Warp& warp, const Op& op, const std::uint32_t* offsets, std::uint32_t mask) {
  if (!warp.cta->launch->checks) return;
  check_rows_against_atomics(warp, op, Access::kWrite, offsets, mask);
  for (std::uint32_t left = warp.cta->cluster != nullptr ? mask : warp.cta->shadow.issue_rows(warp.index, offsets, mask); left != 0; left &= left - 1)
    check_shared_issue(warp, op, offsets[std::countr_zero(left)], SharedShadow::kGranule, std::countr_zero(left));
}
void check_shared_complete(Warp& warp, const std::uint32_t* offsets, std::uint32_t bytes, std::uint32_t mask) {
  if (!warp.cta->launch->checks) return;
  const std::uint32_t part = (1u << bytes) - 1;  // of a granule; a copy never leaves one
  warp.lanes_wrote = true;
  for (std::uint32_t rest = mask; rest != 0; rest &= rest - 1) {
    const std::uint32_t offset = offsets[std::countr_zero(rest)];
    warp.cta->lane_order.write(warp.lane_epoch, offset / SharedShadow::kGranule, rest & (0 - rest),
                               static_cast<std::uint16_t>(part << offset % SharedShadow::kGranule));
  }
  if (warp.cta->cluster != nullptr) return;  // copies are agents of their own there
  SharedShadow& shadow = warp.cta->shadow;
  std::uint32_t left = bytes == SharedShadow::kGranule ? shadow.complete_rows(warp.index, offsets, mask) : mask;
  for (; left != 0; left &= left - 1) shadow.complete(warp.index, offsets[std::countr_zero(left)], bytes);
}

std::uint64_t sector_bytes(const LaneAddresses& addresses, std::uint32_t mask) {
  // Aligned accesses of up to 32 bytes lie in one sector each. Mostly the sectors rise with the lane, in all lanes.
  if (mask == kFullMask) {
    std::uint64_t falling = 0, steps = 0;
    for (int lane = 1; lane < kLanes; ++lane) {
      const std::uint64_t step = addresses.of[lane] / 32 - addresses.of[lane - 1] / 32;
      falling |= step;                     // the sign bit
      steps += (step | (0 - step)) >> 63;  // 1 unless the two are in one sector
    }
    if (falling >> 63 == 0) return (steps + 1) * 32;
  }
  std::uint64_t sectors[kLanes];
  int count = 0;
  bool rising = true;
  for (std::uint32_t rest = mask; rest != 0; rest &= rest - 1) {
    const std::uint64_t sector = addresses.of[std::countr_zero(rest)] / 32;
    if (count > 0 && sectors[count - 1] == sector) continue;
    rising &= count == 0 || sectors[count - 1] < sector;
    sectors[count++] = sector;
  }
  if (!rising) {
    std::sort(sectors, sectors + count);
    count = static_cast<int>(std::unique(sectors, sectors + count) - sectors);
  }
  return static_cast<std::uint64_t>(count) * 32;
}

}  // namespace bsgen::sim
