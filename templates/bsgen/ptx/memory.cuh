// Loads and stores, one wrapper per instruction. Shared addresses are 32-bit offsets into the shared window.
#pragma once

#include <bsgen/common/types.cuh>

namespace bsgen::dev::ptx {

__device__ __forceinline__ u32 shared_address(const void* pointer) {
  u64 address;
  asm("cvta.to.shared.u64 %0, %1;" : "=l"(address) : "l"(pointer));
  return static_cast<u32>(address);
}

__device__ __forceinline__ u32 ld_global_u32(u64 address) {
  u32 value;
  asm volatile("ld.global.u32 %0, [%1];" : "=r"(value) : "l"(address));
  return value;
}
__device__ __forceinline__ u16 ld_global_u16(u64 address) {
  u16 value;
  asm volatile("ld.global.u16 %0, [%1];" : "=h"(value) : "l"(address));
  return value;
}
__device__ __forceinline__ void ld_global_v4(u64 address, u32& a, u32& b, u32& c, u32& d) {
  asm volatile("ld.global.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(a), "=r"(b), "=r"(c), "=r"(d) : "l"(address));
}
// Read-only for the whole launch: the schedule.
__device__ __forceinline__ void ld_global_nc_v4(u64 address, int& a, int& b, int& c, int& d) {
  asm volatile("ld.global.nc.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(a), "=r"(b), "=r"(c), "=r"(d) : "l"(address));
}
__device__ __forceinline__ u32 ld_global_nc_u32(u64 address) {
  u32 value;
  asm volatile("ld.global.nc.u32 %0, [%1];" : "=r"(value) : "l"(address));
  return value;
}

__device__ __forceinline__ void st_global_u32(u64 address, u32 value) {
  asm volatile("st.global.u32 [%0], %1;" ::"l"(address), "r"(value) : "memory");
}
__device__ __forceinline__ void st_global_u16(u64 address, u16 value) {
  asm volatile("st.global.u16 [%0], %1;" ::"l"(address), "h"(value) : "memory");
}
__device__ __forceinline__ void st_global_v4(u64 address, const u32 (&v)[4]) {
  asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(address), "r"(v[0]), "r"(v[1]), "r"(v[2]), "r"(v[3]) : "memory");
}

__device__ __forceinline__ u32 ld_shared_u32(u32 address) {
  u32 value;
  asm volatile("ld.shared.u32 %0, [%1];" : "=r"(value) : "r"(address));
  return value;
}
__device__ __forceinline__ float ld_shared_f32(u32 address) {
  float value;
  asm volatile("ld.shared.f32 %0, [%1];" : "=f"(value) : "r"(address));
  return value;
}
__device__ __forceinline__ void ld_shared_v4(u32 address, float& a, float& b, float& c, float& d) {
  asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];" : "=f"(a), "=f"(b), "=f"(c), "=f"(d) : "r"(address));
}
__device__ __forceinline__ void st_shared_u16(u32 address, u16 value) {
  asm volatile("st.shared.u16 [%0], %1;" ::"r"(address), "h"(value) : "memory");
}
__device__ __forceinline__ void st_shared_u32(u32 address, u32 value) {
  asm volatile("st.shared.u32 [%0], %1;" ::"r"(address), "r"(value) : "memory");
}
__device__ __forceinline__ void st_shared_f32(u32 address, float value) {
  asm volatile("st.shared.f32 [%0], %1;" ::"r"(address), "f"(value) : "memory");
}
// The first two values at `address`, the others kFurther bytes on. Accumulators stay floats: a cast would make every one of them
// an integer from its first use on, with two moves around each mma.
template <int kFurther>
__device__ __forceinline__ void st_shared_v2_pair(u32 address, const float (&v)[4]) {
  asm volatile("st.shared.v2.f32 [%0], {%1, %2};\n\tst.shared.v2.f32 [%0+%5], {%3, %4};"
               ::"r"(address), "f"(v[0]), "f"(v[1]), "f"(v[2]), "f"(v[3]), "n"(kFurther) : "memory");
}
__device__ __forceinline__ void st_shared_v4(u32 address, const u32 (&v)[4]) {
  asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};" ::"r"(address), "r"(v[0]), "r"(v[1]), "r"(v[2]), "r"(v[3]) : "memory");
}

}  // namespace bsgen::dev::ptx
