// One warp's multiply: fragments from shared memory, and the tensor-core (or fma) steps that use them.
//
// An operand tile is described by a functor `at(index, k)` -> shared address of the element with output index `index` (token
// or feature) and contraction index k, and by kRowsAreK: whether its shared rows run along the contraction (then 16-bit
// fragments are transposed on the way by ldmatrix.trans). Accumulators are fragments of 16 x 8 tiles in every type:
//
//   lane l, g = l / 4, t = l % 4:   acc[0] (g, 2t)   acc[1] (g, 2t + 1)   acc[2] (g + 8, 2t)   acc[3] (g + 8, 2t + 1)
#pragma once

#include <bsgen/common/types.cuh>
#include <bsgen/ptx/convert.cuh>
#include <bsgen/ptx/memory.cuh>
#include <bsgen/ptx/mma.cuh>

namespace bsgen::dev {

// 16-bit types. A step is 16 contraction elements: one k16 instruction, or two of k8 before sm_80.
template <class T>
struct Multiply {
  static constexpr int kStep = 16;
  static constexpr bool kSharedPairs = false;  // tiles whose rows are the contraction are read by ldmatrix.trans
  struct A { u32 r[4]; };

  template <bool kRowsAreK, class At>
  static __device__ __forceinline__ void load_a(A& a, const At& at, int lane, int index, int k) {
    const int i = kRowsAreK ? index + ((lane >> 3) & 1) * 8 : index + (lane & 15);
    const int kk = kRowsAreK ? k + (lane & 7) + (lane >> 4) * 8 : k + (lane >> 4) * 8;
    ptx::ldmatrix_x4<kRowsAreK>(at(i, kk), a.r[0], a.r[1], a.r[2], a.r[3]);
  }

  // acc[m][n] += a[m] b over kTiles tiles of 8 output indices from `index`, for the m whose bit in `active` is set.
  template <bool kRowsAreK, int kTilesM, int kTiles, int kTotal, class At>
  static __device__ __forceinline__ void step(float (&acc)[kTilesM][kTotal][4], int first, const A (&a)[kTilesM], const At& at,
                                              int lane, int index, int k, u32 active = ~0u) {
    constexpr int kGroup = kTiles >= 2 ? 2 : 1;
#pragma unroll
    for (int n = 0; n < kTiles; n += kGroup) {
      u32 b[kGroup][2];
      if constexpr (kGroup == 2) {
        const int i = index + n * 8 + (kRowsAreK ? (lane >> 4) * 8 : (lane & 7) + (lane >> 4) * 8);
        const int kk = k + (kRowsAreK ? (lane & 15) : ((lane >> 3) & 1) * 8);
        ptx::ldmatrix_x4<kRowsAreK>(at(i, kk), b[0][0], b[0][1], b[1][0], b[1][1]);
      } else {
        const int i = index + n * 8 + (kRowsAreK ? 0 : (lane & 7));
        const int kk = k + (kRowsAreK ? (lane & 15) : ((lane >> 3) & 1) * 8);
        ptx::ldmatrix_x2<kRowsAreK>(at(i, kk), b[0][0], b[0][1]);
      }
#pragma unroll
      for (int j = 0; j < kGroup; ++j)
#pragma unroll
        for (int m = 0; m < kTilesM; ++m)
          if (active >> m & 1) multiply(acc[m][first + n + j], a[m].r, b[j][0], b[j][1]);
    }
  }

  // The same for one 8-wide half of the step, whose other half is absent.
  template <bool kRowsAreK, int kTilesM, int kTiles, int kTotal, class At>
  static __device__ __forceinline__ void half_step(float (&acc)[kTilesM][kTotal][4], int first, const A (&a)[kTilesM], const At& at,
                                                   int lane, int index, int k, int half) {
#pragma unroll
    for (int n = 0; n < kTiles; ++n) {
      u32 b;
      const int i = index + n * 8 + (kRowsAreK ? 0 : (lane & 7));
      ptx::ldmatrix_x1<kRowsAreK>(at(i, k + half * 8 + (kRowsAreK ? (lane & 7) : 0)), b);
#pragma unroll
      for (int m = 0; m < kTilesM; ++m)
        ptx::mma_k8<T>(acc[m][first + n], half ? a[m].r[2] : a[m].r[0], half ? a[m].r[3] : a[m].r[1], b);
    }
  }

