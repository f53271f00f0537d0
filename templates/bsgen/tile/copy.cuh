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

// How the threads share the copies of kTiles tiles.
//
// kFixed (16-byte units): a thread keeps its row and byte in every tile, so that the caller derives the source from what it
// computed once. Its tiles are `tile`, `tile` + kTilesPerPass, ... in kRounds rounds; in each it walks down the rows, so that both
// addresses move by constants. Smaller units, and rows of more units than there are threads, are dealt one by one (each).
template <class Tile, int kTiles, int kUnit, int kThreads, int kElementBytes>
struct TileCopy {
  enum : int {
    kNumTiles = kTiles,
    kTileBytes = Tile::kBytes,
    kElements = kUnit / kElementBytes,
    kUnitsPerRow = Tile::kChunks * 16 / kUnit,
    kRowsPerPass = kThreads / (kUnitsPerRow < kThreads ? kUnitsPerRow : kThreads),
    kTilesPerPass = kRowsPerPass > Tile::kRows ? kRowsPerPass / Tile::kRows : 1,
    kPasses = kRowsPerPass > Tile::kRows ? 1 : Tile::kRows / kRowsPerPass,
    kUnrollPasses = kPasses <= 8 ? kPasses : 4,
    kRounds = (kTiles + kTilesPerPass - 1) / kTilesPerPass,
    kUnrollRounds = kTilesPerPass > 1 ? (kRounds <= 4 ? 4 : 2) : kTiles <= 2 ? kTiles : 1,
  };
  enum : bool { kFixed = kUnit == 16 && kUnitsPerRow <= kThreads, kUneven = kRounds * kTilesPerPass != kTiles };

  u32 tile, row, byte;  // kFixed: where this thread copies; row is that of its first pass
  Place place;          // of row and byte

  __device__ __forceinline__ explicit TileCopy(u32 thread)
      : tile(kTilesPerPass > 1 ? thread / (kUnitsPerRow * Tile::kRows) : 0),
        row(kTilesPerPass > 1 ? thread / kUnitsPerRow % Tile::kRows : thread / kUnitsPerRow),
        byte(thread % kUnitsPerRow * 16), place(Tile::place(row, byte)) {}

  // Bytes of a unit of which `elements` exist.
  static __device__ __forceinline__ int valid_bytes(const int& elements) { return elements >= kElements ? kUnit : elements > 0 ? elements * kElementBytes : 0; }

  // kFixed: this thread's share of the tile at shared address `to`. Its first unit comes from `address`, the others from further
  // down; `rows` rows from there on exist, and `valid` bytes of each unit.
  __device__ __forceinline__ void walk(u32 to, u64 address, i64 row_bytes, int rows, int valid) const {
#pragma unroll kUnrollPasses
    for (int pass = 0; pass < kPasses; ++pass) {
      const u32 offset = kRowsPerPass % Tile::kPeriod == 0 ? place.row + place.byte + pass * (kRowsPerPass * Tile::kPitch)
                                                           : Tile::offset(row + pass * kRowsPerPass, byte);
      ptx::copy<16>(to + offset, address, pass * kRowsPerPass < rows ? valid : 0);
      address += kRowsPerPass * row_bytes;
    }
  }

  // Not kFixed: all tiles, one behind the other from `to`. exists(tile): whether it is copied at all; source(tile, row, byte): where
  // that place comes from.
  template <class Exists, class Source>
  static __device__ __forceinline__ void each(u32 thread, u32 to, const Exists& exists, const Source& source) {
    enum : int { kUnitsPerTile = Tile::kRows * kUnitsPerRow };
#pragma unroll 1
    for (u32 u = thread; u < kTiles * kUnitsPerTile; u += kThreads) {
      const u32 tile_of = u / kUnitsPerTile, row_of = u % kUnitsPerTile / kUnitsPerRow, byte_of = u % kUnitsPerRow * kUnit;
      if (!exists(tile_of)) continue;
      const CopySource from = source(tile_of, row_of, byte_of);
      ptx::copy<kUnit>(to + tile_of * Tile::kBytes + Tile::offset(row_of, byte_of), from.address, from.rows > 0 ? valid_bytes(from.elements) : 0);
    }
  }
};

}  // namespace bsgen::dev
