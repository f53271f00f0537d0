// Happens-before over shared memory: who wrote and read each byte last, and whether a barrier or wait stands between.
//
// Agents are the warps of the cta. Each has a vector clock: for every agent the latest epoch that it has synchronised with. Epochs
// are numbered by one counter; a barrier joins the clocks of its participants and starts a new epoch for each of them, a release or
// acquire (flags) does the same for one agent. An access
// is a race when the other side's epoch is not yet known to the accessing agent. A cp.async is pending until its thread has waited
// for it; only then does its write belong to the thread's epoch. Lanes of one warp are LaneOrder's business.
//
// History is kept per granule of 16 bytes: the last writer with its bytes and the readers since. Where parts of a granule have
// histories that one cell cannot hold, the granule splits into its four words, until everything in it is settled: known to all
// agents, so that it can never be one side of a race again. A word that cannot hold the whole truth keeps what all of it shares;
// so races may be missed but none is invented.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/sim/check/clock.h"

namespace bsgen::sim {

class SharedShadow {
 public:
  enum class Race : std::uint8_t { kNone, kPending, kReadAfterWrite, kWriteAfterWrite, kWriteAfterRead };
  struct Verdict {
    Race race = Race::kNone;
    int other_warp = 0;
  };
  static constexpr std::uint32_t kGranule = 16;
  static constexpr int kMaxAgents = 64;  // bits of Cell::readers

  void reset(std::uint32_t bytes, int num_agents);

  Verdict read(int agent, std::uint32_t offset, std::uint32_t bytes);
  Verdict write(int agent, std::uint32_t offset, std::uint32_t bytes);
  // What a write would meet; nothing is recorded.
  Verdict judge_write(int agent, std::uint32_t offset, std::uint32_t bytes) const;
  // cp.async: at issue, and when its thread has waited.
  Verdict issue(int agent, std::uint32_t offset, std::uint32_t bytes);
  void complete(int agent, std::uint32_t offset, std::uint32_t bytes);
  // All agents of the mask meet. Arrivals without waiting publish only.
  void barrier(std::uint64_t arrived, std::uint64_t waited);
  // Flags: what the agent knows and has done goes into the clock, and the other way round. Only Clock::g and others are in use.
  void release(int agent, Clock& into);
  void acquire(int agent, const Clock& from);

  std::uint32_t now(int agent) const { return known_to(agent)[agent]; }
  bool knows(int agent, int other, std::uint32_t clock) const { return other == agent || known_to(agent)[other] >= clock; }
  const OtherClusters& others(int agent) const { return others_[static_cast<std::size_t>(agent)]; }

  // Many whole granules at once, one per lane of the mask. What is clean and simple is done; returns the lanes that are not, for the
  // functions above to look at.
  std::uint32_t read_rows(int agent, const std::uint32_t* offsets, std::uint32_t lanes);
  std::uint32_t write_rows(int agent, const std::uint32_t* offsets, std::uint32_t lanes) { return overwrite_rows(agent, offsets, lanes, 0); }
  std::uint32_t issue_rows(int agent, const std::uint32_t* offsets, std::uint32_t lanes) { return overwrite_rows(agent, offsets, lanes, kWhole); }
  // The same for parts of granules: bit i of the result stands for entry i. No granule comes twice.
  std::uint32_t read_granules(int agent, const std::uint32_t* granules, const std::uint16_t* bytes, int count);
  std::uint32_t write_granules(int agent, const std::uint32_t* granules, const std::uint16_t* bytes, int count);
  std::uint32_t complete_rows(int agent, const std::uint32_t* offsets, std::uint32_t lanes);

 private:
  using Mask = std::uint16_t;  // bytes of a granule, or of a word in the low four bits
  static constexpr Mask kWhole = 0xffff, kWord = 15;
  struct Cell {
    std::uint64_t readers = 0;      // mask of agents
    std::uint32_t write_clock = 0;  // 0 = never written
    std::uint32_t read_clock = 0;   // the earliest epoch among the readers
    std::uint16_t writer = 0;
    Mask write_bytes = 0;
    Mask pending = 0;               // bytes of copies not waited for
    Mask read_bytes = 0;            // bytes that every recorded reader read
    Mask second_bytes = 0;          // bytes that one further reader has read, in the epoch read_clock, until they are all of read_bytes
    std::uint16_t second = 0;
    std::uint32_t words = 0;        // of a split granule: the first of four cells in words_; else 0
  };
  enum class Kind : std::uint8_t { kRead, kWrite, kIssue, kComplete };

  const std::uint32_t* known_to(int agent) const { return &clocks_[static_cast<std::size_t>(agent) * num_agents_]; }
  bool settled(const Cell& cell) const { return cell.write_clock <= settled_ && cell.read_clock <= settled_ && cell.pending == 0; }
  Verdict visit(Kind kind, int agent, std::uint32_t offset, std::uint32_t bytes);
  Verdict visit_granule(Kind kind, int agent, Cell& granule, Mask mask);
  Verdict visit_cell(Kind kind, int agent, Cell& cell, Mask mask) const;
  bool stale(int agent, const Cell& cell) const;
  static void add_second(int agent, Cell& cell, Mask mask);
  bool holds(Kind kind, int agent, const Cell& granule, Mask mask) const;
  void split(Cell& granule);
  std::uint32_t overwrite_rows(int agent, const std::uint32_t* offsets, std::uint32_t lanes, Mask pending);

  std::size_t num_agents_ = 0;
  std::uint32_t epoch_ = 0;            // the latest one begun
  std::uint32_t settled_ = 0;          // all agents know everything up to this epoch
  std::vector<std::uint32_t> clocks_;  // [agent][other]: the latest epoch of `other` that `agent` has synchronised with
  std::vector<OtherClusters> others_;  // per agent; mostly all are empty
  bool others_known_ = false;          // one is not
  std::vector<Cell> cells_;            // one per granule
  std::vector<Cell> words_;            // of split granules, four each
  std::vector<std::uint32_t> free_words_;
};

}  // namespace bsgen::sim
