// cp.async: global -> shared copies that land some time between their issue and the wait of their thread (PTX ISA, "cp.async").
//
// A schedule moves the data at issue or at the wait: both are legal, so a kernel whose results differ is wrong. Groups are
// counted per thread. A copy of source size 0 does not touch its source.
#include <algorithm>
#include <bit>

#include "runtime/sim/exec/access.h"
#include "runtime/sim/exec/memory_ops.h"

namespace bsgen::sim {
namespace {

void land(Warp& warp, const PendingCopy& copy, std::uint32_t mask) {
  Cta& cta = *warp.cta;
  for (std::uint32_t rest = mask; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    std::byte* to = cta.shared.data() + copy.shared_offset[lane];
    const std::uint32_t from_source = copy.source_bytes[lane];
    if (from_source == 16) {  // the common size, without calls
      std::memcpy(to, copy.source[lane], 16);
      std::memset(cta.shared_valid.data() + copy.shared_offset[lane], 0xff, 16);
      continue;
    }
    if (from_source > 0) std::memcpy(to, copy.source[lane], from_source);
    if (from_source < copy.bytes) std::memset(to + from_source, 0, copy.bytes - from_source);
    std::memset(cta.shared_valid.data() + copy.shared_offset[lane], 0xff, copy.bytes);
  }
}

}  // namespace

void copy_async(Warp& warp, const Op& op) {
  const std::uint32_t bytes = op.element_bytes;
  LaneAddresses shared, global;
  gather_addresses(warp, op, shared);
  const Piece to = shared_piece(warp, op, shared, bytes, Access::kWrite, warp.mask);
  const auto displacement = static_cast<std::uint64_t>(warp.cta->launch->program->displacements[op.target]);
  const std::uint64_t* base = warp.reg64(op.slot[2]);
  const std::uint32_t* sizes = warp.reg32(op.slot[3]);
  PendingCopy copy;
  copy.op = op.index;
  copy.bytes = static_cast<std::uint8_t>(bytes);
  std::uint32_t sourced = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    global.of[lane] = base[lane] + displacement;
    copy.source_bytes[lane] = static_cast<std::uint8_t>(std::min(sizes[lane], bytes));
    copy.shared_offset[lane] = static_cast<std::uint32_t>(shared.of[lane]);
    copy.source[lane] = nullptr;
    sourced |= static_cast<std::uint32_t>(copy.source_bytes[lane] > 0) << lane;
  }
  // Only the bytes that are read must exist, but the address is aligned to the whole size.
  std::uint32_t readable = 0;
  for (std::uint32_t rest = warp.mask & sourced; rest != 0;) {
    const int first = std::countr_zero(rest);
    const std::uint32_t size = copy.source_bytes[first];
    std::uint32_t same = 0;
    for (std::uint32_t lanes = rest; lanes != 0; lanes &= lanes - 1)
      if (copy.source_bytes[std::countr_zero(lanes)] == size) same |= lanes & (0 - lanes);
    rest &= ~same;
    while (same != 0) {
      const Piece from = next_global_piece(warp, op, global, size, Access::kRead, same, bytes);
      check_valid(warp, op, from, global, size, "global");
      for (std::uint32_t lanes = from.mask; lanes != 0; lanes &= lanes - 1) {
        const int lane = std::countr_zero(lanes);
        copy.source[lane] = from.host + (global.of[lane] - from.base);
      }
      readable |= from.mask;
    }
  }
  OpCounts& counts = counts_of(warp, op);
  counts.requested_bytes += static_cast<std::uint64_t>(std::popcount(readable)) * bytes;
  counts.global_read_bytes += sector_bytes(global, bytes, readable);
  const std::uint32_t good = to.mask & (readable | ~sourced);
  // A copy whose source was refused still fills its destination, with zeros.
  for (std::uint32_t lanes = to.mask & ~good; lanes != 0; lanes &= lanes - 1) copy.source_bytes[std::countr_zero(lanes)] = 0;
  if (to.mask == 0) return;
  count_shared(warp, op, shared, bytes, to.mask);
  if (bytes == SharedShadow::kGranule) {
    check_shared_issue_rows(warp, op, shared, to.mask);
  } else {
    for (std::uint32_t lanes = to.mask; lanes != 0; lanes &= lanes - 1)
      check_shared_issue(warp, op, copy.shared_offset[std::countr_zero(lanes)], bytes, std::countr_zero(lanes));
  }
  copy.landed = warp.cta->worker->lands_early();
  if (copy.landed) land(warp, copy, to.mask);
  // Threads of one warp may have committed different numbers of groups; each number is an entry of its own.
  for (std::uint32_t rest = to.mask; rest != 0;) {
    const std::uint32_t group = warp.committed[std::countr_zero(rest)];
    copy.mask = 0;
    for (std::uint32_t lanes = rest; lanes != 0; lanes &= lanes - 1)
      if (warp.committed[std::countr_zero(lanes)] == group) copy.mask |= lanes & (0 - lanes);
    rest &= ~copy.mask;
    copy.group = group;
    warp.pending.push_back(copy);
  }
}

void copy_async_commit(Warp& warp, const Op&) {
  for (std::uint32_t rest = warp.mask; rest != 0; rest &= rest - 1) ++warp.committed[std::countr_zero(rest)];
}

void copy_async_wait(Warp& warp, const Op& op) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < warp.pending.size(); ++i) {
    PendingCopy& copy = warp.pending[i];
    std::uint32_t done = 0;
    for (std::uint32_t rest = copy.mask & warp.mask; rest != 0; rest &= rest - 1) {
      const int lane = std::countr_zero(rest);
      // wait_all waits for the copies that no group holds yet, too.
      const bool waited = op.immediate < 0 || std::int64_t{copy.group} + op.immediate < std::int64_t{warp.committed[lane]};
      done |= waited ? std::uint32_t{1} << lane : 0;
    }
    if (done != 0) {
      if (!copy.landed) land(warp, copy, done);
      SharedShadow& shadow = warp.cta->shadow;
      const std::uint32_t left = copy.bytes == SharedShadow::kGranule ? shadow.complete_rows(warp.index, copy.shared_offset, done) : done;
      for (std::uint32_t rest = left; rest != 0; rest &= rest - 1) shadow.complete(warp.index, copy.shared_offset[std::countr_zero(rest)], copy.bytes);
      copy.mask &= ~done;
    }
    if (copy.mask != 0) {
      if (kept != i) warp.pending[kept] = copy;
      ++kept;
    }
  }
  warp.pending.resize(kept);
}

}  // namespace bsgen::sim
