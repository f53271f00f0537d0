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
struct Run {
  enum : int { kLength = 16 / Out::kBytes };
};

// Stores a run (where kPartial, its first `valid` elements), each element rounded once to nearest even.
template <class Out, int kAlign, bool kPartial>
__device__ __forceinline__ void store_run(u64 address, int valid, const float (&values)[Run<Out>::kLength]) {
  u32 words[4];
  if constexpr (Out::kBytes == 4) {
    words[0] = __float_as_uint(values[0]), words[1] = __float_as_uint(values[1]);
    words[2] = __float_as_uint(values[2]), words[3] = __float_as_uint(values[3]);
  } else {
    words[0] = ptx::pack<Out>(values[0], values[1]), words[1] = ptx::pack<Out>(values[2], values[3]);
    words[2] = ptx::pack<Out>(values[4], values[5]), words[3] = ptx::pack<Out>(values[6], values[7]);
  }
  if (kAlign >= 16 && (!kPartial || valid >= Run<Out>::kLength)) {
    ptx::st_global_v4(address, words);
  } else if constexpr (kAlign < 16 || kPartial) {
#pragma unroll
    for (int i = 0; i < Run<Out>::kLength; ++i) {
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
//
// Accumulators come as 32 contiguous bytes of four rows (8 bytes, or 4, per lane) and leave as runs of one or two whole chunks.
// Swizzling pairs of chunks by the line keeps the former apart; the chunk within its pair is flipped on odd lines, so that the
// first chunks of two lines' runs, which one instruction of eight lanes reads, are not on the same banks.
template <int kRowsM, int kColumnsV, bool kFeaturesContiguous>
struct Staging {
  enum : int {
    kColumns = kColumnsV,
    kRows = kFeaturesContiguous ? kRowsM : kColumns,
    kLength = kFeaturesContiguous ? kColumns : kRowsM,  // elements of one output row here
    kBytes = kRows * kLength * 4,
    kRowsPerLine = kLength < 32 ? 32 / kLength : 1,
    kPairsPerRow = kLength < 32 ? kLength / 8 : 4,
  };

  // Which output row a staged row is. Columns are staged even ones first: lanes t = 0..3 own columns 2t, and must fall on four
  // neighbouring rows.
  static __device__ __forceinline__ u32 output_row(u32 row) {
    return kFeaturesContiguous ? row : row % (kColumns / 2) * 2 + row / (kColumns / 2);
  }

  // Where a lane's accumulators go. Other tiles are whole periods of the mask away.
  static __device__ __forceinline__ Place place(const u32& base, const u32& lane) {
    const u32 g = lane / 4, t = lane % 4;
    const u32 row = kFeaturesContiguous ? g : t, byte = kFeaturesContiguous ? t * 8 : g * 4, line = row / kRowsPerLine;
    return {base + row * (kLength * 4), byte ^ line % kPairsPerRow * 32 ^ (kLength <= 32 ? line % 2 * 16 : 0)};
  }

  static __device__ __forceinline__ void put(const Place& at, int tile_m, int tile_n, const float (&acc)[4]) {
    if constexpr (kFeaturesContiguous) {
      const u32 address = at.row + tile_m * (16 * kLength * 4) + (at.byte ^ tile_n * 32);
      ptx::st_shared_v2_pair<8 * kLength * 4>(address, acc);
    } else {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const u32 byte = tile_m * 64 + (i >> 1) * 32;
        const u32 flip = kLength > 32 ? byte / 128 % 2 * 16 : 0;
        ptx::st_shared_f32(at.row + (tile_n * 4 + (i & 1) * (kColumns / 2)) * (kLength * 4) + (at.byte ^ byte ^ flip), acc[i]);
      }
    }
  }

  // kCount consecutive elements of staged row `row` from `first`.
  template <int kCount>
  static __device__ __forceinline__ void get(u32 base, u32 row, u32 first, float (&values)[kCount]) {
    const u32 line = row / kRowsPerLine, flip = kLength > 32 ? first / 32 % 2 * 16 : line % 2 * 16;
    const u32 address = base + row * (kLength * 4) + (first * 4 ^ line % kPairsPerRow * 32 ^ flip);
    ptx::ld_shared_v4(address, values[0], values[1], values[2], values[3]);
    if constexpr (kCount > 4) ptx::ld_shared_v4(address ^ 16, values[4], values[5], values[6], values[7]);
  }
};

}  // namespace bsgen::dev
