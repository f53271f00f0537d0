// Vector operations of tensor_core_vector.h with AVX-512: all 16 rows of an output column in one
// vector.
#include <immintrin.h>

#include "runtime/sim/exec/tensor_core_wgmma_vector.h"

namespace bsgen::sim {
namespace {

struct Avx512 {
  static constexpr int kLanes = 16;
  using I = __m512i;
  using F = __m512;

  BSGEN_SIM_ALWAYS static I load(const std::uint32_t* p) { return _mm512_loadu_si512(p); }
  BSGEN_SIM_ALWAYS static void store(std::uint32_t* p, I x) { _mm512_storeu_si512(p, x); }
  BSGEN_SIM_ALWAYS static F loadf(const float* p) { return _mm512_load_ps(p); }
  BSGEN_SIM_ALWAYS static void storef(float* p, F x) { _mm512_store_ps(p, x); }
  BSGEN_SIM_ALWAYS static I set(int x) { return _mm512_set1_epi32(x); }
  BSGEN_SIM_ALWAYS static I set16(int x) { return _mm512_set1_epi16(static_cast<short>(x)); }
  BSGEN_SIM_ALWAYS static F setf(float x) { return _mm512_set1_ps(x); }
  BSGEN_SIM_ALWAYS static F as_float(I x) { return _mm512_castsi512_ps(x); }
  BSGEN_SIM_ALWAYS static I as_int(F x) { return _mm512_castps_si512(x); }

  BSGEN_SIM_ALWAYS static F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  BSGEN_SIM_ALWAYS static I add(I a, I b) { return _mm512_add_epi32(a, b); }
  BSGEN_SIM_ALWAYS static I sub(I a, I b) { return _mm512_sub_epi32(a, b); }
  BSGEN_SIM_ALWAYS static I max(I a, I b) { return _mm512_max_epi32(a, b); }
  BSGEN_SIM_ALWAYS static I min(I a, I b) { return _mm512_min_epi32(a, b); }
  BSGEN_SIM_ALWAYS static I bit_and(I a, I b) { return _mm512_and_si512(a, b); }
  BSGEN_SIM_ALWAYS static I bit_or(I a, I b) { return _mm512_or_si512(a, b); }
  BSGEN_SIM_ALWAYS static I bit_xor(I a, I b) { return _mm512_xor_si512(a, b); }
  template <int kN>
  BSGEN_SIM_ALWAYS static I shift_left(I x) {
    return _mm512_slli_epi32(x, kN);
  }
  template <int kN>
  BSGEN_SIM_ALWAYS static I shift_right(I x) {
    return _mm512_srli_epi32(x, kN);
  }
  template <int kN>
  BSGEN_SIM_ALWAYS static I shift_right64(I x) {
    return _mm512_srli_epi64(x, kN);
  }
  template <int kN>
  BSGEN_SIM_ALWAYS static I shift_right_signed(I x) {
    return _mm512_srai_epi32(x, kN);
  }
  BSGEN_SIM_ALWAYS static I add16(I a, I b) { return _mm512_add_epi16(a, b); }
  BSGEN_SIM_ALWAYS static I max16(I a, I b) { return _mm512_max_epi16(a, b); }
  template <int kN>
  BSGEN_SIM_ALWAYS static I shift_right16(I x) {
    return _mm512_srli_epi16(x, kN);
  }

  // a == b ? yes : no, lane by lane
  BSGEN_SIM_ALWAYS static I select_equal(I a, I b, I yes, I no) {
    return _mm512_mask_mov_epi32(no, _mm512_cmpeq_epi32_mask(a, b), yes);
  }
  BSGEN_SIM_ALWAYS static I select_equal16(I a, I b, I yes, I no) {
    return _mm512_mask_mov_epi16(no, _mm512_cmpeq_epi16_mask(a, b), yes);
  }
  // one bit per lane
  BSGEN_SIM_ALWAYS static unsigned greater(I a, I b) { return _mm512_cmpgt_epi32_mask(a, b); }
  BSGEN_SIM_ALWAYS static unsigned negative(I x) { return _mm512_movepi32_mask(x); }

