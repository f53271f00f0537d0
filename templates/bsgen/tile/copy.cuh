// Global matrix -> shared tiles, by all threads of the cta.
#pragma once

#include <bsgen/common/types.cuh>
#include <bsgen/ptx/copy.cuh>
#include <bsgen/tile/shared_tile.cuh>

namespace bsgen::dev {

enum : int { kNoLimit = 1 << 30 };

// Where one element of a tile comes from: its address, and how many elements of this row and how many rows from here on exist
// (what does not is zero-filled; may be negative).
struct CopySource {
  u64 address;
  int elements;
  int rows;
};

// Copies kTiles tiles, one behind the other from shared address `to`. exists(tile): whether it is copied at all;
// source(tile, row, byte): where that place comes from; row_bytes: from one row of the source to the next.
//
// 16-byte units: a thread keeps its row and byte for all copies (kFixed), so that the caller can derive the source from what it
// computed once, and walks down the rows, so that both addresses move by constants.
template <class Tile, int kTiles, int kUnit, int kThreads, int kElementBytes>
struct TileCopy {
  enum : int {
    kUnitsPerRow = Tile::kChunks * 16 / kUnit,
    kRowsPerPass = kThreads / (kUnitsPerRow < kThreads ? kUnitsPerRow : kThreads),
    kPasses = kRowsPerPass <= Tile::kRows ? Tile::kRows / kRowsPerPass : 1,
    kUnrollTiles = kTiles <= 2 ? kTiles : 1,
    kUnrollPasses = kPasses <= 8 ? kPasses : 4,
  };
  enum : bool { kFixed = kUnit == 16 && kUnitsPerRow <= kThreads };

  u32 row, byte;  // kFixed: where this thread copies; row is that of its first pass
  u32 place;      // and as an offset in the tile

  __device__ __forceinline__ explicit TileCopy(u32 thread)
      : row(kRowsPerPass <= Tile::kRows ? thread / kUnitsPerRow : thread / kUnitsPerRow % Tile::kRows), byte(thread % kUnitsPerRow * 16), place(Tile::offset(row, byte)) {}

  template <class Exists, class Source>
  __device__ __forceinline__ void run(u32 thread, u32 to, i64 row_bytes, const Exists& exists, const Source& source) const {
    if constexpr (kFixed && kRowsPerPass <= Tile::kRows) {
#pragma unroll kUnrollTiles
      for (int tile = 0; tile < kTiles; ++tile) {
        if (!exists(tile)) continue;
        const CopySource from = source(tile, row, byte);
        u64 address = from.address;
        const int valid = bytes_of(from.elements);
#pragma unroll kUnrollPasses
        for (int pass = 0; pass < kPasses; ++pass) {
          const u32 offset = kRowsPerPass % Tile::kPeriod == 0 ? place + pass * (kRowsPerPass * (Tile::kBytes / Tile::kRows))
                                                               : Tile::offset(row + pass * kRowsPerPass, byte);
          ptx::copy<16>(to + tile * Tile::kBytes + offset, address, pass * kRowsPerPass < from.rows ? valid : 0);
          address += kRowsPerPass * row_bytes;
        }
      }
    } else if constexpr (kFixed) {
      enum : int { kTilesPerPass = kRowsPerPass / Tile::kRows, kUnroll = kTiles / kTilesPerPass <= 4 ? 4 : 2 };
      const auto copy_tile = [&](int tile) {
        if (!exists(tile)) return;
        const CopySource from = source(tile, row, byte);
        ptx::copy<16>(to + tile * Tile::kBytes + place, from.address, from.rows > 0 ? bytes_of(from.elements) : 0);
      };
      const int first = thread / (kUnitsPerRow * Tile::kRows);
      if constexpr (kTilesPerPass >= kTiles) {
        if (kTilesPerPass == kTiles || first < kTiles) copy_tile(first);
      } else {
#pragma unroll kUnroll
        for (int tile = first; tile < kTiles; tile += kTilesPerPass) copy_tile(tile);
      }
    } else {
      enum : int { kUnitsPerTile = Tile::kRows * kUnitsPerRow };
#pragma unroll 1
      for (u32 u = thread; u < kTiles * kUnitsPerTile; u += kThreads) {
        const int tile = u / kUnitsPerTile, row_of = u % kUnitsPerTile / kUnitsPerRow, byte_of = u % kUnitsPerRow * kUnit;
        if (!exists(tile)) continue;
        const CopySource from = source(tile, row_of, byte_of);
        ptx::copy<kUnit>(to + tile * Tile::kBytes + Tile::offset(row_of, byte_of), from.address, from.rows > 0 ? bytes_of(from.elements) : 0);
      }
    }
  }

 private:
  static __device__ __forceinline__ int bytes_of(int elements) { return max_of(0, min_of(elements, kUnit / kElementBytes) * kElementBytes); }
};

}  // namespace bsgen::dev
