// The shadow of clusters and proxies against a naive one that keeps for every byte which accesses there have been, and for every warp which of
// them it knows.
#include <catch2/catch.hpp>

#include <random>
#include <set>
#include <vector>

#include "runtime/sim/check/proxy_shadow.h"

using bsgen::sim::Clock;
using bsgen::sim::ProxyShadow;
using Access = ProxyShadow::Access;
using Fault = ProxyShadow::Fault;
using Kind = ProxyShadow::AgentKind;

namespace {

constexpr int kWarps = 3;
constexpr std::uint32_t kBytes = 96;

struct Naive {
  using Events = std::set<int>;
  struct Byte { int write = -1; bool write_is_generic = false; Events reads; };
  struct Published { Events known, seen; };  // by a release
  Byte bytes[kBytes];
  Events known[kWarps], seen[kWarps];        // seen: by the async proxy
  std::vector<std::pair<std::uint32_t, int>> groups[kWarps];  // asynchronous reads of a warp: group, event
  int events = 0;

  std::set<Fault> access(int warp, Access access, std::uint32_t offset, std::uint32_t size, std::uint32_t group) {
    const bool writes = access == Access::kWrite || access == Access::kAsyncWrite, async = access >= Access::kAsyncRead;
    std::set<Fault> faults;
    const int event = events++;
    for (std::uint32_t i = offset; i < offset + size; ++i) {
      Byte& byte = bytes[i];
      if (byte.write >= 0 && known[warp].count(byte.write) == 0) faults.insert(writes ? Fault::kWriteAfterWrite : Fault::kReadAfterWrite);
      else if (byte.write >= 0 && async && byte.write_is_generic && seen[warp].count(byte.write) == 0) faults.insert(Fault::kProxy);
      for (const int read : byte.reads)
        if (writes && known[warp].count(read) == 0) faults.insert(Fault::kWriteAfterRead);
      if (writes) byte = {event, !async, {}};
      else byte.reads.insert(event);
    }
    if (async) groups[warp].emplace_back(group, event);
    else known[warp].insert(event);
    return faults;
  }
};

struct Counts { int faults = 0, wrong = 0; };

Counts compare(std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  ProxyShadow shadow;
  shadow.reset(1, kWarps, kBytes);
  Naive naive;
  Clock clocks[2];
  Naive::Published published[2];
  std::uint32_t groups[kWarps] = {};
  Counts counts;
  for (std::uint32_t step = 0; step < 80; ++step) {
    const int warp = static_cast<int>(below(kWarps));
    const ProxyShadow::Agent self = shadow.warp(0, warp), bulk = shadow.of(Kind::kBulk, self);
    const std::uint32_t what = below(16), flag = below(2);
    if (what == 0) {
      shadow.release(self, clocks[flag]);
      published[flag].known.insert(naive.known[warp].begin(), naive.known[warp].end());
      published[flag].seen.insert(naive.seen[warp].begin(), naive.seen[warp].end());
    } else if (what <= 2) {
      shadow.acquire(self, clocks[flag]);
      naive.known[warp].insert(published[flag].known.begin(), published[flag].known.end());
      naive.seen[warp].insert(published[flag].seen.begin(), published[flag].seen.end());
    } else if (what == 3) {
      shadow.fence_async(self, true, below(2) == 0);
      naive.seen[warp] = naive.known[warp];
    } else if (what == 4) {  // a barrier of all
      Clock all;
      Naive::Events known, seen;
      for (int i = 0; i < kWarps; ++i) {
        shadow.release(shadow.warp(0, i), all);
        known.insert(naive.known[i].begin(), naive.known[i].end());
        seen.insert(naive.seen[i].begin(), naive.seen[i].end());
      }
      for (int i = 0; i < kWarps; ++i) {
        shadow.acquire(shadow.warp(0, i), all);
        naive.known[i] = known;
        naive.seen[i] = seen;
      }
    } else if (what == 5) {  // a wait for the groups that are complete now
      const std::uint32_t over = ++groups[warp];
      shadow.learn(self, bulk, over);
      for (const auto& [group, event] : naive.groups[warp])
        if (group <= over) naive.known[warp].insert(event);
    } else {
      const std::uint32_t sizes[] = {1, 4, 16, 32}, size = sizes[below(4)], offset = below(kBytes / size) * size;
      const Access access = static_cast<Access>(what < 11 ? 0 : what < 14 ? 1 : what == 14 ? 2 : 3);
      const bool async = access >= Access::kAsyncRead;
      const std::uint32_t clock = async ? groups[warp] + 1 : shadow.now(self);
      const ProxyShadow::Event event{access, async ? bulk : self, clock, self, step};
      ProxyShadow::Verdict verdict;
      if (size < 16 && below(2) == 0) {
        verdict = shadow.access_granule(event, 0, offset / 16, static_cast<std::uint16_t>(((1u << size) - 1) << offset % 16));
      } else if (size >= 16 && below(2) == 0) {
        const std::uint32_t granules[2] = {offset / 16, offset / 16 + 1};
        int which = -1;
        verdict = shadow.access_granules(event, 0, granules, static_cast<int>(size / 16), which);
      } else {
        verdict = shadow.access(event, 0, offset, size);
      }
      const std::set<Fault> faults = naive.access(warp, access, offset, size, clock);
      counts.faults += !faults.empty();
      counts.wrong += faults.empty() ? verdict.fault != Fault::kNone : faults.count(verdict.fault) == 0;
      if (!faults.empty()) break;  // after a fault the two may remember differently
    }
  }
  return counts;
}

TEST_CASE("the_proxy_shadow_says_what_a_naive_one_of_every_byte_says") {
  Counts all;
  for (std::uint32_t seed = 1; seed <= 4000; ++seed) {
    const Counts counts = compare(seed);
    INFO("seed " << seed);
    REQUIRE(counts.wrong == 0);
    all.faults += counts.faults;
  }
  CHECK(all.faults > 1000);
}

}  // namespace
