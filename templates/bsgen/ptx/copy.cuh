// Global -> shared copies: cp.async from sm_80 (PTX ISA "Data Movement and Conversion Instructions: Asynchronous copy"),
// plain loads and stores before. Each copies kUnit bytes, of which the first `valid` come from memory and the rest are 0.
#pragma once

#include <bsgen/common/types.cuh>
#include <bsgen/ptx/memory.cuh>

namespace bsgen::dev::ptx {

#if __CUDA_ARCH__ >= 800
enum : bool { kHasAsyncCopy = true };
#else
enum : bool { kHasAsyncCopy = false };
#endif

__device__ __forceinline__ void cp_async_commit() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
// Waits until at most kPending of this thread's newest groups are in flight.
template <int kPending>
__device__ __forceinline__ void cp_async_wait() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
#endif
}

// 16 bytes bypass L1 (.cg): operand tiles are read once per cta. A 2-byte unit has no asynchronous form; a source that ends inside a
// unit is read element by element of 2 bytes.
template <int kUnit>
__device__ __forceinline__ void copy(u32 destination, u64 source, int valid) {
  if constexpr (kUnit == 2) {
    st_shared_u16(destination, valid > 0 ? ld_global_u16(source) : static_cast<u16>(0));
  } else if constexpr (kHasAsyncCopy) {
    if constexpr (kUnit == 16) asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(destination), "l"(source), "r"(valid) : "memory");
    else asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(destination), "l"(source), "r"(valid) : "memory");
  } else if constexpr (kUnit == 4) {
    u32 word = 0;
    if (valid >= 4) word = ld_global_u32(source);
    else if (valid >= 2) word = ld_global_u16(source);
    st_shared_u32(destination, word);
  } else {
    u32 words[4] = {0, 0, 0, 0};
    if (valid >= 16) {
      ld_global_v4(source, words[0], words[1], words[2], words[3]);
    } else {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        if (valid >= 4 * i + 4) words[i] = ld_global_u32(source + 4 * i);
        else if (valid >= 4 * i + 2) words[i] = ld_global_u16(source + 4 * i);
      }
    }
    st_shared_v4(destination, words);
  }
}

}  // namespace bsgen::dev::ptx
