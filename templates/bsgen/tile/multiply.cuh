// One warp's multiply: fragments from shared memory, and the tensor-core (or fma) steps that use them.
//
// An operand is described by a TileView (where its rows are the contraction, 16-bit fragments are transposed on the way by
// ldmatrix.trans) and by the lane's place in it (place_a, place_b), computed once. Accumulators are fragments of 16 x 8 tiles in
// every type:
//
//   lane l, g = l / 4, t = l % 4:   acc[0] (g, 2t)   acc[1] (g, 2t + 1)   acc[2] (g + 8, 2t)   acc[3] (g + 8, 2t + 1)
//
// 16-bit types are here; the others have headers of their own, because NVRTC's time counts every line that it reads.
#pragma once

#include <bsgen/common/types.cuh>
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
  static_assert(T::kBytes == 2, "Multiply: fp32 and tf32 have headers of their own, multiply_fp32.cuh and multiply_tf32.cuh");
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
      u32 b[4];
      if constexpr (kGroup == 2) ptx::ldmatrix_x4<View::kRowsAreK>(View::at(at, n * 8, k), b[0], b[1], b[2], b[3]);
      else ptx::ldmatrix_x2<View::kRowsAreK>(View::at(at, n * 8, k), b[0], b[1]);
#pragma unroll
      for (int m = 0; m < kTilesM; ++m) {
        if (!(active >> m & 1)) continue;
        ptx::mma_k16<T>(acc[m][first + n], a[m].r, b[0], b[1]);
        if constexpr (kGroup == 2) ptx::mma_k16<T>(acc[m][first + n + 1], a[m].r, b[2], b[3]);
      }
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

}  // namespace bsgen::dev
