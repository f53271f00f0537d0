// The shadow of shared memory against a naive one that keeps every byte's whole history.
#include <catch2/catch.hpp>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <map>
#include <random>
#include <vector>

#include "runtime/sim/check/shared_shadow.h"

using bsgen::sim::SharedShadow;
using Race = SharedShadow::Race;

namespace {

constexpr int kAgents = 4;
constexpr std::uint32_t kBytes = 64;

// Per byte the last write and, for every agent, its last read since; clocks as sets of everything that happened before.
struct Reference {
  struct Event { int agent = -1; std::uint32_t time = 0; };
  struct Byte { Event write; bool pending = false; std::uint32_t reads[kAgents] = {}; };
  Byte bytes[kBytes];
  std::uint32_t now[kAgents], known[kAgents][kAgents] = {};
  Reference() { std::fill(now, now + kAgents, 1); }

  bool before(int agent, int other, std::uint32_t time) const { return other == agent || known[agent][other] >= time; }
  Race access(int agent, const Byte& b, bool is_write) const {
    if (b.pending) return Race::kPending;
    if (b.write.agent >= 0 && !before(agent, b.write.agent, b.write.time)) return is_write ? Race::kWriteAfterWrite : Race::kReadAfterWrite;
    for (int other = 0; is_write && other < kAgents; ++other)
      if (b.reads[other] != 0 && !before(agent, other, b.reads[other])) return Race::kWriteAfterRead;
    return Race::kNone;
  }
  // The races that bytes of the range have with what came before.
  std::vector<Race> visit(int agent, std::uint32_t offset, std::uint32_t size, bool is_write, bool is_issue) {
    std::vector<Race> races;
    for (std::uint32_t i = offset; i < offset + size; ++i) {
      Byte& b = bytes[i];
      if (const Race race = access(agent, b, is_write); race != Race::kNone) races.push_back(race);
      if (is_write) b = {{agent, now[agent]}, is_issue, {}};
      else b.reads[agent] = now[agent];
    }
    return races;
  }
  void complete(int agent, std::uint32_t offset, std::uint32_t size) {
    for (std::uint32_t i = offset; i < offset + size; ++i) {
      if (bytes[i].pending && bytes[i].write.agent == agent) bytes[i].write.time = now[agent];
      bytes[i].pending = false;
    }
  }
  void barrier(std::uint64_t arrived, std::uint64_t waited) {
    std::uint32_t joined[kAgents] = {};
    for (int a = 0; a < kAgents; ++a)
      for (int o = 0; o < kAgents; ++o)
        if (arrived >> a & 1) joined[o] = std::max(joined[o], o == a ? now[a] : known[a][o]);
    for (int a = 0; a < kAgents; ++a) {
      for (int o = 0; o < kAgents; ++o)
        if (waited >> a & 1) known[a][o] = std::max(known[a][o], joined[o]);
      if (arrived >> a & 1) ++now[a];
    }
  }
};

struct Counts { int races = 0, invented = 0, missed = 0; };

// One random history in both; what the shadow says of each access against what the reference says.
Counts compare(std::uint32_t seed, const std::vector<std::uint32_t>& sizes, bool full_barriers) {
  std::mt19937 random(seed);
  const auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  SharedShadow shadow;
  shadow.reset(kBytes, kAgents);
  Reference reference;
  struct Copy { std::uint32_t offset, size; };
  std::vector<Copy> pending[kAgents];
  Counts counts;
  for (int step = 0; step < 60; ++step) {
    const int agent = static_cast<int>(below(kAgents));
    const std::uint32_t size = sizes[below(static_cast<std::uint32_t>(sizes.size()))], offset = below(kBytes / size) * size;
    const std::uint32_t what = below(10);
    if (what == 9) {
      const std::uint64_t everyone = (1u << kAgents) - 1;
      const std::uint64_t arrived = full_barriers ? everyone : std::uint64_t{1 + below(everyone)};
      const std::uint64_t waited = full_barriers ? everyone : arrived & random();
      shadow.barrier(arrived, waited);
      reference.barrier(arrived, waited);
      continue;
    }
    if (what == 8) {
      std::vector<Copy> kept;  // a wait covers some of the groups
      for (const Copy& copy : pending[agent]) {
        if (below(2) == 0) {
          kept.push_back(copy);
          continue;
        }
        if (copy.size != 16 || shadow.complete_rows(agent, &copy.offset, 1) != 0) shadow.complete(agent, copy.offset, copy.size);
        reference.complete(agent, copy.offset, copy.size);
      }
      pending[agent] = std::move(kept);
      continue;
    }
    const bool is_write = what >= 4, is_issue = what >= 6 && size >= 4;
    // Mostly through the batched forms, as the handlers do it.
    SharedShadow::Verdict verdict;
    const std::uint32_t row = offset;
    const std::uint32_t granule = offset / 16;
    const auto bytes = static_cast<std::uint16_t>(((1u << size) - 1) << offset % 16);
    const bool batched = below(4) != 0;
    const bool left = !batched ? true : size != 16 ? is_issue || (is_write ? shadow.write_granules(agent, &granule, &bytes, 1) : shadow.read_granules(agent, &granule, &bytes, 1)) != 0 : 
                      (is_issue ? shadow.issue_rows(agent, &row, 1) : is_write ? shadow.write_rows(agent, &row, 1) : shadow.read_rows(agent, &row, 1)) != 0;
    if (left) verdict = is_issue ? shadow.issue(agent, offset, size) : is_write ? shadow.write(agent, offset, size) : shadow.read(agent, offset, size);
    const std::vector<Race> races = reference.visit(agent, offset, size, is_write, is_issue);
    if (is_issue) pending[agent].push_back({offset, size});
    counts.races += !races.empty();
    if (verdict.race == Race::kNone) counts.missed += !races.empty();
    else counts.invented += std::find(races.begin(), races.end(), verdict.race) == races.end();
    if (!races.empty()) break;  // after a race the two may remember differently
  }
  return counts;
}

Counts compare_many(const std::vector<std::uint32_t>& sizes, bool full_barriers) {
  Counts sum;
  for (std::uint32_t seed = 0; seed < 20000; ++seed) {
    const Counts one = compare(seed, sizes, full_barriers);
    sum.races += one.races, sum.invented += one.invented, sum.missed += one.missed;
  }
  return sum;
}

}  // namespace

