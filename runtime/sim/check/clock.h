// What synchronisation passes on: who has come how far, as far as a warp knows.
//
// `g` is what has happened before, `p` the part of it that the async proxy sees in shared memory, `q` the part that it sees in global
// memory; each by agent of the own cluster. Of agents of other clusters, which few programs synchronise with, only those are kept that
// something is known of.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace bsgen::sim {

inline void take_maximum(std::vector<std::uint32_t>& into, const std::vector<std::uint32_t>& from) {
  if (into.size() < from.size()) into.resize(from.size(), 0);
  for (std::size_t i = 0; i < from.size(); ++i) into[i] = std::max(into[i], from[i]);
}

class OtherClusters {
 public:
  struct Entry {
    std::uint64_t agent;  // its cluster's place in the launch << 16 | its number there
    std::uint32_t g, q;
  };
  static std::uint64_t agent(std::uint64_t cluster, std::uint32_t number) { return cluster << 16 | number; }

  const std::vector<Entry>& entries() const { return entries_; }
  bool empty() const { return entries_.empty(); }
  void clear() { entries_.clear(); }
  void raise(const Entry& to) {
    const auto at = place(to.agent);
    if (at == entries_.end() || at->agent != to.agent) {
      entries_.insert(at, to);
      return;
    }
    at->g = std::max(at->g, to.g);
    at->q = std::max(at->q, to.q);
  }
  void join(const OtherClusters& other) {
    if (entries_.empty()) {
      entries_ = other.entries_;
      return;
    }
    for (const Entry& entry : other.entries_) raise(entry);
  }
  bool knows(std::uint64_t agent, std::uint32_t clock) const {
    const Entry* const entry = find(agent);
    return entry != nullptr && entry->g >= clock;
  }
  bool async_proxy_sees(std::uint64_t agent, std::uint32_t clock) const {
    const Entry* const entry = find(agent);
    return entry != nullptr && entry->q >= clock;
  }
  void fence_async() {
    for (Entry& entry : entries_) entry.q = entry.g;
  }

 private:
  std::vector<Entry>::iterator place(std::uint64_t agent) {
    return std::lower_bound(entries_.begin(), entries_.end(), agent, [](const Entry& entry, std::uint64_t wanted) { return entry.agent < wanted; });
  }
  const Entry* find(std::uint64_t agent) const {
    const auto at = const_cast<OtherClusters*>(this)->place(agent);
    return at == entries_.end() || at->agent != agent ? nullptr : &*at;
  }
  std::vector<Entry> entries_;  // in order of agent
};

struct Clock {
  std::vector<std::uint32_t> g, p, q;
  OtherClusters others;

  bool empty() const { return g.empty() && others.empty(); }
  void clear() { g.clear(), p.clear(), q.clear(), others.clear(); }
  void join(const Clock& from) {
    take_maximum(g, from.g);
    take_maximum(p, from.p);
    take_maximum(q, from.q);
    others.join(from.others);
  }
};

}  // namespace bsgen::sim
