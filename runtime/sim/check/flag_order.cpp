#include "runtime/sim/check/flag_order.h"

#include "runtime/sim/exec/cluster.h"

namespace bsgen::sim {
namespace {

std::uint64_t cluster_of(const Warp& warp) { return warp.cta->order / warp.cta->worker->ctas.size(); }

// Clocks of one cluster's own agents, in numbers that hold between clusters.
OtherClusters for_all(const Warp& warp, const Clock& clock) {
  OtherClusters made = clock.others;
  for (std::uint32_t i = 0; i < clock.g.size(); ++i)
    if (clock.g[i] != 0) made.raise({OtherClusters::agent(cluster_of(warp), i), clock.g[i], i < clock.q.size() ? clock.q[i] : 0});
  return made;
}
Clock for_cluster(const Warp& warp, const OtherClusters& all) {
  Clock made;
  for (const OtherClusters::Entry& entry : all.entries()) {
    if (entry.agent >> 16 != cluster_of(warp)) {
      made.others.raise(entry);
      continue;
    }
    const std::size_t number = entry.agent & 0xffff;
    if (made.g.size() <= number) made.g.resize(number + 1, 0), made.q.resize(number + 1, 0);
    made.g[number] = entry.g;
    made.q[number] = entry.q;
  }
  return made;
}

}  // namespace

std::uint16_t agent_number(const Warp& warp) { return warp.cta->cluster != nullptr ? agent_of(warp) : static_cast<std::uint16_t>(warp.index); }

std::uint32_t clock_of(const Warp& warp) { return warp.cta->cluster != nullptr ? warp.cta->cluster->shadow.now(agent_of(warp)) : warp.cta->shadow.now(warp.index); }

void release(Warp& warp, Clock& into) {
  if (warp.cta->cluster != nullptr)
    warp.cta->cluster->shadow.release(agent_of(warp), into);
  else
    warp.cta->shadow.release(warp.index, into);
}
void acquire(Warp& warp, const Clock& from) {
  if (warp.cta->cluster != nullptr)
    warp.cta->cluster->shadow.acquire(agent_of(warp), from);
  else
    warp.cta->shadow.acquire(warp.index, from);
}

void FlagOrder::reset(std::size_t num_warps) {
  warps_.assign(num_warps, {});
  flags_.clear();
}

void FlagOrder::access(Warp& warp, std::uint64_t address, const Access& access) {
  PerWarp& own = warps_[agent_number(warp)];
  for (int scope = 0; scope <= static_cast<int>(access.scope); ++scope) {
    if (static_cast<Scope>(scope) == Scope::kGpu) {
      GlobalFlags& flags = warp.cta->worker->global.flags;
      const auto found = flags.find(address);
      if (access.reads && found != flags.end()) {
        const Clock clock = for_cluster(warp, found->second);
        access.acquires ? acquire(warp, clock) : own.seen[scope].join(clock);
      }
      if (!access.writes) continue;
      Clock released;
      access.releases ? release(warp, released) : released.join(own.fenced[scope]);
      if (released.empty() && found == flags.end()) continue;
      OtherClusters& flag = flags[address];
      if (!access.reads) flag.clear();
      flag.join(for_all(warp, released));
      continue;
    }
    const std::pair key(address, scope == 0 ? 1 + warp.cta->rank : 0);
    const auto found = flags_.find(key);
    if (access.reads && found != flags_.end()) access.acquires ? acquire(warp, found->second) : own.seen[scope].join(found->second);
    if (!access.writes || (!access.releases && own.fenced[scope].empty() && found == flags_.end())) continue;
    Clock& flag = flags_[key];
    if (!access.reads) flag.clear();
    access.releases ? release(warp, flag) : flag.join(own.fenced[scope]);
  }
}

void FlagOrder::fence(Warp& warp, Scope scope) {
  PerWarp& own = warps_[agent_number(warp)];
  for (int i = 0; i <= static_cast<int>(scope); ++i) {
    if (!own.seen[i].empty()) acquire(warp, own.seen[i]);
    own.seen[i].clear();
  }
  Clock released;
  release(warp, released);
  for (int i = 0; i <= static_cast<int>(scope); ++i) own.fenced[i] = released;
}

// The narrowest scope: a fence of any scope covers it.
void FlagOrder::release_relaxed(const Warp& warp, Clock& into) const { into.join(warps_[agent_number(warp)].fenced[0]); }
void FlagOrder::acquire_relaxed(const Warp& warp, const Clock& from) { warps_[agent_number(warp)].seen[0].join(from); }

}  // namespace bsgen::sim
