#include "runtime/sim/check/shared_shadow.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace bsgen::sim {

void SharedShadow::reset(std::uint32_t bytes, int num_warps) {
  num_warps_ = num_warps;
  cells_.assign((bytes + 15) / 16 * 4, Cell{});
  clocks_.assign(kMaxWarps * kMaxWarps, 0);
  for (int warp = 0; warp < num_warps; ++warp) clocks_[warp * kMaxWarps + warp] = 1;
}

template <class Visit>
SharedShadow::Verdict SharedShadow::each(std::uint32_t offset, std::uint32_t bytes, Visit visit) {
  // The four words of a 16-byte chunk mostly have one history: then it is looked at once.
  if (bytes == 16 && offset % 16 == 0) {
    Cell* cells = &cells_[offset / 4];
    unsigned __int128 words[4];
    static_assert(sizeof words == 4 * sizeof(Cell));
    std::memcpy(words, cells, sizeof words);
    if (words[0] == words[1] && words[0] == words[2] && words[0] == words[3]) {
      const Verdict verdict = visit(cells[0], std::uint8_t{15});
      cells[1] = cells[2] = cells[3] = cells[0];
      return verdict;
    }
  }
  Verdict worst;
  const std::uint32_t end = offset + bytes;
  for (std::uint32_t word = offset / 4; word * 4 < end; ++word) {
    const std::uint32_t from = std::max(offset, word * 4) - word * 4, to = std::min(end, word * 4 + 4) - word * 4;
    const auto mask = static_cast<std::uint8_t>((1u << to) - (1u << from));
    const Verdict verdict = visit(cells_[word], mask);
    if (worst.race == Race::kNone) worst = verdict;
  }
  return worst;
}

SharedShadow::Verdict SharedShadow::read(int warp, std::uint32_t offset, std::uint32_t bytes) {
  return each(offset, bytes, [&](Cell& cell, std::uint8_t mask) -> Verdict {
    Verdict verdict;
    if (cell.pending & mask) {
      verdict = {Race::kPending, cell.writer};
    } else if ((cell.write_bytes & mask) && !knows(warp, cell.writer, cell.write_clock)) {
      verdict = {Race::kReadAfterWrite, cell.writer};
    }
    const std::uint32_t clock = now(warp);
    const std::uint32_t self = 1u << warp;
    if (cell.readers == 0 || (cell.readers == self)) {
      cell.readers = self, cell.read_clock = clock, cell.read_bytes = mask;
    } else if (!(cell.readers & self) || cell.read_bytes != mask) {
      bool stale = true;  // every earlier reader is already ordered before this one
      for (std::uint32_t rest = cell.readers & ~self; rest != 0 && stale; rest &= rest - 1)
        stale = knows(warp, std::countr_zero(rest), cell.read_clock);
      if (stale) {
        cell.readers = self, cell.read_clock = clock, cell.read_bytes = mask;
      } else {
        cell.readers |= self;
        cell.read_clock = std::min(cell.read_clock, clock);
        cell.read_bytes &= mask;
      }
    }
    return verdict;
  });
}

SharedShadow::Verdict SharedShadow::write_cell(int warp, Cell& cell, std::uint8_t mask, bool is_pending) {
  Verdict verdict;
  if (cell.pending & mask) {
    verdict = {Race::kPending, cell.writer};
  } else if ((cell.write_bytes & mask) && !knows(warp, cell.writer, cell.write_clock)) {
    verdict = {Race::kWriteAfterWrite, cell.writer};
  } else if (cell.read_bytes & mask) {
    for (std::uint32_t rest = cell.readers; rest != 0; rest &= rest - 1)
      if (const int reader = std::countr_zero(rest); !knows(warp, reader, cell.read_clock)) verdict = {Race::kWriteAfterRead, reader};
  }
  if (cell.write_clock != now(warp) || cell.writer != warp) cell.write_bytes = 0;
  cell.write_bytes |= mask;
  cell.write_clock = now(warp);
  cell.writer = static_cast<std::uint8_t>(warp);
  cell.pending = static_cast<std::uint8_t>(is_pending ? cell.pending | mask : cell.pending & ~mask);
  cell.readers = 0;
  cell.read_bytes = 0;
  cell.read_clock = 0;
  return verdict;
}

SharedShadow::Verdict SharedShadow::write(int warp, std::uint32_t offset, std::uint32_t bytes) {
  return each(offset, bytes, [&](Cell& cell, std::uint8_t mask) { return write_cell(warp, cell, mask, false); });
}

SharedShadow::Verdict SharedShadow::issue(int warp, std::uint32_t offset, std::uint32_t bytes) {
  return each(offset, bytes, [&](Cell& cell, std::uint8_t mask) { return write_cell(warp, cell, mask, true); });
}

void SharedShadow::complete(int warp, std::uint32_t offset, std::uint32_t bytes) {
  each(offset, bytes, [&](Cell& cell, std::uint8_t mask) -> Verdict {
    if (cell.writer == warp && (cell.pending & mask)) cell.write_clock = now(warp);
    cell.pending &= static_cast<std::uint8_t>(~mask);
    return {};
  });
}

void SharedShadow::barrier(std::uint64_t arrived, std::uint64_t waited) {
  std::uint32_t joined[kMaxWarps] = {};
  for (std::uint64_t rest = arrived; rest != 0; rest &= rest - 1) {
    const int warp = std::countr_zero(rest);
    for (int other = 0; other < num_warps_; ++other) joined[other] = std::max(joined[other], clocks_[warp * kMaxWarps + other]);
  }
  for (std::uint64_t rest = waited; rest != 0; rest &= rest - 1) {
    const int warp = std::countr_zero(rest);
    for (int other = 0; other < num_warps_; ++other)
      clocks_[warp * kMaxWarps + other] = std::max(clocks_[warp * kMaxWarps + other], joined[other]);
  }
  for (std::uint64_t rest = arrived; rest != 0; rest &= rest - 1) ++clocks_[std::countr_zero(rest) * (kMaxWarps + 1)];
}

}  // namespace bsgen::sim