  BSGEN_SIM_ALWAYS static I truncate(F x) { return _mm512_cvttps_epi32(x); }
  BSGEN_SIM_ALWAYS static F toward_zero(I x) {
    return _mm512_cvt_roundepi32_ps(x, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
  }
  BSGEN_SIM_ALWAYS static F to_odd(I x) {
    const I cut = as_int(toward_zero(x));
    const __mmask16 inexact = _mm512_cmpneq_epi32_mask(truncate(as_float(cut)), x);
    return as_float(_mm512_mask_or_epi32(cut, inexact, cut, set(1)));
  }

  BSGEN_SIM_ALWAYS static void widen_halves(I x, F out[2]) {
    out[0] = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(x));
    out[1] = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(shift_right<16>(x)));
  }
  BSGEN_SIM_ALWAYS static __m256i halves(F x) {
    return _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT);
  }
  BSGEN_SIM_ALWAYS static F round_to_half(F x) { return _mm512_cvtph_ps(halves(x)); }
  BSGEN_SIM_ALWAYS static I narrow_halves(F low, F high) {
    return bit_or(_mm512_cvtepu16_epi32(halves(low)),
                  shift_left<16>(_mm512_cvtepu16_epi32(halves(high))));
  }

  // Lanes 4 g + t of two registers (rows g and g + 8) as four vectors of 16 rows, one for each t.
  BSGEN_SIM_ALWAYS static void gather_rows(const std::uint32_t* rows0, const std::uint32_t* rows8,
                                           int, I out[4]) {
    const I even = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
    const I odd = _mm512_setr_epi32(2, 6, 10, 14, 18, 22, 26, 30, 3, 7, 11, 15, 19, 23, 27, 31);
    const I a = load(rows0), b = load(rows0 + 16), c = load(rows8), d = load(rows8 + 16);
    const I t01_low = _mm512_permutex2var_epi32(a, even, b),
            t23_low = _mm512_permutex2var_epi32(a, odd, b);
    const I t01_high = _mm512_permutex2var_epi32(c, even, d),
            t23_high = _mm512_permutex2var_epi32(c, odd, d);
    out[0] = _mm512_shuffle_i64x2(t01_low, t01_high, 0x44);
    out[1] = _mm512_shuffle_i64x2(t01_low, t01_high, 0xee);
    out[2] = _mm512_shuffle_i64x2(t23_low, t23_high, 0x44);
    out[3] = _mm512_shuffle_i64x2(t23_low, t23_high, 0xee);
  }
  // The inverse.
  BSGEN_SIM_ALWAYS static void scatter_rows(const I in[4], int, std::uint32_t* rows0,
                                            std::uint32_t* rows8) {
    // 64-bit slot s of a pair takes row s / 2, or 4 + s / 2 for odd s; rows 8 to 15 are 8 further.
    const I low = _mm512_setr_epi32(0, 16, 4, 20, 1, 17, 5, 21, 2, 18, 6, 22, 3, 19, 7, 23);
    const I high = _mm512_setr_epi32(8, 24, 12, 28, 9, 25, 13, 29, 10, 26, 14, 30, 11, 27, 15, 31);
    const I t01_low = _mm512_permutex2var_epi32(in[0], low, in[1]),
            t23_low = _mm512_permutex2var_epi32(in[2], low, in[3]);
    const I t01_high = _mm512_permutex2var_epi32(in[0], high, in[1]),
            t23_high = _mm512_permutex2var_epi32(in[2], high, in[3]);
    store(rows0, _mm512_unpacklo_epi64(t01_low, t23_low));
    store(rows0 + 16, _mm512_unpackhi_epi64(t01_low, t23_low));
    store(rows8, _mm512_unpacklo_epi64(t01_high, t23_high));
    store(rows8 + 16, _mm512_unpackhi_epi64(t01_high, t23_high));
  }
};

}  // namespace

MmaFunction mma_function_avx512(const MmaShape& shape) {
  return make_mma_function<Avx512>(shape);
}
WgmmaFunction wgmma_function_avx512(const WgmmaShape& shape) {
  return make_wgmma_function<Avx512>(shape);
}

}  // namespace bsgen::sim
