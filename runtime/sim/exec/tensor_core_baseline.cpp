// Vector operations of tensor_core_vector.h for any machine: the compiler's generic vectors, which
// it maps to SSE2, NEON or plain registers.
#include <cstring>

#include "runtime/sim/exec/fp_convert.h"
#include "runtime/sim/exec/tensor_core_wgmma_vector.h"

namespace bsgen::sim {
namespace {

struct Baseline {
  static constexpr int kLanes = 4;
  typedef int I __attribute__((vector_size(16)));
  typedef float F __attribute__((vector_size(16)));
  typedef unsigned U __attribute__((vector_size(16)));
  typedef short S __attribute__((vector_size(16)));
  typedef unsigned short US __attribute__((vector_size(16)));
  typedef unsigned long long UL __attribute__((vector_size(16)));
  typedef double D __attribute__((vector_size(32)));
  typedef long long L __attribute__((vector_size(32)));

  BSGEN_SIM_ALWAYS static I load(const std::uint32_t* p) {
    I x;
    std::memcpy(&x, p, sizeof x);
    return x;
  }
  BSGEN_SIM_ALWAYS static void store(std::uint32_t* p, I x) { std::memcpy(p, &x, sizeof x); }
  BSGEN_SIM_ALWAYS static F loadf(const float* p) { return *reinterpret_cast<const F*>(p); }
  BSGEN_SIM_ALWAYS static void storef(float* p, F x) { *reinterpret_cast<F*>(p) = x; }
  BSGEN_SIM_ALWAYS static I set(int x) { return I{} + x; }
  BSGEN_SIM_ALWAYS static I set16(int x) { return (I)(S{} + static_cast<short>(x)); }
  BSGEN_SIM_ALWAYS static F setf(float x) {
    return F{} + x;
  }  // x + 0: x is never -0 where the sign of a zero matters
  BSGEN_SIM_ALWAYS static F as_float(I x) { return (F)x; }
  BSGEN_SIM_ALWAYS static I as_int(F x) { return (I)x; }

  BSGEN_SIM_ALWAYS static F mul(F a, F b) { return a * b; }
  BSGEN_SIM_ALWAYS static I add(I a, I b) { return (I)((U)a + (U)b); }
  BSGEN_SIM_ALWAYS static I sub(I a, I b) { return (I)((U)a - (U)b); }
  BSGEN_SIM_ALWAYS static I max(I a, I b) { return a > b ? a : b; }
  BSGEN_SIM_ALWAYS static I min(I a, I b) { return a < b ? a : b; }
  BSGEN_SIM_ALWAYS static I bit_and(I a, I b) { return a & b; }
  BSGEN_SIM_ALWAYS static I bit_or(I a, I b) { return a | b; }
  BSGEN_SIM_ALWAYS static I bit_xor(I a, I b) { return a ^ b; }
  template <int kN>
  BSGEN_SIM_ALWAYS static I shift_left(I x) {
    return (I)((U)x << kN);
  }
  template <int kN>
  BSGEN_SIM_ALWAYS static I shift_right(I x) {
    return (I)((U)x >> kN);
  }
  template <int kN>
  BSGEN_SIM_ALWAYS static I shift_right64(I x) {
    return (I)((UL)x >> kN);
  }
  template <int kN>
  BSGEN_SIM_ALWAYS static I shift_right_signed(I x) {
    return x >> kN;
  }
  BSGEN_SIM_ALWAYS static I add16(I a, I b) { return (I)((US)a + (US)b); }
  BSGEN_SIM_ALWAYS static I max16(I a, I b) { return (I)((S)a > (S)b ? (S)a : (S)b); }
  template <int kN>
  BSGEN_SIM_ALWAYS static I shift_right16(I x) {
    return (I)((US)x >> kN);
  }