 private:
  static __device__ __forceinline__ void multiply(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
#if __CUDA_ARCH__ >= 800
    ptx::mma_k16<T>(d, a, b0, b1);
#else
    ptx::mma_k8<T>(d, a[0], a[1], b0);
    ptx::mma_k8<T>(d, a[2], a[3], b1);
#endif
  }
};

// tf32: a step is one k8 instruction. Operands are rounded on their way from shared memory. ldmatrix moves 4-byte elements whose
// contraction index is contiguous; where shared rows are the contraction each lane loads its own words.
template <>
struct Multiply<tf32> {
  static constexpr int kStep = 8;
  static constexpr bool kSharedPairs = true;
  struct A { u32 r[4]; };

  template <bool kRowsAreK, class At>
  static __device__ __forceinline__ void load_a(A& a, const At& at, int lane, int index, int k) {
    if constexpr (kRowsAreK) {
      const int g = lane >> 2, t = lane & 3;
#pragma unroll
      for (int i = 0; i < 4; ++i) a.r[i] = ptx::ld_shared_u32(at(index + g + (i & 1) * 8, k + t + (i >> 1) * 4));
    } else {
      ptx::ldmatrix_x4<false>(at(index + (lane & 15), k + (lane >> 4) * 4), a.r[0], a.r[1], a.r[2], a.r[3]);
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) a.r[i] = ptx::to_tf32(a.r[i]);
  }

  template <bool kRowsAreK, int kTilesM, int kTiles, int kTotal, class At>
  static __device__ __forceinline__ void step(float (&acc)[kTilesM][kTotal][4], int first, const A (&a)[kTilesM], const At& at,
                                              int lane, int index, int k, u32 active = ~0u) {
#pragma unroll
    for (int n = 0; n < kTiles; ++n) {
      u32 b[2];
      if constexpr (kRowsAreK) {
        b[0] = ptx::ld_shared_u32(at(index + n * 8 + (lane >> 2), k + (lane & 3)));
        b[1] = ptx::ld_shared_u32(at(index + n * 8 + (lane >> 2), k + (lane & 3) + 4));
      } else {
        ptx::ldmatrix_x2<false>(at(index + n * 8 + (lane & 7), k + ((lane >> 3) & 1) * 4), b[0], b[1]);
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
  static constexpr int kStep = 4;
  static constexpr bool kSharedPairs = false;
  struct A { float v[kStep][2]; };

  template <bool kRowsAreK, class At>
  static __device__ __forceinline__ void load_a(A& a, const At& at, int lane, int index, int k) {
#pragma unroll
    for (int kk = 0; kk < kStep; ++kk)
#pragma unroll
      for (int i = 0; i < 2; ++i) a.v[kk][i] = __uint_as_float(ptx::ld_shared_u32(at(index + (lane >> 2) + i * 8, k + kk)));
  }

  template <bool kRowsAreK, int kTilesM, int kTiles, int kTotal, class At>
  static __device__ __forceinline__ void step(float (&acc)[kTilesM][kTotal][4], int first, const A (&a)[kTilesM], const At& at,
                                              int lane, int index, int k, u32 active = ~0u) {
#pragma unroll
    for (int n = 0; n < kTiles; ++n)
#pragma unroll
      for (int kk = 0; kk < kStep; ++kk)
#pragma unroll
        for (int j = 0; j < 2; ++j) {
          const float b = __uint_as_float(ptx::ld_shared_u32(at(index + n * 8 + (lane & 3) * 2 + j, k + kk)));
#pragma unroll
          for (int m = 0; m < kTilesM; ++m)
#pragma unroll
            for (int i = 0; i < 2; ++i)
              if (active >> m & 1) acc[m][first + n][2 * i + j] = __fmaf_rn(a[m].v[kk][i], b, acc[m][first + n][2 * i + j]);
        }
  }
};

}  // namespace bsgen::dev
