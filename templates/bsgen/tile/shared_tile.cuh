// A tile in shared memory: rows of 16-byte chunks, swizzled so that the accesses of this project meet no bank twice.
//
// Eight consecutive rows read at one chunk column (ldmatrix, or lanes that walk rows) must fall on eight different groups of
// four banks. A line is 128 bytes = 8 chunks; with c chunks a row, 8 / c rows share a line. The chunk index is XORed with the
// line's number:
//
//   c = 8:  row r, chunk q  ->  line r,     q ^ (r % 8)
//   c = 4:  row r, chunk q  ->  line r / 2, (r % 2) * 4 + (q ^ (r / 2 % 4))
//
// kPairs swizzles units of two chunks instead: four consecutive rows read at 32 contiguous bytes (fp32 fragments whose rows
// are the contraction index, which ldmatrix cannot transpose) fall on all 32 banks.
#pragma once

#include <bsgen/common/types.cuh>

namespace bsgen::dev {

// What a thread keeps of its place in a swizzled tile. The mask is linear over exclusive or: a place whose row and byte differ
// from it in other bits than its own is one addition and one exclusive or away, so no loop has to derive an address anew.
struct Place {
  u32 row;   // of the row's start
  u32 byte;  // in the row, swizzled
};

template <int kRowsV, int kRowBytes, bool kPairs = false>
struct SharedTile {
  static_assert(kRowBytes >= 16 && (kRowBytes & (kRowBytes - 1)) == 0, "SharedTile: rows are 16, 32, 64, ... bytes");
  enum : int {
    kRows = kRowsV,
    kPitch = kRowBytes,
    kChunks = kRowBytes / 16,
    kBytes = kRows * kRowBytes,
    kUnit = kPairs && kChunks > 1 ? 2 : 1,
    kLineChunks = kChunks < 8 ? kChunks : 8,
    kRowsPerLine = 8 / kLineChunks,
    kUnitsPerRow = kLineChunks / kUnit,
    kPeriod = kUnitsPerRow > 1 ? kRowsPerLine * kUnitsPerRow : 1,  // rows after which the mask repeats
  };

  // XORing the chunk is XORing the byte above its low four bits.
  static __device__ __forceinline__ Place place(const u32& row, const u32& byte) {
    return {row * kRowBytes, byte ^ row / kRowsPerLine % kUnitsPerRow * (kUnit * 16)};
  }
  static __device__ __forceinline__ u32 offset(const u32& row, const u32& byte) {  // in the tile
    const Place at = place(row, byte);
    return at.row + at.byte;
  }
};

// How a warp reads a tile as an operand. kRowsAreK: its rows run along the contraction. kBlock: where output indices (tokens or
// features) go on in the next tile after so many; 0 = never.
template <class Tile, bool kRowsAreKV, int kElementBytes, int kBlock = 0>
struct TileView {
  enum : bool { kRowsAreK = kRowsAreKV };
  // Shared address of the element that lies `index` output indices and `k` contraction indices from a place whose row is an address.
  static __device__ __forceinline__ u32 at(const Place& from, const u32& index, const u32& k) {
    const u32 i = kBlock > 0 ? index % (kBlock + !kBlock) : index;
    const u32 rows = kRowsAreK ? k : i, bytes = (kRowsAreK ? i : k) * kElementBytes;
    return from.row + (kBlock > 0 ? index / (kBlock + !kBlock) * Tile::kBytes : 0) + rows * Tile::kPitch +
           (from.byte ^ bytes ^ rows / Tile::kRowsPerLine % Tile::kUnitsPerRow * (Tile::kUnit * 16));
  }
};

}  // namespace bsgen::dev
