// cp.async: global -> shared copies that land some time between their issue and the wait of their thread (PTX ISA, "cp.async").
//
// A schedule moves the data at issue or at the wait: both are legal, so a kernel whose results differ is wrong. Groups are
// counted per thread. A copy of source size 0 does not touch its source.
#include <algorithm>
#include <bit>

#include "runtime/sim/check/global_checks.h"
#include "runtime/sim/exec/access.h"
#include "runtime/sim/exec/cluster.h"
#include "runtime/sim/exec/memory_ops.h"
#include "runtime/sim/exec/shared_footprint.h"

namespace bsgen::sim {
namespace {

// Whether all lanes hold the value of the first, which they mostly do.
bool uniform(const std::uint32_t* lanes) {
  std::uint32_t unlike = 0;
  for (int lane = 0; lane < kLanes; ++lane) unlike |= lanes[lane] ^ lanes[0];
  return unlike == 0;
}

// The lanes of `mask` that hold the value of its first one.
std::uint32_t like_first(const std::uint32_t* lanes, std::uint32_t mask) {
  std::uint32_t same = 0;
  for (std::uint32_t rest = mask; rest != 0; rest &= rest - 1)
    if (lanes[std::countr_zero(rest)] == lanes[std::countr_zero(mask)]) same |= rest & (0 - rest);
  return same;
}

void land(Warp& warp, const PendingCopy& copy, std::uint32_t mask) {
  Cta& cta = *warp.cta;
  for (std::uint32_t rest = mask; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    std::byte* to = cta.shared.data() + copy.shared_offset[lane];
    const std::uint32_t from_source = copy.source_bytes[lane];
    if (from_source == 16) {  // the common size, without calls
      std::memcpy(to, copy.source[lane], 16);
      continue;
    }
    if (from_source > 0) std::memcpy(to, copy.source[lane], from_source);
    if (from_source < copy.bytes) std::memset(to + from_source, 0, copy.bytes - from_source);
  }
  if (!cta.launch->checks) return;
  std::uint8_t* valid = cta.shared_valid.data();
  if (copy.bytes == 16) {
    for (std::uint32_t rest = mask; rest != 0; rest &= rest - 1) std::memset(valid + copy.shared_offset[std::countr_zero(rest)], 0xff, 16);
  } else {
    for (std::uint32_t rest = mask; rest != 0; rest &= rest - 1) std::memset(valid + copy.shared_offset[std::countr_zero(rest)], 0xff, copy.bytes);
  }
}

// The lanes of `mask` whose sources of `size` bytes may be read; the copy knows where they are afterwards.
std::uint32_t find_sources(Warp& warp, const Op& op, const LaneAddresses& global, std::uint32_t size, std::uint32_t mask, PendingCopy& copy) {
  std::uint32_t readable = 0;
  while (mask != 0) {
    const Piece from = next_global_piece(warp, op, global, size, Access::kRead, mask, op.element_bytes);
    check_valid(warp, op, from, global, size, "global");
    check_global(warp, op, from, global, size, GlobalAccess::kLoad);
    for (std::uint32_t lanes = from.mask; lanes != 0; lanes &= lanes - 1) {
      const int lane = std::countr_zero(lanes);
      copy.source[lane] = from.host + (global.of[lane] - from.base);
    }
    readable |= from.mask;
  }
  return readable;
}

}  // namespace

void land_copies(Warp& warp, std::uint32_t lanes) {
  for (PendingCopy& copy : warp.pending) {
    const std::uint32_t now = copy.mask & lanes & ~copy.landed;
    land(warp, copy, now);
    copy.landed |= now;
  }
}

void check_copies_at_exit(Warp& warp) {
  for (const PendingCopy& copy : warp.pending)
    if (const std::uint32_t unwaited = copy.mask & ~copy.arriving; unwaited != 0)
      report(warp, warp.cta->launch->program->ops[copy.op], Severity::kWarning, "unwaited", std::countr_zero(unwaited), [] { return std::string("has ended before its cp.async was waited for"); });
}

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
  for (int lane = 0; lane < kLanes; ++lane) {
    global.of[lane] = base[lane] + displacement;
    copy.source_bytes[lane] = static_cast<std::uint8_t>(std::min(sizes[lane], bytes));
    copy.shared_offset[lane] = static_cast<std::uint32_t>(shared.of[lane]);
  }
  // Only the bytes that are read must exist, but the address is aligned to the whole size.
  std::uint32_t readable = 0, sourced = 0;
  if (uniform(sizes)) {
    sourced = sizes[0] > 0 ? warp.mask : 0;
    readable = find_sources(warp, op, global, std::min(sizes[0], bytes), sourced, copy);
  } else {
    for (std::uint32_t rest = warp.mask; rest != 0;) {
      const std::uint32_t same = like_first(sizes, rest), size = copy.source_bytes[std::countr_zero(rest)];
      rest &= ~same;
      if (size == 0) continue;
      sourced |= same;
      readable |= find_sources(warp, op, global, size, same, copy);
    }
  }
  OpCounts& counts = counts_of(warp, op);
  counts.requested_bytes += static_cast<std::uint64_t>(std::popcount(readable)) * bytes;
  counts.global_read_bytes += sector_bytes(global, readable);
  const std::uint32_t good = to.mask & (readable | ~sourced);
  // A copy whose source was refused still fills its destination, with zeros.
  for (std::uint32_t lanes = to.mask & ~good; lanes != 0; lanes &= lanes - 1) copy.source_bytes[std::countr_zero(lanes)] = 0;
  if (to.mask == 0) return;
  count_shared(warp, op, shared, bytes, to.mask);
  if (bytes == SharedShadow::kGranule) {
    check_shared_issue_rows(warp, op, copy.shared_offset, to.mask);
  } else {
    for (std::uint32_t lanes = to.mask; lanes != 0; lanes &= lanes - 1)
      check_shared_issue(warp, op, copy.shared_offset[std::countr_zero(lanes)], bytes, std::countr_zero(lanes));
  }
  copy.landed = warp.cta->worker->lands_early() ? kFullMask : 0;
  if (copy.landed != 0) land(warp, copy, to.mask);
  // Threads of one warp may have committed different numbers of groups; each number is an entry of its own.
  const bool together = uniform(warp.committed);
  for (std::uint32_t rest = to.mask; rest != 0; rest &= ~copy.mask) {
    copy.mask = together ? rest : like_first(warp.committed, rest);
    copy.group = warp.committed[std::countr_zero(rest)];
    warp.pending.push_back(copy);
  }
}

