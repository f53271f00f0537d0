// bsgen 0.1.0 | fprop, tier constant | layout 05d2fa | sm_80
// 256 x 256 in blocks of 32, 19 of them
//   .##.....
//   ...#.##.
//   ..####..
//   #......#
//   ...#....
//   .##....#
//   #....#.#
//   ......#.
#include <bsgen/kernels/dds.cuh>
#include <bsgen/tile/epilogue.cuh>
#include <bsgen/common/math.cuh>

// head, first output block, first entry, entries
__constant__ int kPanels[4][4] = {
  {0, 2, 4, 5},
  {0, 6, 12, 5},
  {0, 0, 0, 4},
  {0, 4, 9, 3},
};
// contraction block, presence bits, value block per output block (-1: absent)
__constant__ int kEntries[17][4] = {
  {0, 2, -1, 0},
  {3, 1, 9, -1},
  {5, 2, -1, 12},
  {6, 1, 15, -1},
  {0, 1, 1, -1},
  {1, 2, -1, 2},
  {2, 3, 5, 6},
  {4, 2, -1, 11},
  {5, 1, 13, -1},
  {1, 2, -1, 3},
  {2, 3, 7, 8},
  {6, 2, -1, 16},
  {1, 1, 4, -1},
  {3, 2, -1, 10},
  {5, 2, -1, 14},
  {6, 2, -1, 17},
  {7, 1, 18, -1},
};

struct Schedule {
  enum : bool { kInMemory = false };
  enum : int { kUnroll = 1 };
  static __device__ __forceinline__ bsgen::dev::Panel panel(bsgen::dev::u64, int index) {
    return {kPanels[index][0], kPanels[index][1], kPanels[index][2], kPanels[index][3]};
  }
  static __device__ __forceinline__ int group(const bsgen::dev::Panel& panel, int e) { return kEntries[panel.first + e][0]; }
  static __device__ __forceinline__ bsgen::dev::u32 mask(const bsgen::dev::Panel& panel, int e) { return kEntries[panel.first + e][1]; }
  static __device__ __forceinline__ int value(const bsgen::dev::Panel& panel, int e, int slot) { return kEntries[panel.first + e][2 + slot]; }
};

// gelu(acc + bias[n]) * scale + residual[m,n]
struct Epilogue {
  static __device__ __forceinline__ float apply(float acc, float p0, float p1, float p2) {
    return bsgen::dev::fma(bsgen::dev::gelu<true>(acc + p0), p1, p2);
  }
  template <class Out, int kAlign, bool kTokensContiguous, bool kPartial, class A, int kCount>
  static __device__ __forceinline__ void run(const A& args, bsgen::dev::u64 head, int m, int n, int valid, float (&v)[kCount]) {
    float p0[kCount];  // bias
    bsgen::dev::load_parameter<bsgen::dev::kVectorN, Out, kAlign, kTokensContiguous, kPartial>(args.epilogue[0], head, m, n, valid, p0);
    float p1[kCount];  // scale
    bsgen::dev::load_parameter<bsgen::dev::kScalar, Out, kAlign, kTokensContiguous, kPartial>(args.epilogue[1], head, m, n, valid, p1);
    float p2[kCount];  // residual
    bsgen::dev::load_parameter<bsgen::dev::kMatrix, Out, kAlign, kTokensContiguous, kPartial>(args.epilogue[2], head, m, n, valid, p2);
#pragma unroll
    for (int i = 0; i < kCount; ++i) v[i] = apply(v[i], p0[i], p1[i], p2[i]);
  }
};

struct Params {
  using Value = bsgen::dev::bf16;
  using Out = bsgen::dev::bf16;
  enum : bool { kTransposed = false, kTokensContiguous = false };
  enum : int {
    kAlign = 16, kOutAlign = 16,  // bytes, of pointers and leading dimensions
    kBlockK = 32, kBlockN = 32, kPanel = 2,
    kTileM = 128,  // tokens per cta
    kWarpsM = 2, kWarpsN = 2, kNumThreads = 128,
    kSlice = 32, kSlicesPerStage = 1,
    kNumStages = 3,
    kSharedBytes = 36864,  // of 166912
    kPromote = 0,  // sums stay in the tensor core
    kContraction = 0,  // whole blocks, no guard
    kOutputs = 0,  // whole panels, no guard
  };
  using Schedule = ::Schedule;
  using Epilogue = ::Epilogue;
};

extern "C" __global__ __launch_bounds__(128)
void bsgen_fprop_bf16_05d2fa(const __grid_constant__ bsgen::dev::Arguments<3> args) {
  bsgen::dev::dds<Params>(args);
}