  BSGEN_SIM_ALWAYS static I select_equal(I a, I b, I yes, I no) { return a == b ? yes : no; }
  BSGEN_SIM_ALWAYS static I select_equal16(I a, I b, I yes, I no) {
    return (I)((S)a == (S)b ? (S)yes : (S)no);
  }
  BSGEN_SIM_ALWAYS static unsigned greater(I a, I b) { return negative(a > b); }
  BSGEN_SIM_ALWAYS static unsigned negative(I x) {
    unsigned bits = 0;
    for (int i = 0; i < kLanes; ++i) bits |= static_cast<unsigned>(x[i] < 0) << i;
    return bits;
  }

  // Out of range (rows that the scalar model decides) becomes 0, so that no conversion is
  // undefined.
  BSGEN_SIM_ALWAYS static I truncate(F x) {
    const F kept = ((x < 0x1p31f) & (x > -0x1p31f)) ? x : F{};
    return __builtin_convertvector(kept, I);
  }
  // As doubles the sums are exact, and clearing the last 29 of 52 bits cuts them to 24.
  BSGEN_SIM_ALWAYS static F toward_zero(I x) {
    const L exact = (L) __builtin_convertvector(x, D);
    return __builtin_convertvector((D)(exact >> 29 << 29), F);
  }
  BSGEN_SIM_ALWAYS static F to_odd(I x) {
    const L exact = (L) __builtin_convertvector(x, D);
    const I inexact = __builtin_convertvector(exact != exact >> 29 << 29, I);
    return as_float(as_int(toward_zero(x)) | (inexact & 1));
  }

  BSGEN_SIM_ALWAYS static F widen(I half) {
    const I rest = half & 0x7fff, wide = rest << 13;
    const F subnormal = __builtin_convertvector(rest, F) * 0x1p-24f;
    const I normal = wide + (112 << 23), top = wide + (224 << 23);  // infinity and NaN
    const I magnitude = rest < 0x400 ? as_int(subnormal) : rest < 0x7c00 ? normal : top;
    return as_float(magnitude | shift_left<16>(half & 0x8000));
  }
  BSGEN_SIM_ALWAYS static void widen_halves(I x, F out[2]) {
    out[0] = widen(x & 0xffff);
    out[1] = widen(shift_right<16>(x));
  }
  BSGEN_SIM_ALWAYS static F round_to_half(F x) {
    for (int i = 0; i < kLanes; ++i) x[i] = f16_to_f32(f32_to_f16(x[i]));
    return x;
  }
  BSGEN_SIM_ALWAYS static I narrow_halves(F low, F high) {
    I x{};
    for (int i = 0; i < kLanes; ++i) {
      x[i] = static_cast<int>(f32_to_f16(low[i]) | std::uint32_t{f32_to_f16(high[i])} << 16);
    }
    return x;
  }

  BSGEN_SIM_ALWAYS static void gather_rows(const std::uint32_t* rows0, const std::uint32_t* rows8,
                                           int row0, I out[4]) {
    const std::uint32_t* rows = (row0 < 8 ? rows0 : rows8) + 4 * (row0 % 8);
    for (int t = 0; t < 4; ++t) {
      I x{};
      for (int i = 0; i < kLanes; ++i) x[i] = static_cast<int>(rows[4 * i + t]);
      out[t] = x;
    }
  }
  BSGEN_SIM_ALWAYS static void scatter_rows(const I in[4], int row0, std::uint32_t* rows0,
                                            std::uint32_t* rows8) {
    std::uint32_t* rows = (row0 < 8 ? rows0 : rows8) + 4 * (row0 % 8);
    for (int t = 0; t < 4; ++t) {
      for (int i = 0; i < kLanes; ++i) rows[4 * i + t] = static_cast<std::uint32_t>(in[t][i]);
    }
  }
};

}  // namespace

MmaFunction mma_function_baseline(const MmaShape& shape) {
  return make_mma_function<Baseline>(shape);
}
WgmmaFunction wgmma_function_baseline(const WgmmaShape& shape) {
  return make_wgmma_function<Baseline>(shape);
}

}  // namespace bsgen::sim
