// Element types and the kernel's one parameter. Device code includes no toolkit header: 16-bit values travel as bits.
//
// Small functions that only compute take their arguments by reference, here and everywhere: a function of values alone is one that
// NVVM keeps as a call, to find equal ones, and optimises by itself until its second round of inlining (decision 0008).
#pragma once

namespace bsgen::dev {

using u16 = unsigned short;
using u32 = unsigned int;
using u64 = unsigned long long;
using i64 = long long;

// Operand and output types: bytes of one element, and whether a tensor core takes it.
struct fp32 { enum : int { kBytes = 4 }; enum : bool { kTensorCore = false }; };
struct tf32 { enum : int { kBytes = 4 }; enum : bool { kTensorCore = true }; };
struct fp16 { enum : int { kBytes = 2 }; enum : bool { kTensorCore = true }; };
struct bf16 { enum : int { kBytes = 2 }; enum : bool { kTensorCore = true }; };

template <class A, class B> struct IsSame { enum : bool { value = false }; };
template <class A> struct IsSame<A, A> { enum : bool { value = true }; };

// Element (h, r, c) lies at data + (h * head_stride + r * leading_dimension + c) elements. An epilogue's scalar has its bits
// in the low half of data.
struct Operand {
  u64 data;
  i64 leading_dimension;
  i64 head_stride;
};

// What every kernel is given by value (the host's runtime/launch/kernel_arguments.h is the same).
template <int kNumEpilogueSlots>
struct Arguments {
  Operand x, w, y;
  u64 table;       // tier table: panels, then entries
  int tokens;      // M
  int num_panels;
  Operand epilogue[kNumEpilogueSlots];
};
template <>
struct Arguments<0> {
  Operand x, w, y;
  u64 table;
  int tokens;
  int num_panels;
};

// One cta's share (compiler/plan/schedule.h).
struct Panel {
  int head;
  int out_block;
  int first;
  int count;
};

__device__ __forceinline__ constexpr int min_of(int a, int b) { return a < b ? a : b; }
__device__ __forceinline__ constexpr int max_of(int a, int b) { return a > b ? a : b; }

}  // namespace bsgen::dev
