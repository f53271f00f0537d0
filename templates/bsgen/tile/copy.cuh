// Global matrix -> shared tiles, by all threads of the cta.
#pragma once

#include <bsgen/common/types.cuh>
#include <bsgen/ptx/copy.cuh>
#include <bsgen/tile/shared_tile.cuh>

namespace bsgen::dev {

inline constexpr int kNoLimit = 1 << 30;

// Where one element of a tile comes from: its address, the distance to the next row, and how many bytes of this row and how
// many rows from here on exist (what does not is zero-filled; may be negative).
struct CopySource {
  u64 address;
  i64 row_bytes;
  int bytes;
  int rows;
};

// Copies kTiles tiles, one behind the other from shared address `to`. exists(tile): whether it is copied at all;
// source(tile, row, byte): where that place comes from.
//
// 16-byte units: a thread keeps its column of chunks and walks down the rows, so that both addresses move by constants.
template <class Tile, int kTiles, int kUnit, int kThreads>
struct TileCopy {
  static constexpr int kUnitsPerRow = Tile::kChunks * 16 / kUnit;
  static constexpr int kRowsPerPass = kThreads / (kUnitsPerRow < kThreads ? kUnitsPerRow : kThreads);
  static constexpr bool kRegular = kUnit == 16 && kUnitsPerRow <= kThreads;

  template <class Exists, class Source>
  static __device__ __forceinline__ void run(int thread, u32 to, const Exists& exists, const Source& source) {
    if constexpr (kRegular && kRowsPerPass <= Tile::kRows) {
      const int row0 = thread / kUnitsPerRow, byte = thread % kUnitsPerRow * 16;
#pragma unroll(kTiles <= 2 ? kTiles : 1)
      for (int tile = 0; tile < kTiles; ++tile) {
        if (!exists(tile)) continue;
        const CopySource from = source(tile, row0, byte);
        u64 address = from.address;
        const int valid = max_of(0, min_of(16, from.bytes));
#pragma unroll(Tile::kRows / kRowsPerPass <= 8 ? Tile::kRows / kRowsPerPass : 4)
        for (int pass = 0; pass < Tile::kRows / kRowsPerPass; ++pass) {
          ptx::copy<16>(to + tile * Tile::kBytes + Tile::offset(row0 + pass * kRowsPerPass, byte), address,
                        pass * kRowsPerPass < from.rows ? valid : 0);
          address += kRowsPerPass * from.row_bytes;
        }
      }
    } else if constexpr (kRegular) {
      constexpr int kTilesPerPass = kRowsPerPass / Tile::kRows;
      const int row = thread / kUnitsPerRow % Tile::kRows, byte = thread % kUnitsPerRow * 16;
#pragma unroll(kTiles / kTilesPerPass <= 4 ? 4 : 2)
      for (int tile = thread / (kUnitsPerRow * Tile::kRows); tile < kTiles; tile += kTilesPerPass) {
        if (!exists(tile)) continue;
        const CopySource from = source(tile, row, byte);
        ptx::copy<16>(to + tile * Tile::kBytes + Tile::offset(row, byte), from.address,
                      from.rows > 0 ? max_of(0, min_of(16, from.bytes)) : 0);
      }
    } else {
      constexpr int kUnitsPerTile = Tile::kRows * kUnitsPerRow;
#pragma unroll 1
      for (int u = thread; u < kTiles * kUnitsPerTile; u += kThreads) {
        const int tile = u / kUnitsPerTile, row = u % kUnitsPerTile / kUnitsPerRow, byte = u % kUnitsPerRow * kUnit;
        if (!exists(tile)) continue;
        const CopySource from = source(tile, row, byte);
        ptx::copy<kUnit>(to + tile * Tile::kBytes + Tile::offset(row, byte), from.address,
                         from.rows > 0 ? max_of(0, min_of(kUnit, from.bytes)) : 0);
      }
    }
  }
};

}  // namespace bsgen::dev
