// bsgen 0.1.0 | fprop, tier unrolled | layout cbcc1a | sm_80
// 128 x 128 in blocks of 32, 5 of them
//   #...
//   .#..
//   ..#.
//   ..##
#include <bsgen/kernels/dds.cuh>

template <int kIndex> struct Schedule;
template <> struct Schedule<0> {
  enum : bool { kInMemory = false };
  enum : int { kUnroll = 2 };
  static __device__ __forceinline__ constexpr bsgen::dev::Panel panel(bsgen::dev::u64, int) { return {0, 0, 0, 2}; }
  static __device__ __forceinline__ int group(const bsgen::dev::Panel& panel, int e) { return e == 0 ? 0 : e == 1 ? 1 : 0; }
  static __device__ __forceinline__ bsgen::dev::u32 mask(const bsgen::dev::Panel& panel, int e) { return e == 0 ? 0x1u : e == 1 ? 0x2u : 0u; }
  static __device__ __forceinline__ int value(const bsgen::dev::Panel& panel, int e, int slot) { return e == 0 && slot == 0 ? 0 : e == 1 && slot == 1 ? 1 : -1; }
};
template <> struct Schedule<1> {
  enum : bool { kInMemory = false };
  enum : int { kUnroll = 2 };
  static __device__ __forceinline__ constexpr bsgen::dev::Panel panel(bsgen::dev::u64, int) { return {0, 2, 0, 2}; }
  static __device__ __forceinline__ int group(const bsgen::dev::Panel& panel, int e) { return e == 0 ? 2 : e == 1 ? 3 : 0; }
  static __device__ __forceinline__ bsgen::dev::u32 mask(const bsgen::dev::Panel& panel, int e) { return e == 0 ? 0x1u : e == 1 ? 0x3u : 0u; }
  static __device__ __forceinline__ int value(const bsgen::dev::Panel& panel, int e, int slot) { return e == 0 && slot == 0 ? 2 : e == 1 && slot == 0 ? 3 : e == 1 && slot == 1 ? 4 : -1; }
};

template <int kIndex>
struct Params {
  using Value = bsgen::dev::bf16;
  using Out = bsgen::dev::bf16;
  enum : bool { kTransposed = false, kTokensContiguous = false };
  enum : int {
    kAlign = 16, kOutAlign = 16,  // bytes, of pointers and leading dimensions
    kBlockK = 32, kBlockN = 32, kPanel = 2,
    kTileM = 64,  // tokens per cta
    kWarpsM = 2, kWarpsN = 2, kNumThreads = 128,
    kSlice = 32, kSlicesPerStage = 1,
    kNumStages = 3,
    kSharedBytes = 24576,  // of 166912
    kPromote = 0,  // sums stay in the tensor core
    kContraction = 0,  // whole blocks, no guard
    kOutputs = 0,  // whole panels, no guard
  };
  using Schedule = ::Schedule<kIndex>;
  using Epilogue = void;
};

extern "C" __global__ __launch_bounds__(128)
void bsgen_fprop_bf16_cbcc1a(const __grid_constant__ bsgen::dev::Arguments<0> args) {
  switch (blockIdx.x) {
    case 0: return bsgen::dev::dds<Params<0>>(args);
    case 1: return bsgen::dev::dds<Params<1>>(args);
  }
}
