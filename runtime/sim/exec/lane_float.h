// Floating-point instructions that round to nearest even: what one lane computes (PTX ISA, "Floating Point Instructions").
//
// NaN results are canonical, unlike the host's; `.ftz` makes subnormal operands and results zero with their sign.
#pragma once

#include "runtime/sim/exec/lane_loop.h"

namespace bsgen::sim {
namespace {

BSGEN_SIM_INLINE float canonical(float x) { return x != x ? f32_of(kNanF32) : x; }
BSGEN_SIM_INLINE double canonical(double x) { return x != x ? __builtin_bit_cast(double, 0x7fffffffffffffffull) : x; }
template <bool kFtz>
BSGEN_SIM_INLINE float flush(float x) {
  if constexpr (!kFtz) return x;
  const std::uint32_t u = bits_of(x);
  return f32_of((u & 0x7f800000u) == 0 ? u & 0x80000000u : u);
}
template <bool kFtz>
BSGEN_SIM_INLINE double flush(double x) { return x; }

BSGEN_SIM_INLINE std::uint32_t float_bits(float x) { return __builtin_bit_cast(std::uint32_t, x); }
BSGEN_SIM_INLINE std::uint64_t float_bits(double x) { return __builtin_bit_cast(std::uint64_t, x); }
template <class T> using BitsOf = Cell<T>;

template <bool kFtz> struct FloatAdd { template <class T> BSGEN_SIM_INLINE static T apply(T a, T b) { return flush<kFtz>(canonical(flush<kFtz>(a) + flush<kFtz>(b))); } };
template <bool kFtz> struct FloatSub { template <class T> BSGEN_SIM_INLINE static T apply(T a, T b) { return flush<kFtz>(canonical(flush<kFtz>(a) - flush<kFtz>(b))); } };
template <bool kFtz> struct FloatMul { template <class T> BSGEN_SIM_INLINE static T apply(T a, T b) { return flush<kFtz>(canonical(flush<kFtz>(a) * flush<kFtz>(b))); } };
template <bool kFtz> struct FloatDiv { template <class T> BSGEN_SIM_INLINE static T apply(T a, T b) { return flush<kFtz>(canonical(flush<kFtz>(a) / flush<kFtz>(b))); } };
template <bool kFtz> struct FloatRcp { template <class T> BSGEN_SIM_INLINE static T apply(T a) { return flush<kFtz>(canonical(T{1} / flush<kFtz>(a))); } };
BSGEN_SIM_INLINE float fused(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
BSGEN_SIM_INLINE double fused(double a, double b, double c) { return __builtin_fma(a, b, c); }
template <bool kFtz> struct FloatFma { template <class T> BSGEN_SIM_INLINE static T apply(T a, T b, T c) { return flush<kFtz>(canonical(fused(flush<kFtz>(a), flush<kFtz>(b), flush<kFtz>(c)))); } };
// .sat: to [0, 1], NaN to +0.
template <class F> struct Saturated { template <class... T> BSGEN_SIM_INLINE static float apply(T... x) { return saturate(F::apply(x...)); } };
template <bool kFtz> struct FloatSqrt {
  BSGEN_SIM_INLINE static float apply(float a) { return flush<kFtz>(canonical(__builtin_sqrtf(flush<kFtz>(a)))); }
  BSGEN_SIM_INLINE static double apply(double a) { return canonical(__builtin_sqrt(a)); }
};
template <bool kFtz> struct FloatNeg { template <class T> BSGEN_SIM_INLINE static T apply(T a) { return __builtin_bit_cast(T, float_bits(flush<kFtz>(a)) ^ (BitsOf<T>{1} << (8 * sizeof(T) - 1))); } };
template <bool kFtz> struct FloatAbs { template <class T> BSGEN_SIM_INLINE static T apply(T a) { return __builtin_bit_cast(T, float_bits(flush<kFtz>(a)) & ~(BitsOf<T>{1} << (8 * sizeof(T) - 1))); } };
struct FloatCopysign { template <class T> BSGEN_SIM_INLINE static T apply(T a, T b) { constexpr BitsOf<T> kSign = BitsOf<T>{1} << (8 * sizeof(T) - 1); return __builtin_bit_cast(T, (float_bits(b) & ~kSign) | (float_bits(a) & kSign)); } };

// The operand that is a number; -0 < +0; NaN where both (kNan: one) are.
template <bool kMax, bool kFtz, bool kNan>
struct FloatMinMax {
  template <class T> BSGEN_SIM_INLINE static T apply(T a, T b) {
    a = flush<kFtz>(a), b = flush<kFtz>(b);
    const T equal = __builtin_bit_cast(T, kMax ? float_bits(a) & float_bits(b) : float_bits(a) | float_bits(b));  // two zeros
    const T ordered = (kMax ? a > b : a < b) ? a : a == b ? equal : b;
    const T nan = canonical(a != a ? a : b);
    const T one_nan = kNan ? nan : canonical(a != a ? b : a);
    return a != a || b != b ? one_nan : ordered;
  }
};

template <bool kFtz, class F> struct Flushed { template <class T> BSGEN_SIM_INLINE static bool apply(T a, T b) { return F::apply(flush<kFtz>(a), flush<kFtz>(b)); } };
// `!=` of C++ is true for NaN; PTX's "ne" is the ordered one.
struct OrderedNe { template <class T> BSGEN_SIM_INLINE static bool apply(T a, T b) { return a < b || a > b; } };
template <class F> struct Unordered { template <class T> BSGEN_SIM_INLINE static bool apply(T a, T b) { return a != a || b != b || F::apply(a, b); } };
struct IsNum { template <class T> BSGEN_SIM_INLINE static bool apply(T a, T b) { return a == a && b == b; } };
struct IsNan { template <class T> BSGEN_SIM_INLINE static bool apply(T a, T b) { return a != a || b != b; } };

BSGEN_SIM_INLINE float widen(F16 x) { return f16_to_f32(x.bits); }
BSGEN_SIM_INLINE float widen(Bf16 x) { return bf16_to_f32(x.bits); }
template <class F> struct Widened { template <class T> BSGEN_SIM_INLINE static bool apply(T a, T b) { return F::apply(widen(a), widen(b)); } };

// 16-bit operations exist for f16 and bf16 under one name each; fp_convert.h has the semantics.
#define BSGEN_SIM_HALF2(name, op)                                                                                     \
  struct name {                                                                                                       \
    BSGEN_SIM_INLINE static F16 apply(F16 a, F16 b) { return {op##_f16(a.bits, b.bits)}; }                            \
    BSGEN_SIM_INLINE static Bf16 apply(Bf16 a, Bf16 b) { return {op##_bf16(a.bits, b.bits)}; }                        \
  };
BSGEN_SIM_HALF2(HalfAdd, add)
BSGEN_SIM_HALF2(HalfSub, sub)
BSGEN_SIM_HALF2(HalfMul, mul)
#undef BSGEN_SIM_HALF2
struct HalfFma {
  BSGEN_SIM_INLINE static F16 apply(F16 a, F16 b, F16 c) { return {fma_f16(a.bits, b.bits, c.bits)}; }
  BSGEN_SIM_INLINE static Bf16 apply(Bf16 a, Bf16 b, Bf16 c) { return {fma_bf16(a.bits, b.bits, c.bits)}; }
};
template <bool kMax, bool kNan>
struct HalfMinMax {
  BSGEN_SIM_INLINE static F16 apply(F16 a, F16 b) { return {kMax ? max_f16(a.bits, b.bits, kNan) : min_f16(a.bits, b.bits, kNan)}; }
  BSGEN_SIM_INLINE static Bf16 apply(Bf16 a, Bf16 b) { return {kMax ? max_bf16(a.bits, b.bits, kNan) : min_bf16(a.bits, b.bits, kNan)}; }
};
struct HalfNeg { template <class T> BSGEN_SIM_INLINE static T apply(T a) { return {static_cast<std::uint16_t>(a.bits ^ 0x8000)}; } };
struct HalfAbs { template <class T> BSGEN_SIM_INLINE static T apply(T a) { return {static_cast<std::uint16_t>(a.bits & 0x7fff)}; } };
template <class F> struct HalfRelu { template <class... T> BSGEN_SIM_INLINE static auto apply(T... x) { auto r = F::apply(x...); r.bits = relu16(r.bits); return r; } };
BSGEN_SIM_INLINE F16 saturate16(F16 x) { return {saturate_f16(x.bits)}; }
BSGEN_SIM_INLINE Bf16 saturate16(Bf16 x) { return {saturate_bf16(x.bits)}; }
template <class F> struct HalfSat { template <class... T> BSGEN_SIM_INLINE static auto apply(T... x) { return saturate16(F::apply(x...)); } };

// Both halves of a packed register.
template <class F, class Half> struct Packed {
  template <class... T> BSGEN_SIM_INLINE static std::uint32_t apply(T... x) {
    const std::uint32_t low = F::apply(Half{static_cast<std::uint16_t>(x)}...).bits;
    const std::uint32_t high = F::apply(Half{static_cast<std::uint16_t>(x >> 16)}...).bits;
    return high << 16 | low;
  }
};

}  // namespace
}  // namespace bsgen::sim
