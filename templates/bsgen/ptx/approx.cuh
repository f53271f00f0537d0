// Approximate instructions of the special function unit (PTX ISA, "Floating Point Instructions"): for 16-bit outputs only,
// because their last bits are the hardware's own.
#pragma once

namespace bsgen::dev::ptx {

// 2^x to 2 ulp; results below 2^-126 are subnormal, not flushed.
__device__ __forceinline__ float ex2_approx(float x) {
  float y;
  asm("ex2.approx.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// 1 / x to 1 ulp; a subnormal result is 0.
__device__ __forceinline__ float rcp_approx_ftz(float x) {
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

}  // namespace bsgen::dev::ptx
