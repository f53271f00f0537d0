// The shadow of global memory against a naive one that keeps every access and compares each with all before it.
#include <catch2/catch.hpp>

#include <algorithm>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "runtime/sim/check/global_shadow.h"

namespace {

using bsgen::sim::Allocation;
using bsgen::sim::GlobalShadow;
using bsgen::sim::Scope;
using Access = GlobalShadow::Access;
using Event = GlobalShadow::Event;

constexpr int kClusters = 3, kAgents = 2, kAll = kClusters * kAgents;

bool strong(Access access) { return access == Access::kStrongRead || access == Access::kStrongWrite || access == Access::kAtomic; }
bool holds(const Event& a, const Event& b) { return a.scope == Scope::kGpu || a.cluster == b.cluster; }
bool conflict(const Event& a, const Event& b) {
  const bool one_writes = GlobalShadow::writes(a.access) || GlobalShadow::writes(b.access);
  return (a.bytes & b.bytes) != 0 && one_writes && !(strong(a.access) && strong(b.access) && holds(a, b) && holds(b, a));
}
int number(const Event& event) { return static_cast<int>(event.cluster) * kAgents + event.by; }

struct Known final : GlobalShadow::Observer {
  std::uint32_t clocks[kAll] = {};
  int self = 0;
  bool knows(const Event& earlier) const override { return number(earlier) == self || clocks[number(earlier)] >= earlier.clock; }
  bool async_proxy_sees(const Event&) const override { return true; }
};

Event random_event(std::mt19937& random, bool with_strong) {
  Event event;
  event.cluster = static_cast<std::uint32_t>(random() % kClusters);
  event.by = static_cast<std::uint16_t>(random() % kAgents);
  const std::uint32_t size = 1u << random() % 5, at = static_cast<std::uint32_t>(random() % (16 / size)) * size;
  event.bytes = static_cast<std::uint16_t>((size == 16 ? 0xffff : (1u << size) - 1) << at);
  event.access = static_cast<Access>(random() % (with_strong ? 5 : 2));
  event.scope = strong(event.access) && random() % 4 == 0 ? Scope::kCluster : Scope::kGpu;
  event.lanes = 1;
  event.op = static_cast<std::uint32_t>(random() % 4);
  return event;
}

TEST_CASE("clusters_that_meet_race_where_a_naive_history_says_so") {
  int faults = 0;
  for (std::uint32_t seed = 1; seed <= 4000; ++seed) {
    std::mt19937 random(seed);
    Allocation memory(1 << 20, 64, true, "");
    memory.tracked = 1;
    GlobalShadow::Pool pool;
    GlobalShadow shadow;
    shadow.start({&memory}, true, pool);
    std::vector<std::pair<Event, std::uint64_t>> history;
    Known agents[kAll];
    for (int i = 0; i < kAll; ++i) agents[i].self = i, agents[i].clocks[i] = 1;
    for (int step = 0; step < 50; ++step) {
      if (random() % 3 == 0) {  // one releases, another acquires
        Known &from = agents[random() % kAll], &to = agents[random() % kAll];
        for (int i = 0; i < kAll; ++i)
          if (i != to.self) to.clocks[i] = std::max(to.clocks[i], from.clocks[i]);
        ++from.clocks[from.self];
        continue;
      }
      Event event = random_event(random, true);
      const Known& self = agents[number(event)];
      event.clock = self.clocks[self.self];
      const std::uint64_t granule = random() % 2;
      bool race = false;
      for (const auto& [earlier, where] : history) race |= where == granule && conflict(earlier, event) && !self.knows(earlier);
      const GlobalShadow::Verdict verdict = shadow.access(event, shadow.table(memory), granule, self);
      INFO("seed " << seed << ", step " << step);
      REQUIRE((verdict.fault != GlobalShadow::Fault::kNone) == race);
      if (race) {
        ++faults;
        REQUIRE(conflict(verdict.other, event));
        break;
      }
      history.emplace_back(event, granule);
    }
  }
  CHECK(faults > 1000);
}

TEST_CASE("clusters_that_cannot_meet_race_alike_wherever_they_ran") {
  int meetings = 0;
  for (std::uint32_t seed = 1; seed <= 1000; ++seed) {
    std::mt19937 random(seed);
    Allocation memory(1 << 20, 64, true, "");
    memory.tracked = 1;
    std::vector<std::pair<Event, std::uint64_t>> history;
    for (int step = 0; step < 12; ++step) history.emplace_back(random_event(random, false), random() % 4);
    std::sort(history.begin(), history.end(), [](const auto& a, const auto& b) { return a.first.cluster < b.first.cluster; });
    std::set<std::uint64_t> wanted;
    for (const auto& [a, where] : history)
      for (const auto& [b, there] : history)
        if (where == there && a.cluster != b.cluster && conflict(a, b)) wanted.insert(where);
    std::vector<std::string> first;
    for (int threads = 1; threads <= 3; ++threads) {
      GlobalShadow::Pool pool;
      std::vector<GlobalShadow> shadows(static_cast<std::size_t>(threads));
      for (GlobalShadow& shadow : shadows) shadow.start({&memory}, false, pool);
      for (const auto& [event, granule] : history) {
        Known all;  // within a cluster all is ordered
        for (std::uint32_t& clock : all.clocks) clock = 100;
        GlobalShadow& shadow = shadows[event.cluster % static_cast<std::uint32_t>(threads)];
        REQUIRE(shadow.access(event, shadow.table(memory), granule, all).fault == GlobalShadow::Fault::kNone);
      }
      std::vector<const GlobalShadow*> pointers;
      for (const GlobalShadow& shadow : shadows) pointers.push_back(&shadow);
      std::set<std::uint64_t> found;
      std::vector<std::string> told;
      GlobalShadow::between_clusters(pointers, kClusters, [&](const Allocation&, std::uint64_t granule, const Event& earlier, const Event& later, std::uint32_t byte) {
        found.insert(granule);
        REQUIRE(conflict(earlier, later));
        told.push_back(std::to_string(granule) + " " + std::to_string(earlier.cluster) + " " + std::to_string(earlier.op) + " " + std::to_string(later.cluster) + " " + std::to_string(later.op) + " " +
                       std::to_string(byte));
      });
      // Where the launch ends with an earlier cluster, what ran behind it does not count.
      GlobalShadow::between_clusters(pointers, kClusters - 1, [&](const Allocation&, std::uint64_t, const Event&, const Event& later, std::uint32_t) { REQUIRE(later.cluster < kClusters - 1); });
      INFO("seed " << seed << ", threads " << threads);
      REQUIRE(found == wanted);
      if (threads == 1) first = told;
      REQUIRE(told == first);
    }
    meetings += static_cast<int>(wanted.size());
  }
  CHECK(meetings > 1000);
}

}  // namespace
