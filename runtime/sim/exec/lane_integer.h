// Integer and bit instructions: what one lane computes (PTX ISA, "Integer Arithmetic", "Logic and Shift").
#pragma once

#include "runtime/sim/exec/lane_loop.h"

namespace bsgen::sim {
namespace {

template <class T> struct WideOf;
template <> struct WideOf<std::uint16_t> { using Type = std::uint32_t; };
template <> struct WideOf<std::int16_t> { using Type = std::int32_t; };
template <> struct WideOf<std::uint32_t> { using Type = std::uint64_t; };
template <> struct WideOf<std::int32_t> { using Type = std::int64_t; };
template <> struct WideOf<std::uint64_t> { using Type = unsigned __int128; };
template <> struct WideOf<std::int64_t> { using Type = __int128; };
template <class T> using Wide = typename WideOf<T>::Type;
template <class T> struct UnsignedOf { using Type = std::make_unsigned_t<T>; };
template <class T> using Unsigned = typename UnsignedOf<T>::Type;

// Wrapping arithmetic in the unsigned type at least as wide as int, so that nothing overflows in C++'s sense.
template <class T> BSGEN_SIM_INLINE T wrap_add(T a, T b) { return static_cast<T>(static_cast<Cell<T>>(a) + static_cast<Cell<T>>(b)); }
template <class T> BSGEN_SIM_INLINE T wrap_mul(T a, T b) { return static_cast<T>(static_cast<Cell<T>>(a) * static_cast<Cell<T>>(b)); }

struct IntAdd { template <class T> BSGEN_SIM_INLINE static T apply(T a, T b) { return wrap_add(a, b); } };
struct IntSub { template <class T> BSGEN_SIM_INLINE static T apply(T a, T b) { return static_cast<T>(static_cast<Cell<T>>(a) - static_cast<Cell<T>>(b)); } };
// add.sat and sub.sat exist for s32 only: clamped to its range.
struct IntAddSat { BSGEN_SIM_INLINE static std::int32_t apply(std::int32_t a, std::int32_t b) { const std::int64_t s = std::int64_t{a} + b; return static_cast<std::int32_t>(s > INT32_MAX ? INT32_MAX : s < INT32_MIN ? INT32_MIN : s); } };
struct IntSubSat { BSGEN_SIM_INLINE static std::int32_t apply(std::int32_t a, std::int32_t b) { const std::int64_t s = std::int64_t{a} - b; return static_cast<std::int32_t>(s > INT32_MAX ? INT32_MAX : s < INT32_MIN ? INT32_MIN : s); } };
struct IntMulLo { template <class T> BSGEN_SIM_INLINE static T apply(T a, T b) { return wrap_mul(a, b); } };
struct IntMulHi { template <class T> BSGEN_SIM_INLINE static T apply(T a, T b) { return static_cast<T>((static_cast<Wide<T>>(a) * static_cast<Wide<T>>(b)) >> (8 * sizeof(T))); } };
struct IntMulWide { template <class T> BSGEN_SIM_INLINE static Wide<T> apply(T a, T b) { return static_cast<Wide<T>>(a) * static_cast<Wide<T>>(b); } };
struct IntMul24 { template <class T> BSGEN_SIM_INLINE static T apply(T a, T b) { return wrap_mul(static_cast<T>(static_cast<T>(static_cast<std::uint32_t>(a) << 8) >> 8), static_cast<T>(static_cast<T>(static_cast<std::uint32_t>(b) << 8) >> 8)); } };
struct IntMadLo { template <class T> BSGEN_SIM_INLINE static T apply(T a, T b, T c) { return wrap_add(wrap_mul(a, b), c); } };
struct IntMadHi { template <class T> BSGEN_SIM_INLINE static T apply(T a, T b, T c) { return wrap_add(IntMulHi::apply(a, b), c); } };
struct IntMadWide { template <class T> BSGEN_SIM_INLINE static Wide<T> apply(T a, T b, Wide<T> c) { return wrap_add(static_cast<Wide<T>>(static_cast<Wide<T>>(a) * static_cast<Wide<T>>(b)), c); } };
struct IntSad { template <class T> BSGEN_SIM_INLINE static T apply(T a, T b, T c) { return wrap_add(a > b ? IntSub::apply(a, b) : IntSub::apply(b, a), c); } };
// Division by zero has no defined result; the hardware's sequence gives all ones, and the dividend as remainder.
struct IntDiv { template <class T> BSGEN_SIM_INLINE static T apply(T a, T b) { if (b == 0) return static_cast<T>(-1); if (std::is_signed_v<T> && b == static_cast<T>(-1)) return IntSub::apply(T{0}, a); return static_cast<T>(a / b); } };
struct IntRem { template <class T> BSGEN_SIM_INLINE static T apply(T a, T b) { if (b == 0) return a; if (std::is_signed_v<T> && b == static_cast<T>(-1)) return 0; return static_cast<T>(a % b); } };
struct IntNeg { template <class T> BSGEN_SIM_INLINE static T apply(T a) { return IntSub::apply(T{0}, a); } };
struct IntAbs { template <class T> BSGEN_SIM_INLINE static T apply(T a) { return a < 0 ? IntNeg::apply(a) : a; } };
struct IntMin { template <class T> BSGEN_SIM_INLINE static T apply(T a, T b) { return a < b ? a : b; } };
struct IntMax { template <class T> BSGEN_SIM_INLINE static T apply(T a, T b) { return a > b ? a : b; } };
struct IntMinRelu { template <class T> BSGEN_SIM_INLINE static T apply(T a, T b) { const T m = a < b ? a : b; return m < 0 ? T{0} : m; } };
struct IntMaxRelu { template <class T> BSGEN_SIM_INLINE static T apply(T a, T b) { const T m = a > b ? a : b; return m < 0 ? T{0} : m; } };

struct BitAnd { template <class T> BSGEN_SIM_INLINE static T apply(T a, T b) { return a & b; } };
struct BitOr { template <class T> BSGEN_SIM_INLINE static T apply(T a, T b) { return a | b; } };
struct BitXor { template <class T> BSGEN_SIM_INLINE static T apply(T a, T b) { return a ^ b; } };
struct BitNot { template <class T> BSGEN_SIM_INLINE static T apply(T a) { return static_cast<T>(~a); } };
struct BitCnot { template <class T> BSGEN_SIM_INLINE static T apply(T a) { return a == 0 ? 1 : 0; } };
struct BitMov { template <class T> BSGEN_SIM_INLINE static T apply(T a) { return a; } };

// Shift amounts at or beyond the width clamp, unlike x86's, which wrap.
struct BitShl { template <class T> BSGEN_SIM_INLINE static T apply(T a, std::uint32_t n) { return n >= 8 * sizeof(T) ? T{0} : static_cast<T>(static_cast<Cell<T>>(a) << (n & (8 * sizeof(T) - 1))); } };
struct BitShr { template <class T> BSGEN_SIM_INLINE static T apply(T a, std::uint32_t n) { constexpr std::uint32_t kTop = 8 * sizeof(T) - 1; if constexpr (std::is_signed_v<T>) return static_cast<T>(a >> (n > kTop ? kTop : n)); else return n > kTop ? T{0} : static_cast<T>(a >> (n & kTop)); } };
BSGEN_SIM_INLINE std::uint64_t join(std::uint32_t high, std::uint32_t low) { return std::uint64_t{high} << 32 | low; }
template <bool kLeft, bool kWrap>
struct BitShf {
  BSGEN_SIM_INLINE static std::uint32_t apply(std::uint32_t low, std::uint32_t high, std::uint32_t n) {
    n = kWrap ? n & 31 : n > 32 ? 32 : n;
    return kLeft ? static_cast<std::uint32_t>((join(high, low) << n) >> 32) : static_cast<std::uint32_t>(join(high, low) >> n);
  }
};

struct BitBfe {
  template <class T> BSGEN_SIM_INLINE static T apply(T a, std::uint32_t position, std::uint32_t length) {
    constexpr std::uint32_t kBits = 8 * sizeof(T);
    using U = Unsigned<T>;
    position &= 0xff, length &= 0xff;
    if (length == 0) return 0;
    // Bits beyond the top are zeros, or copies of the sign: the top bit of the field, or of `a` where the field sticks out.
    const U field = position >= kBits ? U{0} : static_cast<U>(static_cast<U>(a) >> position);
    const U mask = length >= kBits ? static_cast<U>(~U{0}) : static_cast<U>((U{1} << length) - 1);
    U result = field & mask;
    if constexpr (std::is_signed_v<T>) {
      const std::uint32_t last = position + length - 1 < kBits ? position + length - 1 : kBits - 1;
      const std::uint32_t available = position < kBits ? kBits - position : 0;
      const U kept = length < available ? mask : available == 0 ? U{0} : static_cast<U>(~U{0} >> (kBits - available));
      if (static_cast<U>(a) >> last & 1) result |= static_cast<U>(~kept);
    }
    return static_cast<T>(result);
  }
};
struct BitBfi {
  template <class T> BSGEN_SIM_INLINE static T apply(T a, T b, std::uint32_t position, std::uint32_t length) {
    constexpr std::uint32_t kBits = 8 * sizeof(T);
    position &= 0xff, length &= 0xff;
    if (length == 0 || position >= kBits) return b;
    const T mask = static_cast<T>((length >= kBits ? static_cast<T>(~T{0}) : static_cast<T>((T{1} << length) - 1)) << position);
    return static_cast<T>((b & ~mask) | (static_cast<T>(a << position) & mask));
  }
};

struct BitPopc { template <class T> BSGEN_SIM_INLINE static std::uint32_t apply(T a) { return static_cast<std::uint32_t>(__builtin_popcountll(a)); } };
struct BitClz { template <class T> BSGEN_SIM_INLINE static std::uint32_t apply(T a) { return a == 0 ? 8 * sizeof(T) : static_cast<std::uint32_t>(__builtin_clzll(a)) - (64 - 8 * sizeof(T)); } };
struct BitBrev {
  template <class T> BSGEN_SIM_INLINE static T apply(T a) {
    T reversed = 0;
    for (unsigned i = 0; i < 8 * sizeof(T); ++i) reversed |= static_cast<T>((a >> i & 1) << (8 * sizeof(T) - 1 - i));
    return reversed;
  }
};
// Position of the most significant bit that differs from the sign; all ones where there is none.
template <bool kShift>
struct BitBfind {
  template <class T> BSGEN_SIM_INLINE static std::uint32_t apply(T a) {
    using U = Unsigned<T>;
    const U u = std::is_signed_v<T> && a < T{0} ? static_cast<U>(~static_cast<U>(a)) : static_cast<U>(a);
    if (u == 0) return 0xffffffffu;
    const std::uint32_t clz = BitClz::apply(u);
    return kShift ? clz : static_cast<std::uint32_t>(8 * sizeof(T) - 1) - clz;
  }
};

BSGEN_SIM_INLINE std::uint32_t permute_byte(std::uint64_t bytes, std::uint32_t selector) {
  const auto byte = static_cast<std::uint32_t>(bytes >> ((selector & 7) * 8)) & 0xff;
  return selector & 8 ? (byte & 0x80 ? 0xff : 0) : byte;
}
struct BitPrmt {
  BSGEN_SIM_INLINE static std::uint32_t apply(std::uint32_t a, std::uint32_t b, std::uint32_t selector) {
    const std::uint64_t bytes = join(b, a);
    return permute_byte(bytes, selector & 15) | permute_byte(bytes, selector >> 4 & 15) << 8 | permute_byte(bytes, selector >> 8 & 15) << 16 |
           permute_byte(bytes, selector >> 12 & 15) << 24;
  }
};
// Bit i of the table is the result for a, b, c = bits 2, 1, 0 of i.
BSGEN_SIM_INLINE std::uint32_t lookup3(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t table) {
  std::uint32_t result = 0;
  for (std::uint32_t i = 0; i < 8; ++i)
    result |= (table >> i & 1 ? ~std::uint32_t{0} : 0) & (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
  return result;
}
template <class A, class B>
struct BitDp4a {
  BSGEN_SIM_INLINE static std::uint32_t apply(std::uint32_t a, std::uint32_t b, std::uint32_t c) {
    for (int i = 0; i < 4; ++i)
      c += static_cast<std::uint32_t>(static_cast<std::int32_t>(static_cast<A>(a >> (8 * i))) * static_cast<std::int32_t>(static_cast<B>(b >> (8 * i))));
    return c;
  }
};

void lop3(Warp& warp, const Op& op) {
  const std::uint32_t *a = warp.reg32(op.slot[1]), *b = warp.reg32(op.slot[2]), *c = warp.reg32(op.slot[3]);
  std::uint32_t* d = warp.reg32(op.slot[0]);
  const auto table = static_cast<std::uint32_t>(op.immediate);
  for (int lane = 0; lane < kLanes; ++lane)
    if (warp.mask >> lane & 1) d[lane] = lookup3(a[lane], b[lane], c[lane], table);
}

template <class T>
void bfi(Warp& warp, const Op& op) {
  const auto* a = reinterpret_cast<const Cell<T>*>(warp.registers + op.slot[1]);
  const auto* b = reinterpret_cast<const Cell<T>*>(warp.registers + op.slot[2]);
  const std::uint32_t *position = warp.reg32(op.slot[3]), *length = warp.reg32(op.slot[4]);
  auto* d = reinterpret_cast<Cell<T>*>(warp.registers + op.slot[0]);
  for (int lane = 0; lane < kLanes; ++lane)
    if (warp.mask >> lane & 1) d[lane] = BitBfi::apply(static_cast<T>(a[lane]), static_cast<T>(b[lane]), position[lane], length[lane]);
}

template <class T>
void select(Warp& warp, const Op& op) {
  const auto* a = reinterpret_cast<const Cell<T>*>(warp.registers + op.slot[1]);
  const auto* b = reinterpret_cast<const Cell<T>*>(warp.registers + op.slot[2]);
  auto* d = reinterpret_cast<Cell<T>*>(warp.registers + op.slot[0]);
  const std::uint32_t choose = warp.predicate(op.slot[3]), mask = warp.mask;
  for (int lane = 0; lane < kLanes; ++lane)
    if (mask >> lane & 1) d[lane] = choose >> lane & 1 ? a[lane] : b[lane];
}

// Predicates are 32-bit masks.
template <class F>
void predicate2(Warp& warp, const Op& op) {
  std::uint32_t& d = warp.predicate(op.slot[0]);
  d = (d & ~warp.mask) | (F::apply(warp.predicate(op.slot[1]), warp.predicate(op.slot[2])) & warp.mask);
}
template <class F>
void predicate1(Warp& warp, const Op& op) {
  std::uint32_t& d = warp.predicate(op.slot[0]);
  d = (d & ~warp.mask) | (F::apply(warp.predicate(op.slot[1])) & warp.mask);
}

struct Eq { template <class T> BSGEN_SIM_INLINE static bool apply(T a, T b) { return a == b; } };
struct Ne { template <class T> BSGEN_SIM_INLINE static bool apply(T a, T b) { return a != b; } };
struct Lt { template <class T> BSGEN_SIM_INLINE static bool apply(T a, T b) { return a < b; } };
struct Le { template <class T> BSGEN_SIM_INLINE static bool apply(T a, T b) { return a <= b; } };
struct Gt { template <class T> BSGEN_SIM_INLINE static bool apply(T a, T b) { return a > b; } };
struct Ge { template <class T> BSGEN_SIM_INLINE static bool apply(T a, T b) { return a >= b; } };

}  // namespace
}  // namespace bsgen::sim