TEST_CASE("the_shadow_invents_no_race_whatever_sizes_mix") {
  for (const bool full_barriers : {false, true}) {
    const Counts counts = compare_many({1, 2, 4, 8, 16}, full_barriers);
    INFO(counts.races << " races, " << counts.missed << " missed");
    CHECK(counts.races > 10000);
    CHECK(counts.invented == 0);
    CHECK(counts.missed < counts.races / 20);  // a word that bytes of several epochs share keeps what they have in common
  }
}

TEST_CASE("the_shadow_finds_every_first_race_of_words_and_rows_between_full_barriers") {
  const Counts counts = compare_many({4, 8, 16}, true);
  CHECK(counts.races > 10000);
  CHECK(counts.invented == 0);
  CHECK(counts.missed == 0);
}

TEST_CASE("a_granule_of_mixed_words_is_whole_again_after_a_barrier") {
  SharedShadow shadow;
  shadow.reset(16, 2);
  CHECK(shadow.write(0, 0, 4).race == Race::kNone);
  CHECK(shadow.write(1, 4, 4).race == Race::kNone);  // its neighbour: two histories
  CHECK(shadow.read(0, 4, 4).race == Race::kReadAfterWrite);
  shadow.barrier(3, 3);
  const std::uint32_t row = 0;
  CHECK(shadow.read(1, 0, 16).race == Race::kNone);
  CHECK(shadow.read_rows(1, &row, 1) == 0);
  CHECK(shadow.write(0, 12, 4).race == Race::kWriteAfterRead);
}

TEST_CASE("halves_of_a_granule_that_land_in_different_epochs_keep_each_their_own") {
  SharedShadow shadow;
  shadow.reset(16, 2);
  CHECK(shadow.issue(0, 0, 8).race == Race::kNone);
  CHECK(shadow.issue(0, 8, 8).race == Race::kNone);
  shadow.complete(0, 0, 8);
  CHECK(shadow.read(0, 8, 8).race == Race::kPending);
  shadow.barrier(3, 3);
  shadow.complete(0, 8, 8);
  CHECK(shadow.read(1, 0, 8).race == Race::kNone);
  CHECK(shadow.read(1, 8, 8).race == Race::kReadAfterWrite);  // it landed after the barrier
}
