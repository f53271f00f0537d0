// From accumulator fragments to global memory: each warp stages its share through shared memory, so that every thread ends up
// with a run of consecutive elements (16 bytes of output), applies the epilogue to it and stores it at once.
#pragma once

#include <bsgen/common/types.cuh>
#include <bsgen/ptx/convert.cuh>
#include <bsgen/ptx/memory.cuh>
#include <bsgen/tile/shared_tile.cuh>

namespace bsgen::dev {

// Elements of 16 output bytes.
template <class Out>
inline constexpr int kRun = 16 / Out::kBytes;

// A run of kCount elements as fp32; where kPartial, those from `valid` on are 0. kAlign: bytes the address is a multiple of.
template <class T, int kAlign, bool kPartial, int kCount>
__device__ __forceinline__ void load_run(u64 address, int valid, float (&values)[kCount]) {
  constexpr int kWords = kCount * T::kBytes / 4;
  static_assert(kWords % 4 == 0, "load_run: a run is whole 16-byte units");
  u32 words[kWords] = {};
  if (kAlign >= 16 && (!kPartial || valid >= kCount)) {
#pragma unroll
    for (int w = 0; w < kWords; w += 4) ptx::ld_global_v4(address + w * 4, words[w], words[w + 1], words[w + 2], words[w + 3]);
  } else if constexpr (kAlign < 16 || kPartial) {
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      if (kPartial && i >= valid) continue;
      if constexpr (T::kBytes == 4) words[i] = ptx::ld_global_u32(address + 4 * i);
      else words[i / 2] |= static_cast<u32>(ptx::ld_global_u16(address + 2 * i)) << (i % 2 * 16);
    }
  }
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    if constexpr (T::kBytes == 4) values[i] = __uint_as_float(words[i]);
    else values[i] = ptx::unpack<T>(static_cast<u16>(words[i / 2] >> (i % 2 * 16)));
  }
}

// Stores a run (where kPartial, its first `valid` elements), each element rounded once to nearest even.
template <class Out, int kAlign, bool kPartial>
__device__ __forceinline__ void store_run(u64 address, int valid, const float (&values)[kRun<Out>]) {
  u32 words[4];
#pragma unroll
  for (int w = 0; w < 4; ++w) {
    if constexpr (Out::kBytes == 4) words[w] = __float_as_uint(values[w]);
    else words[w] = ptx::pack<Out>(values[2 * w], values[2 * w + 1]);
  }
  if (kAlign >= 16 && (!kPartial || valid >= kRun<Out>)) {
    ptx::st_global_v4(address, words);
  } else if constexpr (kAlign < 16 || kPartial) {
#pragma unroll
    for (int i = 0; i < kRun<Out>; ++i) {
      if (kPartial && i >= valid) break;
      if constexpr (Out::kBytes == 4) {
        ptx::st_global_u32(address + 4 * i, words[i]);
      } else if constexpr (kAlign >= 4 && !kPartial) {
        if (i % 2 == 0) ptx::st_global_u32(address + 2 * i, words[i / 2]);
      } else {
        ptx::st_global_u16(address + 2 * i, static_cast<u16>(words[i / 2] >> (i % 2 * 16)));
      }
    }
  }
}

// A warp's staging area for kRowsM x kColumns accumulators, fp32, rows along the contiguous index of the output.
// kFeaturesContiguous: output rows are accumulator rows; else output rows are accumulator columns.
template <int kRowsM, int kColumnsV, bool kFeaturesContiguous>
struct Staging {
  static constexpr int kColumns = kColumnsV;
  static constexpr int kRows = kFeaturesContiguous ? kRowsM : kColumns;
  static constexpr int kLength = kFeaturesContiguous ? kColumns : kRowsM;  // elements of one output row here
  using Tile = SharedTile<kRows, kLength * 4, true>;

  // Which output row a staged row is. Columns are staged even ones first: lanes t = 0..3 own columns 2t, and must fall on four
  // neighbouring rows.
  static __device__ __forceinline__ int output_row(int row) {
    return kFeaturesContiguous ? row : row % (kColumns / 2) * 2 + row / (kColumns / 2);
  }

  // Where a lane's accumulators go: rows of one tile differ from the next by whole swizzle periods, so that only an addition
  // (tile_m) and an exclusive or (tile_n) are left for each tile.
  struct Place {
    u32 address;  // of (lane's row, 0)
    u32 byte;     // of the lane's column, swizzled
  };
  static __device__ __forceinline__ Place place(u32 base, int lane) {
    const u32 g = lane >> 2, t = lane & 3;
    if constexpr (kFeaturesContiguous) return {base + Tile::offset(g, 0) - Tile::mask(g), t * 8 ^ Tile::mask(g)};
    else return {base + Tile::offset(t, 0) - Tile::mask(t), g * 4 ^ Tile::mask(t)};
  }

  static __device__ __forceinline__ void put(const Place& at, int tile_m, int tile_n, const float (&acc)[4]) {
    if constexpr (kFeaturesContiguous) {
      const u32 address = at.address + tile_m * (16 * kLength * 4) + (at.byte ^ tile_n * 32);
      ptx::st_shared_v2(address, __float_as_uint(acc[0]), __float_as_uint(acc[1]));
      ptx::st_shared_v2(address + 8 * kLength * 4, __float_as_uint(acc[2]), __float_as_uint(acc[3]));
    } else {
#pragma unroll
      for (int i = 0; i < 4; ++i)
        ptx::st_shared_u32(at.address + (tile_n * 4 + (i & 1) * (kColumns / 2)) * (kLength * 4) + (at.byte ^ (tile_m * 64 + (i >> 1) * 32)),
                           __float_as_uint(acc[i]));
    }
  }

  // kCount consecutive elements of staged row `row` from `first`. With eight elements, threads of odd lines take the second half
  // first (a row of 256 bytes is two lines), so that one instruction of eight lanes covers all banks.
  template <int kCount>
  static __device__ __forceinline__ void get(u32 base, int row, int first, float (&values)[kCount]) {
    const int odd = kCount == 8 ? (row / Tile::kRowsPerLine + first / 32) & 1 : 0;
    u32 halves[2][4];
#pragma unroll
    for (int h = 0; h < kCount / 4; ++h) ptx::ld_shared_v4(base + Tile::offset(row, (first + (h ^ odd) * 4) * 4), halves[h]);
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      const u32 word = kCount == 4 ? halves[0][i] : (odd ? halves[1 - i / 4][i % 4] : halves[i / 4][i % 4]);
      values[i] = __uint_as_float(word);
    }
  }
};

}  // namespace bsgen::dev
