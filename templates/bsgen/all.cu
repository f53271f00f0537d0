// Every kernel once, for editors and for the test that compiles the templates with each compiler (tests/compile_fail): NVRTC,
// nvcc, and clang -x cuda -nocudainc -nocudalib. Generated files look like one of these with a layout of their own.
#if defined(__clang__) && !defined(__CUDACC__)
#define __CUDACC__
#endif
#if defined(__clang__)
// What the toolkit's headers would say, as far as the templates use it.
#define __device__ __attribute__((device))
#define __global__ __attribute__((global))
#define __shared__ __attribute__((shared))
#define __constant__ __attribute__((constant))
#define __forceinline__ __attribute__((always_inline)) inline
#define __align__(n) __attribute__((aligned(n)))
#define __launch_bounds__(n) __attribute__((launch_bounds(n)))
#define __grid_constant__
struct Indices {
  int x, y, z;
};
#define threadIdx (Indices{__nvvm_read_ptx_sreg_tid_x(), 0, 0})
#define blockIdx (Indices{__nvvm_read_ptx_sreg_ctaid_x(), __nvvm_read_ptx_sreg_ctaid_y(), __nvvm_read_ptx_sreg_ctaid_z()})
#define gridDim (Indices{__nvvm_read_ptx_sreg_nctaid_x(), __nvvm_read_ptx_sreg_nctaid_y(), __nvvm_read_ptx_sreg_nctaid_z()})
__device__ __forceinline__ void __syncwarp() { __nvvm_bar_warp_sync(~0u); }
__device__ __forceinline__ float __fmaf_rn(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
__device__ __forceinline__ float __fadd_rn(float a, float b) { return a + b; }
__device__ __forceinline__ unsigned __float_as_uint(float x) { return __builtin_bit_cast(unsigned, x); }
__device__ __forceinline__ float __uint_as_float(unsigned x) { return __builtin_bit_cast(float, x); }
__device__ __forceinline__ int __float_as_int(float x) { return __builtin_bit_cast(int, x); }
__device__ __forceinline__ float __int_as_float(int x) { return __builtin_bit_cast(float, x); }
#endif

#include <bsgen/common/math.cuh>
#include <bsgen/kernels/dds.cuh>
#include <bsgen/kernels/sdd.cuh>
#include <bsgen/tile/epilogue.cuh>
#include <bsgen/tile/multiply_fp32.cuh>
#include <bsgen/tile/multiply_tf32.cuh>

namespace {

using namespace bsgen::dev;

// y = gelu(acc + v0[n]) as the compiler of epilogues writes it.
struct Gelu {
  template <class Out, int kAlign, bool kTokensContiguous, bool kPartial, class A, int kCount>
  static __device__ __forceinline__ void run(const A& args, u64 head, int m, int n, int valid, float (&values)[kCount]) {
    float bias[kCount];
    load_parameter<kVectorN, Out, kAlign, kTokensContiguous, kPartial>(args.epilogue[0], head, m, n, valid, bias);
#pragma unroll
    for (int i = 0; i < kCount; ++i) values[i] = gelu<Out::kBytes == 2>(values[i] + bias[i]);
  }
};

template <class T, bool kTransposedV, bool kTokensContiguousV, class EpilogueV, int kPromoteV>
struct DdsChoices {
  using Value = T;
  using Out = T;
  using Schedule = TableSchedule<4>;
  using Epilogue = EpilogueV;
  enum : bool { kTransposed = kTransposedV, kTokensContiguous = kTokensContiguousV };
  enum : int {
    kAlign = 16, kOutAlign = 16,
    kBlockK = 32, kBlockN = 32, kPanel = 2,
    kTileM = 64,
    kWarpsM = 2, kWarpsN = 2, kNumThreads = 128,
    kSlice = 32, kSlicesPerStage = 1,
    kNumStages = 3,
    kPromote = kPromoteV,
    kContraction = 70, kOutputs = 90,  // ragged
  };
};
template <class T, bool kTokensContiguousV>
struct SddChoices {
  using Value = T;
  using Out = fp32;
  using Schedule = TableSchedule<4>;
  enum : bool { kAccumulate = true, kTokensContiguous = kTokensContiguousV };
  enum : int {
    kAlign = 16, kOutAlign = 16,
    kBlockK = 32, kBlockN = 32, kPanel = 2,
    kGather = 2,
    kWarpsM = 2, kWarpsN = 2, kNumThreads = 128,
    kSlice = 32,
    kNumStages = 3,
    kPromote = 128,
    kContraction = 70, kOutputs = 90,
  };
};
// A generated file states the bytes of shared memory that its plan counted; here they are the tile's own.
template <class Choices, class Geometry>
struct Whole : Choices {
  enum : int { kSharedBytes = Geometry::kSharedBytes };
};
template <class Choices>
using DdsParams = Whole<Choices, DdsGeometry<Choices>>;
template <class Choices>
using SddParams = Whole<Choices, SddGeometry<Choices>>;

}  // namespace

#define KERNEL(name, call, slots) \
  extern "C" __global__ __launch_bounds__(128) void name(const __grid_constant__ Arguments<slots> args) { call(args); }

#define KERNELS(type)                                                                                              \
  KERNEL(fprop_##type, (dds<DdsParams<DdsChoices<type, false, false, void, 0>>>), 0)                          \
  KERNEL(fprop_##type##_col_gelu, (dds<DdsParams<DdsChoices<type, false, true, Gelu, 0>>>), 1)                      \
  KERNEL(bprop_##type, (dds<DdsParams<DdsChoices<type, true, false, void, 128>>>), 0)                         \
  KERNEL(update_##type, (sdd<SddParams<SddChoices<type, false>>>), 0)                                              \
  KERNEL(update_##type##_col, (sdd<SddParams<SddChoices<type, true>>>), 0)

KERNELS(fp32)
KERNELS(fp16)
#if __CUDA_ARCH__ >= 800
KERNELS(tf32)
KERNELS(bf16)
#endif