void copy_async_ignoring(Warp& warp, const Op& op) {
  const std::uint32_t given = warp.predicate(op.slot[4]), ignored = op.count != 0 ? ~given : given;
  std::uint32_t* sizes = warp.reg32(op.slot[3]);
  for (int lane = 0; lane < kLanes; ++lane) sizes[lane] = ignored >> lane & 1 ? 0 : op.element_bytes;
  copy_async(warp, op);
}

void copy_async_commit(Warp& warp, const Op&) {
  if (warp.mask == kFullMask) {
    for (std::uint32_t& committed : warp.committed) ++committed;
    return;
  }
  for (std::uint32_t rest = warp.mask; rest != 0; rest &= rest - 1) ++warp.committed[std::countr_zero(rest)];
}

void copy_async_wait(Warp& warp, const Op& op) {
  const bool together = uniform(warp.committed);
  // wait_all waits for the copies that no group holds yet, too.
  const auto waited = [&](const PendingCopy& copy, int lane) {
    return op.immediate < 0 || std::int64_t{copy.group} + op.immediate < std::int64_t{warp.committed[lane]};
  };
  if (warp.cta->cluster != nullptr) {  // also those that an mbarrier has waited for
    std::int64_t over = 0;
    for (std::uint32_t rest = warp.mask; rest != 0; rest &= rest - 1)
      over = std::max(over, op.immediate < 0 ? std::int64_t{warp.committed[std::countr_zero(rest)]} + 1 : std::int64_t{warp.committed[std::countr_zero(rest)]} - op.immediate);
    ProxyShadow& shadow = warp.cta->cluster->shadow;
    if (over > 0) shadow.learn(agent_of(warp), shadow.of(ProxyShadow::AgentKind::kCopy, agent_of(warp)), static_cast<std::uint32_t>(over));
  }
  std::size_t kept = 0;
  for (std::size_t i = 0; i < warp.pending.size(); ++i) {
    PendingCopy& copy = warp.pending[i];
    std::uint32_t done = copy.mask & warp.mask;
    if (together) {
      done = waited(copy, 0) ? done : 0;
    } else {
      for (std::uint32_t rest = done; rest != 0; rest &= rest - 1)
        if (!waited(copy, std::countr_zero(rest))) done &= ~(rest & (0 - rest));
    }
    if (done != 0) {
      land(warp, copy, done & ~copy.landed);
      check_shared_complete(warp, copy.shared_offset, copy.bytes, done);  // from now on they are writes of the thread itself
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
