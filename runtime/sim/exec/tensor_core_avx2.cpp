// Vector operations of tensor_core_vector.h with AVX2 and F16C: 8 rows of an output column in one
// vector.
#include <immintrin.h>

#include "runtime/sim/exec/tensor_core_wgmma_vector.h"

namespace bsgen::sim {
namespace {

struct Avx2 {
  static constexpr int kLanes = 8;
  using I = __m256i;
  using F = __m256;

  BSGEN_SIM_ALWAYS static I load(const std::uint32_t* p) {
    return _mm256_loadu_si256(reinterpret_cast<const I*>(p));
  }
  BSGEN_SIM_ALWAYS static void store(std::uint32_t* p, I x) {
    _mm256_storeu_si256(reinterpret_cast<I*>(p), x);
  }
  BSGEN_SIM_ALWAYS static F loadf(const float* p) { return _mm256_load_ps(p); }
  BSGEN_SIM_ALWAYS static void storef(float* p, F x) { _mm256_store_ps(p, x); }
  BSGEN_SIM_ALWAYS static I set(int x) { return _mm256_set1_epi32(x); }
  BSGEN_SIM_ALWAYS static I set16(int x) { return _mm256_set1_epi16(static_cast<short>(x)); }
  BSGEN_SIM_ALWAYS static F setf(float x) { return _mm256_set1_ps(x); }
  BSGEN_SIM_ALWAYS static F as_float(I x) { return _mm256_castsi256_ps(x); }
  BSGEN_SIM_ALWAYS static I as_int(F x) { return _mm256_castps_si256(x); }

  BSGEN_SIM_ALWAYS static F mul(F a, F b) { return _mm256_mul_ps(a, b); }
  BSGEN_SIM_ALWAYS static I add(I a, I b) { return _mm256_add_epi32(a, b); }
  BSGEN_SIM_ALWAYS static I sub(I a, I b) { return _mm256_sub_epi32(a, b); }
  BSGEN_SIM_ALWAYS static I max(I a, I b) { return _mm256_max_epi32(a, b); }
  BSGEN_SIM_ALWAYS static I min(I a, I b) { return _mm256_min_epi32(a, b); }
  BSGEN_SIM_ALWAYS static I bit_and(I a, I b) { return _mm256_and_si256(a, b); }
  BSGEN_SIM_ALWAYS static I bit_or(I a, I b) { return _mm256_or_si256(a, b); }
  BSGEN_SIM_ALWAYS static I bit_xor(I a, I b) { return _mm256_xor_si256(a, b); }
  template <int kN>
  BSGEN_SIM_ALWAYS static I shift_left(I x) {
    return _mm256_slli_epi32(x, kN);
  }
  template <int kN>
  BSGEN_SIM_ALWAYS static I shift_right(I x) {
    return _mm256_srli_epi32(x, kN);
  }
  template <int kN>
  BSGEN_SIM_ALWAYS static I shift_right64(I x) {
    return _mm256_srli_epi64(x, kN);
  }
  template <int kN>
  BSGEN_SIM_ALWAYS static I shift_right_signed(I x) {
    return _mm256_srai_epi32(x, kN);
  }
  BSGEN_SIM_ALWAYS static I add16(I a, I b) { return _mm256_add_epi16(a, b); }
  BSGEN_SIM_ALWAYS static I max16(I a, I b) { return _mm256_max_epi16(a, b); }
  template <int kN>
  BSGEN_SIM_ALWAYS static I shift_right16(I x) {
    return _mm256_srli_epi16(x, kN);
  }

  BSGEN_SIM_ALWAYS static I select_equal(I a, I b, I yes, I no) {
    return _mm256_blendv_epi8(no, yes, _mm256_cmpeq_epi32(a, b));
  }
  BSGEN_SIM_ALWAYS static I select_equal16(I a, I b, I yes, I no) {
    return _mm256_blendv_epi8(no, yes, _mm256_cmpeq_epi16(a, b));
  }
  BSGEN_SIM_ALWAYS static unsigned greater(I a, I b) { return negative(_mm256_cmpgt_epi32(a, b)); }
  BSGEN_SIM_ALWAYS static unsigned negative(I x) {
    return static_cast<unsigned>(_mm256_movemask_ps(as_float(x)));
  }

