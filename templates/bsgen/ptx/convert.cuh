// Conversions between fp32 and the operand types, one instruction each where the architecture has one.
#pragma once

#include <bsgen/common/types.cuh>

namespace bsgen::dev::ptx {

// Two fp32 to two 16-bit values, round to nearest even; `low` goes to the lower half.
template <class T>
__device__ __forceinline__ u32 pack(float low, float high) {
  u32 bits;
  if constexpr (IsSame<T, bf16>::value) {
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(high), "f"(low));
  } else {
#if __CUDA_ARCH__ >= 800
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(high), "f"(low));
#else
    u16 a, b;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(a) : "f"(low));
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(b) : "f"(high));
    bits = static_cast<u32>(a) | static_cast<u32>(b) << 16;
#endif
  }
  return bits;
}

// The fp32 value of the 16 bits.
template <class T>
__device__ __forceinline__ float unpack(u16 bits) {
  if constexpr (IsSame<T, bf16>::value) {
    return __uint_as_float(static_cast<u32>(bits) << 16);
  } else {
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
    return value;
  }
}

// Round to nearest, ties away: the tensor core itself would truncate.
__device__ __forceinline__ u32 to_tf32(u32 fp32_bits) {
  u32 bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(__uint_as_float(fp32_bits)));
  return bits;
}

}  // namespace bsgen::dev::ptx
