// bsgen 0.1.0 | bprop, tier structural | layout 254997 | sm_80
// 128 x 128 in blocks of 8, 80 of them
//   ###.#...#.......
//   ##.#.#...#......
//   #.##..#...#.....
//   .###...#...#....
//   #...###.....#...
//   .#..##.#.....#..
//   ..#.#.##......#.
//   ...#.###.......#
//   #.......###.#...
//   .#......##.#.#..
//   ..#.....#.##..#.
//   ...#.....###...#
//   ....#...#...###.
//   .....#...#..##.#
//   ......#...#.#.##
//   .......#...#.###
#include <bsgen/kernels/dds.cuh>

// butterfly
struct Schedule {
  enum : bool { kInMemory = false };
  enum : int { kUnroll = 1 };
  // the block columns of block row j, ascending
  static __device__ __forceinline__ int count(int j) {
    return 4;
  }
  static __device__ __forceinline__ int nth(int j, int n) {
    const int set = __popc(j >> 1);
    int rank = 0;
    if (n == set) return j;
    for (int bit = 3; bit >= 1; --bit)
      if ((j >> bit & 1) && rank++ == n) return j ^ 1 << bit;
    ++rank;
    for (int bit = 1; bit <= 3; ++bit)
      if (!(j >> bit & 1) && rank++ == n) return j ^ 1 << bit;
    return j;
  }
  // block (i, j): is it there, and which of the values is it
  static __device__ __forceinline__ bool present(int i, int j) { return (i ^ j) == 0 || ((i ^ j) & ((i ^ j) - 1)) == 0; }
  static __device__ __forceinline__ int value_index(int i, int j) {
    const int bit = i == j ? 0 : 31 - __clz(i ^ j);
    const int rank = j == i ? __popc(i) : j < i ? __popc(i >> (bit + 1)) : __popc(i) + 1 + bit - __popc(i & ((1 << bit) - 1));
    return i * 5 + rank;
  }

  static __device__ __forceinline__ bsgen::dev::Panel panel(bsgen::dev::u64, int index) {
    const int head = index / 16, j0 = index % 16 * 1;
    const int from = 0, entries = count(j0);
    return {head, j0, from, entries};
  }
  static __device__ __forceinline__ int group(const bsgen::dev::Panel& panel, int e) { return nth(panel.out_block, panel.first + e) / 2; }
  static __device__ __forceinline__ int value(const bsgen::dev::Panel& panel, int e, int slot) {
    const int i = panel.out_block + slot / 2, j = group(panel, e) * 2 + slot % 2;
    if (i >= 16 || j >= 16 || !present(i, j)) return -1;
    return panel.head * 80 + value_index(i, j);
  }
  static __device__ __forceinline__ bsgen::dev::u32 mask(const bsgen::dev::Panel& panel, int e) {
    bsgen::dev::u32 bits = 0;
#pragma unroll
    for (int slot = 0; slot < 2; ++slot) bits |= value(panel, e, slot) >= 0 ? 1u << slot : 0u;
    return bits;
  }
};

struct Params {
  using Value = bsgen::dev::fp16;
  using Out = bsgen::dev::fp16;
  enum : bool { kTransposed = true, kTokensContiguous = false };
  enum : int {
    kAlign = 16, kOutAlign = 16,  // bytes, of pointers and leading dimensions
    kBlockK = 8, kBlockN = 8, kPanel = 1,
    kTileM = 128,  // tokens per cta
    kWarpsM = 4, kWarpsN = 1, kNumThreads = 128,
    kSlice = 16, kSlicesPerStage = 2,
    kNumStages = 3,
    kSharedBytes = 26112,  // of 166912
    kPromote = 0,  // sums stay in the tensor core
    kContraction = 0,  // whole blocks, no guard
    kOutputs = 0,  // whole panels, no guard
  };
  using Schedule = ::Schedule;
  using Epilogue = void;
};

extern "C" __global__ __launch_bounds__(128)
void bsgen_bprop_fp16_254997(const __grid_constant__ bsgen::dev::Arguments<0> args) {
  bsgen::dev::dds<Params>(args);
}
