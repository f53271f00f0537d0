#include "runtime/sim/exec/async_operations.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "runtime/sim/check/proxy_checks.h"
#include "runtime/sim/exec/access.h"
#include "runtime/sim/exec/cluster.h"

namespace bsgen::sim {

AsyncQueue::AsyncQueue() = default;
AsyncQueue::~AsyncQueue() = default;
AsyncQueue::AsyncQueue(AsyncQueue&&) noexcept = default;
AsyncQueue& AsyncQueue::operator=(AsyncQueue&&) noexcept = default;

namespace {

constexpr int kWarpgroup = 4;

ProxyShadow::Agent queue_agent(const Warp& warp, AsyncKind kind) {
  return warp.cta->cluster->shadow.of(kind == AsyncKind::kTensor ? ProxyShadow::AgentKind::kTensor : ProxyShadow::AgentKind::kBulk, agent_of(warp));
}

void carry_out(Warp& warp, QueuedOperation& queued, bool only_read) {
  if (!queued.has_read) queued.operation->read(warp);
  queued.has_read = true;
  if (only_read || queued.has_written) return;
  queued.operation->write(warp);
  queued.has_written = true;
  queued.operation.reset();
}

// The groups before `committed` of a warp of the warpgroup are carried out; its own wait may come later.
void carry_out_groups(Warp& warp, std::int64_t committed) {
  for (QueuedOperation& queued : warp.async[static_cast<int>(AsyncKind::kTensor)].pending)
    if (queued.group < committed) carry_out(warp, queued, false);
}

// False where another warp of the warpgroup has not come so far yet.
bool join_warpgroup(Warp& warp, std::int64_t committed) {
  std::vector<Warp>& warps = warp.cta->warps;
  const std::size_t first = static_cast<std::size_t>(warp.index) / kWarpgroup * kWarpgroup, end = std::min(first + kWarpgroup, warps.size());
  for (std::size_t i = first; i < end; ++i)
    if (!warps[i].done && warps[i].async[static_cast<int>(AsyncKind::kTensor)].committed[0] < committed) return false;
  ProxyShadow& shadow = warp.cta->cluster->shadow;
  for (std::size_t i = first; i < end; ++i) {
    carry_out_groups(warps[i], committed);
    shadow.learn(agent_of(warp), queue_agent(warps[i], AsyncKind::kTensor), static_cast<std::uint32_t>(committed));
  }
  return true;
}

}  // namespace

void issue_async(Warp& warp, const Op& op, AsyncKind kind, int lane, std::unique_ptr<AsyncOperation> operation) {
  AsyncQueue& queue = warp.async[static_cast<int>(kind)];
  const auto index = op.index;
  queue.pending.push_back({queue.committed[lane], index, lane, false, false, false, std::move(operation)});
  // Those before it come first: a wgmma may add to what another leaves.
  if (warp.cta->worker->lands_early())
    for (QueuedOperation& queued : queue.pending) carry_out(warp, queued, false);
}

void commit_async(Warp& warp, AsyncKind kind) {
  AsyncQueue& queue = warp.async[static_cast<int>(kind)];
  for (std::uint32_t rest = warp.mask; rest != 0; rest &= rest - 1) ++queue.committed[std::countr_zero(rest)];
}

void wait_async(Warp& warp, AsyncKind kind, std::uint32_t groups_left, bool only_reads) {
  AsyncQueue& queue = warp.async[static_cast<int>(kind)];
  std::int64_t committed = 0;  // groups that are over now, of the lane that is furthest
  for (std::uint32_t rest = warp.mask; rest != 0; rest &= rest - 1)
    committed = std::max(committed, std::int64_t{queue.committed[std::countr_zero(rest)]} - groups_left);
  if (kind == AsyncKind::kTensor) {
    warp.group_waits = !join_warpgroup(warp, committed);
    if (warp.group_waits) {
      warp.repeats = warp.gives_way = true;
      return;
    }
  } else if (committed > 0) {
    ProxyShadow& shadow = warp.cta->cluster->shadow;
    shadow.learn(agent_of(warp), queue_agent(warp, kind), static_cast<std::uint32_t>(committed));
    if (!only_reads) shadow.learn(agent_of(warp), shadow.of(ProxyShadow::AgentKind::kStore, agent_of(warp)), static_cast<std::uint32_t>(committed));
  }
  std::size_t kept = 0;
  for (std::size_t i = 0; i < queue.pending.size(); ++i) {
    QueuedOperation& queued = queue.pending[i];
    const bool waited = (warp.mask >> queued.lane & 1) && std::uint64_t{queued.group} + groups_left < queue.committed[queued.lane];
    if (waited) carry_out(warp, queued, only_reads);
    queued.read_waited |= waited;
    if (waited && !only_reads) continue;
    if (kept != i) queue.pending[kept] = std::move(queued);
    ++kept;
  }
  queue.pending.resize(kept);
}

void drain_async(Warp& warp, AsyncKind kind) {
  for (QueuedOperation& queued : warp.async[static_cast<int>(kind)].pending) carry_out(warp, queued, false);
  warp.async[static_cast<int>(kind)].pending.clear();
}

bool async_read_shared(Warp& warp, const Op& op, AsyncKind kind, std::uint64_t offset, std::uint32_t bytes, int lane) {
  const Cta& cta = *warp.cta;
  const std::uint64_t size = cta.launch->shared_bytes;
  if (offset > size || size - offset < bytes) {
    report(warp, op, Severity::kError, "out_of_bounds", lane, [&] {
      return fmt::format("reads {} bytes at shared offset {}, the allocation ends at {}", bytes, static_cast<std::int64_t>(offset), size);
    });
    return false;
  }
  if (!cta.launch->checks) return true;
  const std::uint8_t* valid = cta.shared_valid.data() + offset;
  std::uint64_t all = ~std::uint64_t{0};
  std::uint32_t at = 0;
  for (std::uint64_t word; at + 8 <= bytes; at += 8) {
    std::memcpy(&word, valid + at, 8);
    all &= word;
  }
  for (; at < bytes; ++at) all &= valid[at] | ~std::uint64_t{0xff};
  if (all != ~std::uint64_t{0}) {
    report(warp, op, Severity::kError, "uninitialized", lane, [&] {
      std::uint32_t first = 0;
      while (valid[first] == 0xff) ++first;
      return fmt::format("reads {} bytes at shared offset {}; byte {} was never written", bytes, offset, offset + first);
    });
  }
  // One lane alone reads what others of its warp have written.
  for (std::uint64_t granule = offset / 16; lane >= 0 && granule * 16 < offset + bytes; ++granule) {
    const std::uint64_t from = std::max(offset, granule * 16) - granule * 16, to = std::min(offset + bytes, granule * 16 + 16) - granule * 16;
    const LaneOrder::Conflict conflict = warp.cta->lane_order.read(warp.lane_epoch, static_cast<std::uint32_t>(granule), 1u << lane, static_cast<std::uint16_t>((1u << to) - (1u << from)), false);
    if (conflict.lane < 0) [[likely]] continue;
    report_lane_conflict(warp, op, conflict, Access::kRead, static_cast<std::uint32_t>(offset), bytes);
    break;
  }
  // Reads are known to be over once the warp has waited for the group that is open now.
  const std::uint32_t group = warp.async[static_cast<int>(kind)].committed[lane < 0 ? 0 : lane];
  check_async_access(warp, op, ProxyShadow::Access::kAsyncRead, queue_agent(warp, kind), group + 1, cta.rank, static_cast<std::uint32_t>(offset), bytes, lane);
  return true;
}

void async_read_granules(Warp& warp, const Op& op, AsyncKind kind, const std::uint32_t* granules, int count) {
  const Cta& cta = *warp.cta;
  const std::uint32_t inside = cta.launch->shared_bytes / ProxyShadow::kGranule;
  const std::uint8_t* const valid = cta.shared_valid.data();
  std::uint32_t last = 0;
  for (int i = 0; i < count; ++i) last = std::max(last, granules[i]);
  std::uint64_t all = ~std::uint64_t{0};
  for (int i = 0; i < count && last < inside && cta.launch->checks; ++i) {
    std::uint64_t words[2];
    std::memcpy(words, valid + std::size_t{granules[i]} * ProxyShadow::kGranule, sizeof words);
    all &= words[0] & words[1];
  }
  if (last >= inside || all != ~std::uint64_t{0}) [[unlikely]] {  // one is at fault: each by itself
    for (int i = 0; i < count;) {
      const GranuleRun run = granule_run(granules, count, i);
      async_read_shared(warp, op, kind, run.offset, run.bytes);
      i = run.end;
    }
    return;
  }
  if (cta.launch->checks) check_async_granules(warp, op, queue_agent(warp, kind), warp.async[static_cast<int>(kind)].committed[0] + 1, granules, count);
}

}  // namespace bsgen::sim
