#include "runtime/sim/check/proxy_shadow.h"

#include <algorithm>
#include <utility>

namespace bsgen::sim {
namespace {

constexpr std::size_t kMemos = 4096;
constexpr std::size_t kMaxHistories = 1 << 15;
constexpr std::size_t kMaxEntries = 64;  // of one history; older reads are forgotten first

std::uint64_t mix(std::uint64_t h, std::uint64_t x) {
  h = (h ^ x) * 0x9e3779b97f4a7c15u;
  return h ^ h >> 29;
}

}  // namespace

void ProxyShadow::reset(int num_ctas, int warps_per_cta, std::uint32_t shared_bytes) {
  num_warps_ = num_ctas * warps_per_cta;
  warps_per_cta_ = warps_per_cta;
  num_agents_ = kWarpKinds * num_warps_ + kBarrierAgents;
  granules_ = (shared_bytes + kGranule - 1) / kGranule;
  const std::vector<std::uint32_t> nothing(static_cast<std::size_t>(num_agents_), 0);
  g_.assign(static_cast<std::size_t>(num_warps_), nothing);
  p_ = q_ = g_;
  others_.assign(static_cast<std::size_t>(num_warps_), {});
  version_.assign(static_cast<std::size_t>(num_warps_), 0);
  memory_.assign(std::size_t{granules_} * static_cast<std::size_t>(num_ctas), 0);
  histories_.assign(1, {});
  limit_ = kMaxHistories;
  interned_.clear();
  memos_.assign(kMemos, {});
  recent_ = {};
  for (int i = 0; i < num_warps_; ++i) tick(static_cast<Agent>(i));
}

ProxyShadow::Verdict ProxyShadow::judge(const History& history, std::uint16_t mask, const Event& event) const {
  if (history.barriers & mask) return {Fault::kBarrierObject, 0, 0, false};
  const bool writes = event.access == Access::kWrite || event.access == Access::kAsyncWrite;
  const bool async = event.access == Access::kAsyncRead || event.access == Access::kAsyncWrite;
  for (const Entry& entry : history.entries) {
    if (!(entry.bytes & mask) || (entry.is_read && !writes)) continue;
    const bool is_own = entry.agent == event.issuer;
    if (!is_own && g_[event.issuer][entry.agent] < entry.clock) {
      const Fault fault = entry.is_read ? Fault::kWriteAfterRead : writes ? Fault::kWriteAfterWrite : Fault::kReadAfterWrite;
      return {fault, entry.agent, entry.op, entry.clock == kInFlight};
    }
    if (async && !entry.is_read && !entry.is_async && p_[event.issuer][entry.agent] < entry.clock) return {Fault::kProxy, entry.agent, entry.op, false};
  }
  return {};
}

std::uint32_t ProxyShadow::intern(History history) {
  std::uint64_t hash = mix(0x243f6a8885a308d3u, history.barriers);
  for (const Entry& e : history.entries) {
    hash = mix(hash, std::uint64_t{e.agent} << 48 | std::uint64_t{e.bytes} << 32 | e.clock);
    hash = mix(hash, std::uint64_t{e.op} << 2 | static_cast<std::uint64_t>(e.is_read) << 1 | static_cast<std::uint64_t>(e.is_async));
  }
  const auto [found, is_new] = interned_.try_emplace(hash, static_cast<std::uint32_t>(histories_.size()));
  if (!is_new && histories_[found->second] == history) return found->second;
  histories_.push_back(std::move(history));
  return static_cast<std::uint32_t>(histories_.size() - 1);
}

std::uint32_t ProxyShadow::step(std::uint32_t before, std::uint16_t mask, const Event& event, Verdict& verdict) {
  const std::uint64_t version = version_[event.issuer];
  Memo& memo = memos_[mix(mix(version, std::uint64_t{before} << 16 | mask), std::uint64_t{event.op} << 8 | static_cast<std::uint64_t>(event.access)) % kMemos];
  if (memo.before == before && memo.version == version && memo.mask == mask && memo.access == event.access && memo.by == event.by &&
      memo.clock == event.clock && memo.issuer == event.issuer && memo.op == event.op) {
    verdict = memo.verdict;
    return memo.after;
  }
  verdict = judge(histories_[before], mask, event);
  const bool writes = event.access == Access::kWrite || event.access == Access::kAsyncWrite;
  const bool async = event.access == Access::kAsyncRead || event.access == Access::kAsyncWrite;
  History after;
  after.barriers = histories_[before].barriers;
  for (Entry entry : histories_[before].entries) {
    // A write ends what is known of the bytes. A read replaces this reader's earlier one, which every later writer that knows this one knows too.
    if (writes || (entry.is_read && entry.agent == event.by)) entry.bytes &= static_cast<std::uint16_t>(~mask);
    if (entry.bytes != 0) after.entries.push_back(entry);
  }
  if (after.entries.size() >= kMaxEntries)
    after.entries.erase(std::find_if(after.entries.begin(), after.entries.end() - 1, [](const Entry& entry) { return entry.is_read; }));
  after.entries.push_back({event.by, mask, event.clock, event.op, !writes, async});
  memo = {before, intern(std::move(after)), version, event.clock, event.op, event.by, event.issuer, mask, event.access, verdict};
  return memo.after;
}

template <class Change>
void ProxyShadow::change(int cta, std::uint32_t offset, std::uint32_t bytes, Change change) {
  if (histories_.size() > limit_) collect();
  std::uint32_t* memory = memory_.data() + std::size_t{granules_} * static_cast<std::size_t>(cta);
  const std::uint32_t end = offset + bytes;
  std::uint32_t last_before = ~std::uint32_t{0}, last_after = 0;
  for (std::uint32_t granule = offset / kGranule; granule * kGranule < end; ++granule) {
    const std::uint32_t start = granule * kGranule;
    const std::uint32_t from = std::max(offset, start) - start, to = std::min(end, start + kGranule) - start;
    const auto mask = static_cast<std::uint16_t>((1u << to) - (1u << from));
    if (mask == 0xffff && memory[granule] == last_before) {
      memory[granule] = last_after;
      continue;
    }
    const std::uint32_t before = memory[granule];
    memory[granule] = change(before, mask);
    if (mask == 0xffff) last_before = before, last_after = memory[granule];
  }
}

void ProxyShadow::look_at(const Event& event) {
  if (histories_.size() > limit_) collect();
  if (recent_.event != event || recent_.version != version_[event.issuer]) recent_ = {event, version_[event.issuer], ~std::uint32_t{0}, 0};
}

ProxyShadow::Verdict ProxyShadow::access_granules(const Event& event, int cta, const std::uint32_t* granules, int count, int& which) {
  look_at(event);
  std::uint32_t* memory = memory_.data() + std::size_t{granules_} * static_cast<std::size_t>(cta);
  Verdict worst;
  for (int i = 0; i < count; ++i) {
    std::uint32_t& history = memory[granules[i]];
    if (history == recent_.before) [[likely]] {
      history = recent_.after;
      continue;
    }
    const std::uint32_t before = history;
    Verdict verdict;
    history = step(before, 0xffff, event, verdict);
    if (verdict.fault == Fault::kNone)
      recent_.before = before, recent_.after = history;
    else if (worst.fault == Fault::kNone)
      worst = verdict, which = i;
  }
  return worst;
}

ProxyShadow::Verdict ProxyShadow::access(const Event& event, int cta, std::uint32_t offset, std::uint32_t bytes) {
  look_at(event);
  std::uint32_t* memory = memory_.data() + std::size_t{granules_} * static_cast<std::size_t>(cta);
  const std::uint32_t end = offset + bytes;
  Verdict worst;
  for (std::uint32_t granule = offset / kGranule; granule * kGranule < end; ++granule) {
    const std::uint32_t start = granule * kGranule;
    const bool whole = start >= offset && start + kGranule <= end;
    if (whole && memory[granule] == recent_.before) {
      memory[granule] = recent_.after;
      continue;
    }
    const std::uint32_t from = std::max(offset, start) - start, to = std::min(end, start + kGranule) - start, before = memory[granule];
    Verdict verdict;
    memory[granule] = step(before, static_cast<std::uint16_t>((1u << to) - (1u << from)), event, verdict);
    if (worst.fault == Fault::kNone) worst = verdict;
    if (whole && verdict.fault == Fault::kNone) recent_.before = before, recent_.after = memory[granule];
  }
  return worst;
}
ProxyShadow::Verdict ProxyShadow::judge_access(const Event& event, int cta, std::uint32_t offset, std::uint32_t bytes) const {
  const std::uint32_t* memory = memory_.data() + std::size_t{granules_} * static_cast<std::size_t>(cta);
  const std::uint32_t end = offset + bytes;
  for (std::uint32_t granule = offset / kGranule; granule * kGranule < end; ++granule) {
    const std::uint32_t start = granule * kGranule, from = std::max(offset, start) - start, to = std::min(end, start + kGranule) - start;
    if (const Verdict verdict = judge(histories_[memory[granule]], static_cast<std::uint16_t>((1u << to) - (1u << from)), event); verdict.fault != Fault::kNone) return verdict;
  }
  return {};
}
ProxyShadow::Verdict ProxyShadow::access_granule(const Event& event, int cta, std::uint32_t granule, std::uint16_t bytes) {
  if (histories_.size() > limit_) collect();
  std::uint32_t& history = memory_[std::size_t{granules_} * static_cast<std::size_t>(cta) + granule];
  Verdict verdict;
  history = step(history, bytes, event, verdict);
  return verdict;
}

void ProxyShadow::land(Agent by, std::uint32_t clock, int cta, std::uint32_t offset, std::uint32_t bytes) {
  change(cta, offset, bytes, [&](std::uint32_t before, std::uint16_t mask) {
    History after = histories_[before];
    for (Entry& entry : after.entries)
      if (entry.agent == by && entry.clock == kInFlight && !entry.is_read && (entry.bytes & ~mask) == 0) entry.clock = clock;
    return intern(std::move(after));
  });
}

void ProxyShadow::set_barrier(int cta, std::uint32_t offset, bool is_barrier) {
  change(cta, offset, 8, [&](std::uint32_t before, std::uint16_t mask) {
    History after = histories_[before];
    after.barriers = static_cast<std::uint16_t>(is_barrier ? after.barriers | mask : after.barriers & ~mask);
    return intern(std::move(after));
  });
}

// Forgets histories that no memory has any more.
void ProxyShadow::collect() {
  std::vector<std::uint32_t> number(histories_.size(), 0);
  std::vector<History> kept(1);
  for (std::uint32_t& id : memory_) {
    if (id == 0) continue;
    if (number[id] == 0) {
      number[id] = static_cast<std::uint32_t>(kept.size());
      kept.push_back(std::move(histories_[id]));
    }
    id = number[id];
  }
  histories_.clear();
  interned_.clear();
  memos_.assign(kMemos, {});
  recent_ = {};
  histories_.emplace_back();
  for (std::size_t i = 1; i < kept.size(); ++i) histories_.push_back(std::move(kept[i]));
  limit_ = std::max(kMaxHistories, 2 * histories_.size());
}

void ProxyShadow::release(Agent warp, Clock& into) {
  take_maximum(into.g, g_[warp]);
  take_maximum(into.p, p_[warp]);
  take_maximum(into.q, q_[warp]);
  into.others.join(others_[warp]);
  tick(warp);
}
void ProxyShadow::release_until(Agent warp, std::uint32_t clock, Clock& into) {
  std::vector<std::uint32_t>* const mine[3] = {&g_[warp], &p_[warp], &q_[warp]};
  std::uint32_t now[3];
  for (int i = 0; i < 3; ++i) now[i] = std::exchange((*mine[i])[warp], std::min((*mine[i])[warp], clock));
  take_maximum(into.g, g_[warp]);
  take_maximum(into.p, p_[warp]);
  take_maximum(into.q, q_[warp]);
  into.others.join(others_[warp]);
  for (int i = 0; i < 3; ++i) (*mine[i])[warp] = now[i];
  tick(warp);
}
void ProxyShadow::acquire(Agent warp, const Clock& from) {
  const std::uint32_t own = g_[warp][warp];
  take_maximum(g_[warp], from.g);
  take_maximum(p_[warp], from.p);
  take_maximum(q_[warp], from.q);
  others_[warp].join(from.others);
  g_[warp][warp] = own;
  changed(warp);
}
void ProxyShadow::fence_async(Agent warp, bool shared, bool global) {
  if (shared) take_maximum(p_[warp], g_[warp]);
  if (global) take_maximum(q_[warp], g_[warp]), others_[warp].fence_async();
  tick(warp);
}
void ProxyShadow::learn(Agent warp, Agent other, std::uint32_t clock) {
  if (g_[warp][other] >= clock) return;
  g_[warp][other] = clock;
  changed(warp);
}

}  // namespace bsgen::sim
