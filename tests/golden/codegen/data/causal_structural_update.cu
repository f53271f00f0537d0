// bsgen 0.1.0 | update, tier structural | layout 91ca4c | sm_80
// 768 x 768 in blocks of 64, 78 of them
//   #...........
//   ##..........
//   ###.........
//   ####........
//   #####.......
//   ######......
//   #######.....
//   ########....
//   #########...
//   ##########..
//   ###########.
//   ############
#include <bsgen/kernels/sdd.cuh>

// lower-triangle, j <= i
struct Schedule {
  enum : bool { kInMemory = false };
  enum : int { kUnroll = 1 };
  // block columns j0 .. j1 meet the block rows first .. last
  static __device__ __forceinline__ int first(int j0, int j1) { return j0; }
  static __device__ __forceinline__ int last(int j0, int j1) { return 11; }
  // block (i, j): is it there, and which of the values is it
  static __device__ __forceinline__ bool present(int i, int j) { return j <= i; }
  static __device__ __forceinline__ int value_index(int i, int j) {
    const int slope = bsgen::dev::min_of(i, 12);
    return slope * (slope + 1) / 2 + (i - slope) * 12 + j;
  }

  static __device__ __forceinline__ bsgen::dev::Panel panel(bsgen::dev::u64, int index) {
    const int head = index / 144, j0 = index % 144 / 12 * 1;
    const int j1 = bsgen::dev::min_of(j0 + 1, 12) - 1, from = first(j0, j1), to = last(j0, j1);
    const int entries = to < first(j0, j1) ? 0 : to - from + 1;
    const int done = index % 12 * 1;  // each cta takes 1 block rows
    return {head, j0, from + done, bsgen::dev::max_of(0, bsgen::dev::min_of(entries - done, 1))};
  }
  template <class A>
  static __device__ __forceinline__ int group(const A&, const bsgen::dev::Panel& panel, int e) { return panel.first + e; }
  template <class A>
  static __device__ __forceinline__ int value(const A& args, const bsgen::dev::Panel& panel, int e, int slot) {
    const int i = group(args, panel, e), j = panel.out_block + slot;
    if (i >= 12 || j >= 12 || !present(i, j)) return -1;
    return panel.head * 78 + value_index(i, j);
  }
  template <class A>
  static __device__ __forceinline__ bsgen::dev::u32 mask(const A& args, const bsgen::dev::Panel& panel, int e) {
    bsgen::dev::u32 bits = 0;
#pragma unroll
    for (int slot = 0; slot < 1; ++slot) bits |= value(args, panel, e, slot) >= 0 ? 1u << slot : 0u;
    return bits;
  }
};

struct Params {
  using Value = bsgen::dev::bf16;
  using Out = bsgen::dev::fp32;
  enum : bool { kAccumulate = false, kTokensContiguous = false };
  enum : int {
    kAlign = 16, kOutAlign = 16,  // bytes, of pointers and leading dimensions
    kBlockK = 64, kBlockN = 64, kPanel = 1,
    kGather = 1,  // block rows per cta
    kWarpsM = 2, kWarpsN = 2, kNumThreads = 128,
    kSlice = 64,  // tokens per stage
    kNumStages = 3,
    kSharedBytes = 49168,  // of 166912
    kPromote = 128,  // elements per tensor-core sum
    kContraction = 0,  // whole blocks, no guard
    kOutputs = 0,  // whole panels, no guard
  };
  using Schedule = ::Schedule;
};

extern "C" __global__ __launch_bounds__(128)
void bsgen_update_bf16_91ca4c(const __grid_constant__ bsgen::dev::Arguments<0> args) {
  bsgen::dev::sdd<Params>(args);
}
