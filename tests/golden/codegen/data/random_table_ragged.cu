// bsgen 0.1.0 | fprop, tier table | class c7cd7b | sm_80
#include <bsgen/kernels/dds.cuh>
#include <bsgen/tile/multiply_tf32.cuh>

// blocks 16x32, contraction ends at 630, outputs end at 1270; which blocks exist stands in the table bound to the kernel
using Schedule = bsgen::dev::TableSchedule<4>;

struct Params {
  using Value = bsgen::dev::tf32;
  using Out = bsgen::dev::fp32;
  enum : bool { kTransposed = false, kTokensContiguous = true };
  enum : int {
    kAlign = 16, kOutAlign = 16,  // bytes, of pointers and leading dimensions
    kBlockK = 16, kBlockN = 32, kPanel = 2,
    kTileM = 128,  // tokens per cta
    kWarpsM = 8, kWarpsN = 1, kNumThreads = 256,
    kSlice = 16, kSlicesPerStage = 2,
    kNumStages = 3,
    kSharedBytes = 73984,  // of 166912
    kPromote = 128,  // elements per tensor-core sum
    kContraction = 630,  // features end inside the last block
    kOutputs = 1270,  // outputs end inside the last panel
  };
  using Schedule = ::Schedule;
  using Epilogue = void;
};

extern "C" __global__ __launch_bounds__(256)
void bsgen_fprop_tf32_c7cd7b(const __grid_constant__ bsgen::dev::Arguments<0> args) {
  bsgen::dev::dds<Params>(args);
}
