#include "runtime/sim/exec/access.h"

#include <fmt/format.h>

#include <algorithm>

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
                           allocation->name.empty() ? "an allocation" : "variable " + allocation->name, allocation->bytes);
      return fmt::format("{} {} bytes at {}", verb(access), bytes, launch.memory_map->describe(addresses.of[first]));
    });
    mask &= mask - 1;
    return piece;
  }
  std::uint32_t inside = 0, misaligned = 0;
  const std::uint64_t limit = allocation->bytes - bytes;
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
                         allocation->name.empty() ? "an allocation" : "variable " + allocation->name, align);
    });
    inside &= ~misaligned;
  }
  if (access == Access::kWrite && !allocation->writable && inside != 0) {
    report(warp, op, Severity::kError, "read_only", std::countr_zero(inside), [&] { return fmt::format("writes to constant memory ({})", allocation->name); });
    inside = 0;
  }
  piece.mask = inside;
  piece.base = allocation->base;
  piece.host = allocation->data.get();
  piece.allocation = allocation;
  piece.valid = allocation->all_valid.load(std::memory_order_relaxed) ? nullptr : allocation->valid.get();
  return piece;
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
  const Piece everything{mask, 0, cta.shared.data(), cta.shared_valid.data(), nullptr};
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
  return {mask & ~outside & ~misaligned, 0, cta.shared.data(), cta.shared_valid.data(), nullptr};
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
                         piece.allocation->name.empty() ? "an allocation" : "variable " + piece.allocation->name, piece.allocation->bytes, offset + first);
    });
  }
}

void check_shared_valid_rows(Warp& warp, const Op& op, const LaneAddresses& rows, std::uint32_t mask) {
  std::uint8_t* valid = warp.cta->shared_valid.data();
  std::uint64_t all = ~std::uint64_t{0};
  for (std::uint32_t rest = mask; rest != 0; rest &= rest - 1) {
    std::uint64_t words[2];
    std::memcpy(words, valid + rows.of[std::countr_zero(rest)], sizeof words);
    all &= words[0] & words[1];
  }
  if (all != ~std::uint64_t{0}) [[unlikely]] check_valid(warp, op, {mask, 0, nullptr, valid, nullptr}, rows, SharedShadow::kGranule, "shared");
}

namespace {

void report_race(Warp& warp, const Op& op, SharedShadow::Verdict verdict, Access access, std::uint32_t offset, std::uint32_t bytes, int lane) {
  using Race = SharedShadow::Race;
  report(warp, op, Severity::kError, "shared_race", lane, [&] {
    const std::string what = fmt::format("{} {} bytes at shared offset {}", verb(access), bytes, offset);
    switch (verdict.race) {
      case Race::kPending: return fmt::format("{}, where a cp.async of warp {} has not been waited for", what, verdict.other_warp);
      case Race::kReadAfterWrite: return fmt::format("{}, which warp {} wrote with no barrier in between", what, verdict.other_warp);
      case Race::kWriteAfterWrite: return fmt::format("{}, which warp {} wrote with no barrier in between", what, verdict.other_warp);
      default: return fmt::format("{}, which warp {} read with no barrier in between", what, verdict.other_warp);
    }
  });
}

}  // namespace

void check_shared_read(Warp& warp, const Op& op, std::uint32_t offset, std::uint32_t bytes, int lane) {
  const SharedShadow::Verdict verdict = warp.cta->shadow.read(warp.index, offset, bytes);
  if (verdict.race != SharedShadow::Race::kNone) [[unlikely]]
    report_race(warp, op, verdict, Access::kRead, offset, bytes, lane);
}
void check_shared_write(Warp& warp, const Op& op, std::uint32_t offset, std::uint32_t bytes, int lane) {
  const SharedShadow::Verdict verdict = warp.cta->shadow.write(warp.index, offset, bytes);
  if (verdict.race != SharedShadow::Race::kNone) [[unlikely]]
    report_race(warp, op, verdict, Access::kWrite, offset, bytes, lane);
}
void check_shared_issue(Warp& warp, const Op& op, std::uint32_t offset, std::uint32_t bytes, int lane) {
  const SharedShadow::Verdict verdict = warp.cta->shadow.issue(warp.index, offset, bytes);
  if (verdict.race != SharedShadow::Race::kNone) [[unlikely]]
    report_race(warp, op, verdict, Access::kWrite, offset, bytes, lane);
}

