// bsgen 0.1.0 | fprop, tier structural | layout 7df346 | sm_80
// 2048 x 2048 in blocks of 32, 190 of them
#include <bsgen/kernels/dds.cuh>

// band, offsets -1 0 1
struct Schedule {
  enum : bool { kInMemory = false };
  enum : int { kUnroll = 1 };
  // block columns j0 .. j1 meet the block rows first .. last
  static __device__ __forceinline__ int first(int j0, int j1) { return bsgen::dev::max_of(0, j0 - 1); }
  static __device__ __forceinline__ int last(int j0, int j1) { return bsgen::dev::min_of(63, j1 + 1); }
  // block (i, j): is it there, and which of the values is it
  static __device__ __forceinline__ bool present(int i, int j) { return j - i >= -1 && j - i <= 1; }
  static __device__ __forceinline__ int value_index(int i, int j) {
    int index = 0;
    index += bsgen::dev::max_of(0, bsgen::dev::min_of(i, 65) - 1);
    index += -1 < j - i && i - 1 >= 0 ? 1 : 0;
    index += bsgen::dev::max_of(0, bsgen::dev::min_of(i, 64) - 0);
    index += 0 < j - i && i >= 0 ? 1 : 0;
    index += bsgen::dev::max_of(0, bsgen::dev::min_of(i, 63) - 0);
    index += 1 < j - i && i + 1 >= 0 ? 1 : 0;
    return index;
  }

  static __device__ __forceinline__ bsgen::dev::Panel panel(bsgen::dev::u64, int index) {
    const int head = index / 64, j0 = index % 64 * 1;
    const int j1 = bsgen::dev::min_of(j0 + 1, 64) - 1, from = first(j0, j1), to = last(j0, j1);
    const int entries = to < first(j0, j1) ? 0 : to - from + 1;
    return {head, j0, from, entries};
  }
  static __device__ __forceinline__ int group(const bsgen::dev::Panel& panel, int e) { return panel.first + e; }
  static __device__ __forceinline__ int value(const bsgen::dev::Panel& panel, int e, int slot) {
    const int i = group(panel, e), j = panel.out_block + slot;
    if (i >= 64 || j >= 64 || !present(i, j)) return -1;
    return panel.head * 190 + value_index(i, j);
  }
  static __device__ __forceinline__ bsgen::dev::u32 mask(const bsgen::dev::Panel& panel, int e) {
    bsgen::dev::u32 bits = 0;
#pragma unroll
    for (int slot = 0; slot < 1; ++slot) bits |= value(panel, e, slot) >= 0 ? 1u << slot : 0u;
    return bits;
  }
};

struct Params {
  using Value = bsgen::dev::bf16;
  using Out = bsgen::dev::bf16;
  enum : bool { kTransposed = false, kTokensContiguous = false };
  enum : int {
    kAlign = 16, kOutAlign = 16,  // bytes, of pointers and leading dimensions
    kBlockK = 32, kBlockN = 32, kPanel = 1,
    kTileM = 128,  // tokens per cta
    kWarpsM = 4, kWarpsN = 1, kNumThreads = 128,
    kSlice = 32, kSlicesPerStage = 1,
    kNumStages = 3,
    kSharedBytes = 30720,  // of 166912
    kPromote = 0,  // sums stay in the tensor core
    kContraction = 0,  // whole blocks, no guard
    kOutputs = 0,  // whole panels, no guard
  };
  using Schedule = ::Schedule;
  using Epilogue = void;
};

extern "C" __global__ __launch_bounds__(128)
void bsgen_fprop_bf16_7df346(const __grid_constant__ bsgen::dev::Arguments<0> args) {
  bsgen::dev::dds<Params>(args);
}
