// fp32: IEEE fused multiply-adds in ascending contraction order, on the same accumulator fragments. 32-bit loads only: lanes
// that share a word share one wavefront.
#pragma once

#include <bsgen/common/types.cuh>
#include <bsgen/ptx/memory.cuh>
#include <bsgen/tile/multiply.cuh>
#include <bsgen/tile/shared_tile.cuh>

namespace bsgen::dev {

template <>
struct Multiply<fp32> {
  enum : int { kStep = 4 };
  enum : bool { kSharedPairs = false };
  struct A { float v[kStep][2]; };

  template <bool>
  static __device__ __forceinline__ Lane place_a(const u32& lane) { return {lane / 4, 0}; }
  template <bool, int>
  static __device__ __forceinline__ Lane place_b(const u32& lane) { return {lane % 4 * 2, 0}; }

  template <class View>
  static __device__ __forceinline__ void load_a(A& a, Place at, u32 index, u32 k) {
#pragma unroll
    for (int kk = 0; kk < kStep; ++kk)
#pragma unroll
      for (int i = 0; i < 2; ++i) a.v[kk][i] = ptx::ld_shared_f32(View::at(at, index + i * 8, k + kk));
  }

  template <class View, int kTilesM, int kTiles, int kTotal>
  static __device__ __forceinline__ void step(float (&acc)[kTilesM][kTotal][4], int first, const A (&a)[kTilesM], Place at, u32 k,
                                              u32 active = ~0u) {
#pragma unroll
    for (int n = 0; n < kTiles; ++n)
#pragma unroll
      for (int kk = 0; kk < kStep; ++kk)
#pragma unroll
        for (int j = 0; j < 2; ++j) {
          const float b = ptx::ld_shared_f32(View::at(at, n * 8 + j, k + kk));
#pragma unroll
          for (int m = 0; m < kTilesM; ++m)
#pragma unroll
            for (int i = 0; i < 2; ++i)
              if (active >> m & 1) acc[m][first + n][2 * i + j] = __fmaf_rn(a[m].v[kk][i], b, acc[m][first + n][2 * i + j]);
        }
  }
};

}  // namespace bsgen::dev
