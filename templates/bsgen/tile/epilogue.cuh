// What generated epilogues are built from: loading one parameter for a run of consecutive output elements.
#pragma once

#include <bsgen/common/types.cuh>
#include <bsgen/ptx/memory.cuh>
#include <bsgen/tile/load_run.cuh>

namespace bsgen::dev {

enum ParameterKind { kScalar, kVectorN, kVectorM, kMatrix };

// Values of `parameter` for the run that starts at (m, n); lane i of the run is token m + i or feature n + i.
template <ParameterKind kKind, class Out, int kAlign, bool kTokensContiguous, bool kPartial, int kCount>
__device__ __forceinline__ void load_parameter(const Operand& parameter, u64 head, int m, int n, int valid, float (&values)[kCount]) {
  if constexpr (kKind == kScalar) {
    const float value = __uint_as_float(static_cast<u32>(parameter.data));
#pragma unroll
    for (int i = 0; i < kCount; ++i) values[i] = value;
  } else if constexpr (kKind == kMatrix) {
    const i64 element = kTokensContiguous ? static_cast<i64>(n) * parameter.leading_dimension + m
                                          : static_cast<i64>(m) * parameter.leading_dimension + n;
    load_run<Out, kAlign, kPartial>(parameter.data + (head * parameter.head_stride + element) * Out::kBytes, valid, values);
  } else {
    const int index = kKind == kVectorN ? n : m;
    const u64 address = parameter.data + (head * parameter.head_stride + index) * 4;
    if constexpr ((kKind == kVectorM) == kTokensContiguous) {
      load_run<fp32, kAlign, kPartial>(address, valid, values);
    } else {
      const float value = __uint_as_float(ptx::ld_global_u32(address));
#pragma unroll
      for (int i = 0; i < kCount; ++i) values[i] = value;
    }
  }
}

}  // namespace bsgen::dev
