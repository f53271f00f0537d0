// tf32: a step is one k8 instruction. Operands are rounded on their way from shared memory. ldmatrix moves 4-byte elements whose
// contraction index is contiguous; where shared rows are the contraction each lane loads its own words.
#pragma once

#include <bsgen/common/types.cuh>
#include <bsgen/ptx/convert.cuh>
#include <bsgen/ptx/memory.cuh>
#include <bsgen/ptx/mma.cuh>
#include <bsgen/tile/multiply.cuh>
#include <bsgen/tile/shared_tile.cuh>

namespace bsgen::dev {

template <>
struct Multiply<tf32> {
  enum : int { kStep = 8 };
  enum : bool { kSharedPairs = true };
  struct A { u32 r[4]; };

  template <bool kRowsAreK>
  static __device__ __forceinline__ Lane place_a(const u32& lane) {
    if constexpr (kRowsAreK) return {lane / 4, lane % 4};
    else return {lane % 16, lane / 16 * 4};
  }
  template <bool kRowsAreK, int>
  static __device__ __forceinline__ Lane place_b(const u32& lane) {
    if constexpr (kRowsAreK) return {lane / 4, lane % 4};
    else return {lane % 8, lane / 8 % 2 * 4};
  }

  template <class View>
  static __device__ __forceinline__ void load_a(A& a, Place at, u32 index, u32 k) {
    if constexpr (View::kRowsAreK) {
#pragma unroll
      for (int i = 0; i < 4; ++i) a.r[i] = ptx::ld_shared_u32(View::at(at, index + (i & 1) * 8, k + (i >> 1) * 4));
    } else {
      ptx::ldmatrix_x4<false>(View::at(at, index, k), a.r[0], a.r[1], a.r[2], a.r[3]);
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) a.r[i] = ptx::to_tf32(a.r[i]);
  }

  template <class View, int kTilesM, int kTiles, int kTotal>
  static __device__ __forceinline__ void step(float (&acc)[kTilesM][kTotal][4], int first, const A (&a)[kTilesM], Place at, u32 k,
                                              u32 active = ~0u) {
#pragma unroll
    for (int n = 0; n < kTiles; ++n) {
      u32 b[2];
      if constexpr (View::kRowsAreK) {
        b[0] = ptx::ld_shared_u32(View::at(at, n * 8, k));
        b[1] = ptx::ld_shared_u32(View::at(at, n * 8, k + 4));
      } else {
        ptx::ldmatrix_x2<false>(View::at(at, n * 8, k), b[0], b[1]);
      }
      const u32 b0 = ptx::to_tf32(b[0]), b1 = ptx::to_tf32(b[1]);
#pragma unroll
      for (int m = 0; m < kTilesM; ++m)
        if (active >> m & 1) ptx::mma_tf32_k8(acc[m][first + n], a[m].r, b0, b1);
    }
  }
};

}  // namespace bsgen::dev
