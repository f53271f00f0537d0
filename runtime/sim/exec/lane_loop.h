// Loops over the 32 lanes of a register, included by every translation unit that is compiled per instruction set.
//
// Everything here is in an anonymous namespace: a copy built for AVX-512 must never be the one that the linker keeps for others.
#pragma once

#include "runtime/sim/exec/fp_convert.h"
#include "runtime/sim/exec/lane_ops.h"
#include "runtime/sim/exec/warp.h"

// A destination is either the very register of an operand or disjoint from it, so no lane depends on another.
#if defined(__clang__)
#define BSGEN_SIM_LANES _Pragma("clang loop vectorize(assume_safety)")
#else
#define BSGEN_SIM_LANES _Pragma("GCC ivdep")
#endif

namespace bsgen::sim {
namespace {

template <int kBytes> struct CellOf { using Type = std::uint32_t; };
template <> struct CellOf<8> { using Type = std::uint64_t; };
// What a lane of T occupies in the register file.
template <class T> using Cell = typename CellOf<sizeof(T)>::Type;

// f16 and bf16 values as they travel through functors.
struct F16 { std::uint16_t bits; };
struct Bf16 { std::uint16_t bits; };
struct F16x2 { std::uint32_t bits; };
struct Bf16x2 { std::uint32_t bits; };

template <class T> struct IsHalf { static constexpr bool value = false; };
template <> struct IsHalf<F16> { static constexpr bool value = true; };
template <> struct IsHalf<Bf16> { static constexpr bool value = true; };

template <class T>
BSGEN_SIM_INLINE T get(const Cell<T>* lanes, int lane) {
  if constexpr (IsHalf<T>::value) {
    return T{static_cast<std::uint16_t>(lanes[lane])};
  } else if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(lanes[lane]);
  } else {
    return __builtin_bit_cast(T, lanes[lane]);
  }
}
template <class T>
BSGEN_SIM_INLINE void put(Cell<T>* lanes, int lane, T value) {
  if constexpr (IsHalf<T>::value) {
    lanes[lane] = value.bits;
  } else if constexpr (std::is_integral_v<T>) {
    lanes[lane] = static_cast<Cell<T>>(value);
  } else {
    lanes[lane] = __builtin_bit_cast(Cell<T>, value);
  }
}

template <class F, class D, class A>
void lanes1(Warp& warp, const Op& op) {
  Cell<D>* d = reinterpret_cast<Cell<D>*>(warp.registers + op.slot[0]);
  const Cell<A>* a = reinterpret_cast<const Cell<A>*>(warp.registers + op.slot[1]);
  const std::uint32_t mask = warp.mask;
  if (mask == kFullMask) {
    BSGEN_SIM_LANES
    for (int lane = 0; lane < kLanes; ++lane) put<D>(d, lane, F::apply(get<A>(a, lane)));
  } else {
    for (int lane = 0; lane < kLanes; ++lane)
      if (mask >> lane & 1) put<D>(d, lane, F::apply(get<A>(a, lane)));
  }
}

template <class F, class D, class A, class B>
void lanes2(Warp& warp, const Op& op) {
  Cell<D>* d = reinterpret_cast<Cell<D>*>(warp.registers + op.slot[0]);
  const Cell<A>* a = reinterpret_cast<const Cell<A>*>(warp.registers + op.slot[1]);
  const Cell<B>* b = reinterpret_cast<const Cell<B>*>(warp.registers + op.slot[2]);
  const std::uint32_t mask = warp.mask;
  if (mask == kFullMask) {
    BSGEN_SIM_LANES
    for (int lane = 0; lane < kLanes; ++lane) put<D>(d, lane, F::apply(get<A>(a, lane), get<B>(b, lane)));
  } else {
    for (int lane = 0; lane < kLanes; ++lane)
      if (mask >> lane & 1) put<D>(d, lane, F::apply(get<A>(a, lane), get<B>(b, lane)));
  }
}

template <class F, class D, class A, class B, class C>
void lanes3(Warp& warp, const Op& op) {
  Cell<D>* d = reinterpret_cast<Cell<D>*>(warp.registers + op.slot[0]);
  const Cell<A>* a = reinterpret_cast<const Cell<A>*>(warp.registers + op.slot[1]);
  const Cell<B>* b = reinterpret_cast<const Cell<B>*>(warp.registers + op.slot[2]);
  const Cell<C>* c = reinterpret_cast<const Cell<C>*>(warp.registers + op.slot[3]);
  const std::uint32_t mask = warp.mask;
  if (mask == kFullMask) {
    BSGEN_SIM_LANES
    for (int lane = 0; lane < kLanes; ++lane)
      put<D>(d, lane, F::apply(get<A>(a, lane), get<B>(b, lane), get<C>(c, lane)));
  } else {
    for (int lane = 0; lane < kLanes; ++lane)
      if (mask >> lane & 1) put<D>(d, lane, F::apply(get<A>(a, lane), get<B>(b, lane), get<C>(c, lane)));
  }
}

// p = (a cmp b) join c, q = !(a cmp b) join c
template <class F, class A>
void compare(Warp& warp, const Op& op) {
  const Cell<A>* a = reinterpret_cast<const Cell<A>*>(warp.registers + op.slot[1]);
  const Cell<A>* b = reinterpret_cast<const Cell<A>*>(warp.registers + op.slot[2]);
  std::uint32_t result = 0;
  for (int lane = 0; lane < kLanes; ++lane)
    result |= static_cast<std::uint32_t>(F::apply(get<A>(a, lane), get<A>(b, lane)) ? 1 : 0) << lane;
  std::uint32_t inverse = ~result;
  if (op.flags & kJoinMask) {
    std::uint32_t c = warp.predicate(op.slot[4]);
    if (op.flags & kJoinNegated) c = ~c;
    const int join = op.flags & kJoinMask;
    result = join == kJoinAnd ? result & c : join == kJoinOr ? result | c : result ^ c;
    inverse = join == kJoinAnd ? inverse & c : join == kJoinOr ? inverse | c : inverse ^ c;
  }
  std::uint32_t& p = warp.predicate(op.slot[0]);
  std::uint32_t& q = warp.predicate(op.slot[3]);
  q = (q & ~warp.mask) | (inverse & warp.mask);
  p = (p & ~warp.mask) | (result & warp.mask);
}

}  // namespace
}  // namespace bsgen::sim
