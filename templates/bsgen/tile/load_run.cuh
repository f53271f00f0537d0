// Global memory -> a run of consecutive elements of one thread: what an epilogue reads, and the old values of a sum.
#pragma once

#include <bsgen/common/types.cuh>
#include <bsgen/ptx/convert.cuh>
#include <bsgen/ptx/memory.cuh>

namespace bsgen::dev {

// A run of kCount elements as fp32; where kPartial, those from `valid` on are 0. kAlign: bytes the address is a multiple of.
template <class T, int kAlign, bool kPartial, int kCount>
__device__ __forceinline__ void load_run(u64 address, int valid, float (&values)[kCount]) {
  constexpr int kWords = kCount * T::kBytes / 4;
  static_assert(kWords % 4 == 0, "load_run: a run is whole 16-byte units");
  u32 words[kWords] = {};
  if (kAlign >= 16 && (!kPartial || valid >= kCount)) {
#pragma unroll
    for (int w = 0; w < kWords; w += 4) ptx::ld_global_v4(address + w * 4, words[w], words[w + 1], words[w + 2], words[w + 3]);
  } else if constexpr (kAlign < 16 || kPartial) {
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      if (kPartial && i >= valid) continue;
      if constexpr (T::kBytes == 4) words[i] = ptx::ld_global_u32(address + 4 * i);
      else words[i / 2] |= static_cast<u32>(ptx::ld_global_u16(address + 2 * i)) << (i % 2 * 16);
    }
  }
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    if constexpr (T::kBytes == 4) values[i] = __uint_as_float(words[i]);
    else values[i] = ptx::unpack<T>(static_cast<u16>(words[i / 2] >> (i % 2 * 16)));
  }
}

}  // namespace bsgen::dev
