// Happens-before over shared memory: who wrote and read each word last, and whether a barrier or wait stands between.
//
// Agents are the warps of the cta. Each has a vector clock; a barrier joins the clocks of its participants and starts a new epoch
// for each of them. An access is a race when the other side's epoch is not yet known to the accessing warp. A cp.async is
// pending until its thread has waited for it; only then does its write belong to the thread's epoch. Lanes of one warp count as
// ordered.
//
// One cell per 4 bytes keeps the last writer with its bytes and the readers since. Where one cell cannot hold the whole truth
// (readers of different bytes or epochs) it keeps what all of them share, so races may be missed but none is invented.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bsgen::sim {

class SharedShadow {
 public:
  enum class Race : std::uint8_t { kNone, kPending, kReadAfterWrite, kWriteAfterWrite, kWriteAfterRead };
  struct Verdict {
    Race race = Race::kNone;
    int other_warp = 0;
  };

  void reset(std::uint32_t bytes, int num_warps);

  Verdict read(int warp, std::uint32_t offset, std::uint32_t bytes);
  Verdict write(int warp, std::uint32_t offset, std::uint32_t bytes);
  // cp.async: at issue, and when its thread has waited.
  Verdict issue(int warp, std::uint32_t offset, std::uint32_t bytes);
  void complete(int warp, std::uint32_t offset, std::uint32_t bytes);
  // All warps of the mask meet. Arrivals without waiting publish only.
  void barrier(std::uint64_t arrived, std::uint64_t waited);

 private:
  struct Cell {
    std::uint32_t write_clock = 0;   // 0 = never written
    std::uint8_t writer = 0;
    std::uint8_t write_bytes = 0;    // mask of 4
    std::uint8_t pending = 0;        // bytes of copies not waited for
    std::uint8_t read_bytes = 0;     // bytes that every recorded reader read
    std::uint32_t readers = 0;       // mask of warps
    std::uint32_t read_clock = 0;    // the earliest epoch among them
  };
  bool knows(int warp, int other, std::uint32_t clock) const { return other == warp || clocks_[warp * kMaxWarps + other] >= clock; }
  std::uint32_t now(int warp) const { return clocks_[warp * kMaxWarps + warp]; }
  Verdict write_cell(int warp, Cell& cell, std::uint8_t mask, bool is_pending);
  template <class Visit>
  Verdict each(std::uint32_t offset, std::uint32_t bytes, Visit visit);

  static constexpr int kMaxWarps = 32;
  int num_warps_ = 0;
  std::vector<std::uint32_t> clocks_;  // [warp][other]: the latest epoch of `other` that `warp` has synchronised with
  std::vector<Cell> cells_;
};

}  // namespace bsgen::sim
