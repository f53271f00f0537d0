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

template <int kRowsV, int kRowBytes, bool kPairs = false>
struct SharedTile {
  static_assert(kRowBytes >= 16 && (kRowBytes & (kRowBytes - 1)) == 0, "SharedTile: rows are 16, 32, 64, ... bytes");
  static constexpr int kRows = kRowsV;
  static constexpr int kChunks = kRowBytes / 16;
  static constexpr int kBytes = kRows * kRowBytes;
  static constexpr int kUnit = kPairs && kChunks > 1 ? 2 : 1;
  static constexpr int kLineChunks = kChunks < 8 ? kChunks : 8;
  static constexpr int kRowsPerLine = 8 / kLineChunks;
  static constexpr int kUnitsPerRow = kLineChunks / kUnit;

  // Byte offset of (row, byte) in the tile: XORing the chunk is XORing the byte above its low four bits.
  static __device__ __forceinline__ u32 offset(u32 row, u32 byte) { return row * kRowBytes + (byte ^ mask(row)); }
  static __device__ __forceinline__ u32 mask(u32 row) { return row / kRowsPerLine % kUnitsPerRow * (kUnit * 16); }
};

}  // namespace bsgen::dev
