// Order between the lanes of one warp: what a lane wrote is another's only after __syncwarp (bar.warp.sync) or a barrier, though lanes
// that execute together happen to see it (PTX ISA, "bar.warp.sync").
//
// Everything between two such points of a warp is one epoch; epochs are numbered per cta, so an epoch names its warp. Kept per granule of
// 16 bytes: which lanes wrote there in the latest epoch, which bytes, and which lanes read all of it; and which lanes read each word. A
// conflict is reported only where no other reading of that is possible: every byte of the access was touched in this epoch, and not by the
// accessing lane.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace bsgen::sim {

class LaneOrder {
 public:
  struct Conflict {
    int lane = -1, other = 0;  // lane -1: none
    bool other_wrote = false;
  };

  // Another cta's turn. Its epochs are numbers that none had before, so what the last one left says nothing.
  void reset(std::uint32_t bytes) {
    if (cells_.size() == (bytes + 15) / 16) return;
    cells_.assign((bytes + 15) / 16, Cell());
    words_.assign((bytes + 3) / 4, Word());
  }

  // `bytes` of the granule, as a mask, that `lanes` touch together; `whole`: each of them all of it.
  Conflict read(std::uint32_t epoch, std::uint32_t granule, std::uint32_t lanes, std::uint16_t bytes, bool whole) {
    Cell& cell = at(epoch, granule);
    const Conflict conflict = against_writers(cell, lanes, bytes);
    if (whole) cell.readers |= lanes;
    return conflict;
  }
  Conflict write(std::uint32_t epoch, std::uint32_t granule, std::uint32_t lanes, std::uint16_t bytes) {
    Cell& cell = at(epoch, granule);
    Conflict conflict = against_writers(cell, lanes, bytes);
    if (cell.readers != 0 && conflict.lane < 0)
      for (std::uint32_t rest = lanes; rest != 0; rest &= rest - 1)
        if (const int lane = std::countr_zero(rest); cell.readers & ~(1u << lane)) {
          conflict = {lane, std::countr_zero(cell.readers & ~(1u << lane)), false};
          break;
        }
    cell.writers |= lanes;
    cell.written |= bytes;
    return conflict;
  }
  // All lanes together read the granule (ldmatrix): a lane that wrote alone did so for the others.
  Conflict read_by_all(std::uint32_t epoch, std::uint32_t granule) const {
    const Cell& cell = cells_[granule];
    return cell.epoch == epoch ? against_writers(cell, ~std::uint32_t{0}, 0xffff) : Conflict();
  }

  // The lane alone reads whole words; and who else has read one that it overwrites (-1: nobody).
  void read_words(std::uint32_t epoch, std::uint32_t offset, std::uint32_t bytes, int lane) {
    for (std::uint32_t word = (offset + 3) / 4; word * 4 + 4 <= offset + bytes; ++word) {
      Word& at = words_[word];
      if (at.epoch != epoch) at = {epoch, 0};
      at.readers |= std::uint32_t{1} << lane;
    }
  }
  int reader_of(std::uint32_t epoch, std::uint32_t offset, std::uint32_t bytes, int lane) const {
    for (std::uint32_t word = offset / 4; word * 4 < offset + bytes; ++word)
      if (const std::uint32_t others = words_[word].readers & ~(std::uint32_t{1} << lane); words_[word].epoch == epoch && others != 0) return std::countr_zero(others);
    return -1;
  }

 private:
  struct Word { std::uint32_t epoch = 0, readers = 0; };
  struct Cell {
    std::uint32_t epoch = 0, writers = 0, readers = 0;
    std::uint16_t written = 0;
  };
  Cell& at(std::uint32_t epoch, std::uint32_t granule) {
    Cell& cell = cells_[granule];
    if (cell.epoch != epoch) cell = {epoch, 0, 0, 0};
    return cell;
  }
  static Conflict against_writers(const Cell& cell, std::uint32_t lanes, std::uint16_t bytes) {
    const std::uint32_t others = lanes & ~cell.writers;
    if (cell.writers == 0 || (bytes & ~cell.written) != 0 || others == 0) return {};
    return {std::countr_zero(others), std::countr_zero(cell.writers), true};
  }
  std::vector<Cell> cells_;
  std::vector<Word> words_;
};

}  // namespace bsgen::sim