  BSGEN_SIM_ALWAYS static I truncate(F x) { return _mm256_cvttps_epi32(x); }
  // Rounds the magnitude to nearest and steps back where that went up; the difference is small, so
  // it survives 2^31 wrapping.
  BSGEN_SIM_ALWAYS static F toward_zero(I x, I* error = nullptr) {
    const I magnitude = _mm256_abs_epi32(x);
    const F nearest = _mm256_cvtepi32_ps(magnitude);
    const I above = sub(truncate(nearest), magnitude);
    if (error != nullptr) *error = above;
    const I cut = add(as_int(nearest), _mm256_cmpgt_epi32(above, set(0)));
    return as_float(bit_or(cut, bit_and(x, set(static_cast<int>(0x80000000)))));
  }
  BSGEN_SIM_ALWAYS static F to_odd(I x) {
    I error;
    const F cut = toward_zero(x, &error);
    return as_float(bit_or(as_int(cut), select_equal(error, set(0), set(0), set(1))));
  }

  BSGEN_SIM_ALWAYS static void widen_halves(I x, F out[2]) {
    // per 128 bits: four low halves, four high halves; then the low halves of all lanes together
    const I packed = _mm256_packus_epi32(bit_and(x, set(0xffff)), shift_right<16>(x));
    const I ordered = _mm256_permute4x64_epi64(packed, 0xd8);
    out[0] = _mm256_cvtph_ps(_mm256_castsi256_si128(ordered));
    out[1] = _mm256_cvtph_ps(_mm256_extracti128_si256(ordered, 1));
  }
  BSGEN_SIM_ALWAYS static __m128i halves(F x) {
    return _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT);
  }
  BSGEN_SIM_ALWAYS static F round_to_half(F x) { return _mm256_cvtph_ps(halves(x)); }
  BSGEN_SIM_ALWAYS static I narrow_halves(F low, F high) {
    return bit_or(_mm256_cvtepu16_epi32(halves(low)),
                  shift_left<16>(_mm256_cvtepu16_epi32(halves(high))));
  }

  // 4 x 4 words transposed within each 128 bits.
  BSGEN_SIM_ALWAYS static void transpose(const I in[4], I out[4]) {
    const I low01 = _mm256_unpacklo_epi32(in[0], in[1]),
            low23 = _mm256_unpacklo_epi32(in[2], in[3]);
    const I high01 = _mm256_unpackhi_epi32(in[0], in[1]),
            high23 = _mm256_unpackhi_epi32(in[2], in[3]);
    out[0] = _mm256_unpacklo_epi64(low01, low23);
    out[1] = _mm256_unpackhi_epi64(low01, low23);
    out[2] = _mm256_unpacklo_epi64(high01, high23);
    out[3] = _mm256_unpackhi_epi64(high01, high23);
  }
  // Lanes 4 g + t of the register with rows row0 to row0 + 7 as four vectors of 8 rows, one for
  // each t.
  BSGEN_SIM_ALWAYS static void gather_rows(const std::uint32_t* rows0, const std::uint32_t* rows8,
                                           int row0, I out[4]) {
    const std::uint32_t* rows = row0 == 0 ? rows0 : rows8;
    const I r01 = load(rows), r23 = load(rows + 8), r45 = load(rows + 16), r67 = load(rows + 24);
    const I in[4] = {
        _mm256_permute2x128_si256(r01, r45, 0x20), _mm256_permute2x128_si256(r01, r45, 0x31),
        _mm256_permute2x128_si256(r23, r67, 0x20), _mm256_permute2x128_si256(r23, r67, 0x31)};
    transpose(in, out);
  }
  BSGEN_SIM_ALWAYS static void scatter_rows(const I in[4], int row0, std::uint32_t* rows0,
                                            std::uint32_t* rows8) {
    std::uint32_t* rows = row0 == 0 ? rows0 : rows8;
    I r[4];  // rows i and i + 4
    transpose(in, r);
    store(rows, _mm256_permute2x128_si256(r[0], r[1], 0x20));
    store(rows + 8, _mm256_permute2x128_si256(r[2], r[3], 0x20));
    store(rows + 16, _mm256_permute2x128_si256(r[0], r[1], 0x31));
    store(rows + 24, _mm256_permute2x128_si256(r[2], r[3], 0x31));
  }
};

}  // namespace

MmaFunction mma_function_avx2(const MmaShape& shape) {
  return make_mma_function<Avx2>(shape);
}
WgmmaFunction wgmma_function_avx2(const WgmmaShape& shape) {
  return make_wgmma_function<Avx2>(shape);
}

}  // namespace bsgen::sim
