// One warp's multiply: fragments from shared memory, and the tensor-core (or fma) steps that use them.
//
// An operand is described by a TileView (where its rows are the contraction, 16-bit fragments are transposed on the way by
// ldmatrix.trans) and by the lane's place in it (place_a, place_b), computed once. Accumulators are fragments of 16 x 8 tiles in
// every type:
//
//   lane l, g = l / 4, t = l % 4:   acc[0] (g, 2t)   acc[1] (g, 2t + 1)   acc[2] (g + 8, 2t)   acc[3] (g + 8, 2t + 1)
#pragma once

#include <bsgen/common/types.cuh>
#include <bsgen/ptx/convert.cuh>
#include <bsgen/ptx/memory.cuh>
#include <bsgen/ptx/mma.cuh>
#include <bsgen/tile/shared_tile.cuh>

namespace bsgen::dev {

// A lane's own element of a fragment.
struct Lane {
  u32 index, k;
};

// 16-bit types. A step is 16 contraction elements: one k16 instruction, or two of k8 before sm_80.
template <class T>
struct Multiply {
  enum : int { kStep = 16 };
  enum : bool { kSharedPairs = false };  // tiles whose rows are the contraction are read by ldmatrix.trans
  struct A { u32 r[4]; };

  template <bool kRowsAreK>
  static __device__ __forceinline__ Lane place_a(const u32& lane) {
    if constexpr (kRowsAreK) return {lane / 8 % 2 * 8, lane % 8 + lane / 16 * 8};
    else return {lane % 16, lane / 16 * 8};
  }
  // Of tiles in pairs (one ldmatrix.x4 serves two), or of the only one; lanes 0 to 7 are right for either.
  template <bool kRowsAreK, int kTiles>
  static __device__ __forceinline__ Lane place_b(const u32& lane) {
    const u32 second = kTiles >= 2 ? lane / 16 * 8 : 0;
    if constexpr (kRowsAreK) return {second, lane % 16};
    else return {lane % 8 + second, lane / 8 % 2 * 8};
  }

  template <class View>
  static __device__ __forceinline__ void load_a(A& a, Place at, u32 index, u32 k) {
    ptx::ldmatrix_x4<View::kRowsAreK>(View::at(at, index, k), a.r[0], a.r[1], a.r[2], a.r[3]);
  }

  // acc[m][first + n] += a[m] b over kTiles tiles of 8 output indices, for the m whose bit in `active` is set.
  template <class View, int kTilesM, int kTiles, int kTotal>
  static __device__ __forceinline__ void step(float (&acc)[kTilesM][kTotal][4], int first, const A (&a)[kTilesM], Place at, u32 k,
                                              u32 active = ~0u) {
    enum : int { kGroup = kTiles >= 2 ? 2 : 1 };
#pragma unroll
    for (int n = 0; n < kTiles; n += kGroup) {
      u32 b[kGroup][2];
      if constexpr (kGroup == 2) ptx::ldmatrix_x4<View::kRowsAreK>(View::at(at, n * 8, k), b[0][0], b[0][1], b[1][0], b[1][1]);
      else ptx::ldmatrix_x2<View::kRowsAreK>(View::at(at, n * 8, k), b[0][0], b[0][1]);
#pragma unroll
      for (int j = 0; j < kGroup; ++j)
#pragma unroll
        for (int m = 0; m < kTilesM; ++m)
          if (active >> m & 1) ptx::mma_k16<T>(acc[m][first + n + j], a[m].r, b[j][0], b[j][1]);
    }
  }

  // The same for one 8-wide half of the step, whose other half is absent.
  template <class View, int kTilesM, int kTiles, int kTotal>
  static __device__ __forceinline__ void half_step(float (&acc)[kTilesM][kTotal][4], int first, const A (&a)[kTilesM], Place at,
                                                   u32 k, u32 half) {
#pragma unroll
    for (int n = 0; n < kTiles; ++n) {
      u32 b;
      ptx::ldmatrix_x1<View::kRowsAreK>(View::at(at, n * 8, k + half * 8), b);
#pragma unroll
      for (int m = 0; m < kTilesM; ++m)
        ptx::mma_k8<T>(acc[m][first + n], half ? a[m].r[2] : a[m].r[0], half ? a[m].r[3] : a[m].r[1], b);
    }
  }
};

// tf32: a step is one k8 instruction. Operands are rounded on their way from shared memory. ldmatrix moves 4-byte elements whose
// contraction index is contiguous; where shared rows are the contraction each lane loads its own words.
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

// fp32: IEEE fused multiply-adds in ascending contraction order, on the same accumulator fragments. 32-bit loads only: lanes
// that share a word share one wavefront.
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