void check_shared_read_rows(Warp& warp, const Op& op, const LaneAddresses& rows, std::uint32_t mask) {
  for (std::uint32_t left = warp.cta->shadow.read_rows(warp.index, rows.of, mask); left != 0; left &= left - 1)
    check_shared_read(warp, op, static_cast<std::uint32_t>(rows.of[std::countr_zero(left)]), SharedShadow::kGranule, std::countr_zero(left));
}
void check_shared_write_rows(Warp& warp, const Op& op, const LaneAddresses& rows, std::uint32_t mask) {
  for (std::uint32_t left = warp.cta->shadow.write_rows(warp.index, rows.of, mask); left != 0; left &= left - 1)
    check_shared_write(warp, op, static_cast<std::uint32_t>(rows.of[std::countr_zero(left)]), SharedShadow::kGranule, std::countr_zero(left));
}
void check_shared_issue_rows(Warp& warp, const Op& op, const LaneAddresses& rows, std::uint32_t mask) {
  for (std::uint32_t left = warp.cta->shadow.issue_rows(warp.index, rows.of, mask); left != 0; left &= left - 1)
    check_shared_issue(warp, op, static_cast<std::uint32_t>(rows.of[std::countr_zero(left)]), SharedShadow::kGranule, std::countr_zero(left));
}

std::uint32_t without_repeats(const LaneAddresses& addresses, std::uint32_t mask) {
  if (mask != kFullMask) return mask;
  const std::uint64_t* a = addresses.of;
  if (a[0] != a[1] && a[0] != a[4] && a[0] != a[8] && a[0] != a[16]) return mask;
  std::uint32_t kept = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    const bool repeats = (lane >= 1 && a[lane] == a[lane - 1]) || (lane >= 4 && a[lane] == a[lane - 4]) || (lane >= 8 && a[lane] == a[lane - 8]) ||
                         (lane >= 16 && a[lane] == a[lane - 16]);
    kept |= static_cast<std::uint32_t>(!repeats) << lane;
  }
  return kept;
}

std::uint64_t sector_bytes(const LaneAddresses& addresses, std::uint32_t bytes, std::uint32_t mask) {
  // Aligned accesses of up to 32 bytes lie in one sector each. Mostly the sectors rise with the lane; else they are sorted.
  std::uint64_t sectors[kLanes];
  int count = 0;
  bool rising = true;
  (void)bytes;
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

void count_shared(Warp& warp, const Op& op, const LaneAddresses& addresses, std::uint32_t bytes, std::uint32_t mask) {
  // Units of 4, 8 or 16 bytes: a warp, half a warp or a quarter of it goes at a time, over 32, 16 or 8 units of bank.
  const std::uint32_t unit = bytes <= 4 ? 4 : bytes <= 8 ? 8 : 16;
  const int lanes = kLanes * 4 / static_cast<int>(unit);
  const std::uint32_t banks = 128 / unit;
  OpCounts& counts = counts_of(warp, op);
  // Neighbouring units in lane order, the common case: no conflicts, nothing shared.
  if (mask == kFullMask && bytes >= 4) {
    bool consecutive = true;
    for (int lane = 1; lane < kLanes; ++lane) consecutive &= addresses.of[lane] == addresses.of[0] + static_cast<std::uint64_t>(lane) * bytes;
    if (consecutive) {
      counts.shared_wavefronts += bytes / 4;
      counts.shared_wavefronts_ideal += bytes / 4;
      return;
    }
  }
  std::uint64_t distinct[kLanes];
  for (int first = 0; first < kLanes; first += lanes) {
    std::uint8_t depth[kLanes] = {};     // distinct units per bank
    std::uint64_t seen[kLanes][kLanes];  // [bank][depth]
    std::uint32_t worst = 0;
    std::uint64_t last = ~std::uint64_t{0};
    for (std::uint32_t rest = lanes == kLanes ? mask : mask >> first & ((1u << lanes) - 1); rest != 0; rest &= rest - 1) {
      const std::uint64_t index = addresses.of[first + std::countr_zero(rest)] / unit;
      if (index == last) continue;
      last = index;
      const auto bank = static_cast<std::uint32_t>(index % banks);
      bool known = false;
      for (int i = 0; i < depth[bank]; ++i) known |= seen[bank][i] == index;
      if (known) continue;
      seen[bank][depth[bank]++] = index;
      worst = std::max<std::uint32_t>(worst, depth[bank]);
    }
    counts.shared_wavefronts += worst;
  }
  // Distinct bytes over the whole warp: the groups may repeat each other, and narrow accesses may share a word.
  int count = 0;
  bool rising = true;
  for (std::uint32_t rest = without_repeats(addresses, mask); rest != 0; rest &= rest - 1) {
    distinct[count] = addresses.of[std::countr_zero(rest)];
    rising &= count == 0 || distinct[count - 1] < distinct[count];
    ++count;
  }
  if (!rising) {
    std::sort(distinct, distinct + count);
    count = static_cast<int>(std::unique(distinct, distinct + count) - distinct);
  }
  const std::uint64_t distinct_bytes = static_cast<std::uint64_t>(count) * bytes;
  counts.shared_wavefronts_ideal += (distinct_bytes + 127) / 128;
}

}  // namespace bsgen::sim
