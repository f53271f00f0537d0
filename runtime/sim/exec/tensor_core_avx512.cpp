// The mma with AVX-512: 16 rows of one output column per vector (the algorithm is tensor_core_tile.h's).
#include <immintrin.h>

#include <cstring>

#include "runtime/sim/exec/tensor_core_tile.h"

namespace bsgen::sim {
namespace {

#define BSGEN_SIM_ALWAYS [[gnu::always_inline]] inline

constexpr int kRows = 16;

// --- between fragments and columns -----------------------------------------------------------------

// Lanes 4 g + t of two registers (rows g and g + 8) as four vectors of 16 rows, one for each t.
BSGEN_SIM_ALWAYS void gather_rows(const std::uint32_t* rows0, const std::uint32_t* rows8, __m512i out[4]) {
  const __m512i even = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
  const __m512i odd = _mm512_setr_epi32(2, 6, 10, 14, 18, 22, 26, 30, 3, 7, 11, 15, 19, 23, 27, 31);
  const __m512i a = _mm512_loadu_si512(rows0), b = _mm512_loadu_si512(rows0 + 16);
  const __m512i c = _mm512_loadu_si512(rows8), d = _mm512_loadu_si512(rows8 + 16);
  const __m512i t01_low = _mm512_permutex2var_epi32(a, even, b), t23_low = _mm512_permutex2var_epi32(a, odd, b);
  const __m512i t01_high = _mm512_permutex2var_epi32(c, even, d), t23_high = _mm512_permutex2var_epi32(c, odd, d);
  out[0] = _mm512_shuffle_i64x2(t01_low, t01_high, 0x44);
  out[1] = _mm512_shuffle_i64x2(t01_low, t01_high, 0xee);
  out[2] = _mm512_shuffle_i64x2(t23_low, t23_high, 0x44);
  out[3] = _mm512_shuffle_i64x2(t23_low, t23_high, 0xee);
}

// The inverse.
BSGEN_SIM_ALWAYS void scatter_rows(const __m512i in[4], std::uint32_t* rows0, std::uint32_t* rows8) {
  // 64-bit slot s of a pair takes row s / 2, or 4 + s / 2 for odd s; rows 8 to 15 are 8 further.
  const __m512i low = _mm512_setr_epi32(0, 16, 4, 20, 1, 17, 5, 21, 2, 18, 6, 22, 3, 19, 7, 23);
  const __m512i high = _mm512_setr_epi32(8, 24, 12, 28, 9, 25, 13, 29, 10, 26, 14, 30, 11, 27, 15, 31);
  const __m512i t01_low = _mm512_permutex2var_epi32(in[0], low, in[1]);
  const __m512i t23_low = _mm512_permutex2var_epi32(in[2], low, in[3]);
  const __m512i t01_high = _mm512_permutex2var_epi32(in[0], high, in[1]);
  const __m512i t23_high = _mm512_permutex2var_epi32(in[2], high, in[3]);
  _mm512_storeu_si512(rows0, _mm512_unpacklo_epi64(t01_low, t23_low));
  _mm512_storeu_si512(rows0 + 16, _mm512_unpackhi_epi64(t01_low, t23_low));
  _mm512_storeu_si512(rows8, _mm512_unpacklo_epi64(t01_high, t23_high));
  _mm512_storeu_si512(rows8 + 16, _mm512_unpackhi_epi64(t01_high, t23_high));
}

// --- operands ----------------------------------------------------------------------------------------

// Exponents of 32 elements of 16 bits (fp8: in the low 8 bits of each).
template <MmaType kType>
BSGEN_SIM_ALWAYS __m512i exponents16(__m512i x) {
  constexpr OperandFormat f = format_of(kType);
  constexpr short kTop = (1 << f.exponent_bits) - 1, kMagnitude = (1 << (f.bits - 1)) - 1;
  const __m512i magnitude = _mm512_and_si512(x, _mm512_set1_epi16(kMagnitude));
  const __m512i field = _mm512_srli_epi16(magnitude, f.mantissa_bits);
  const __mmask32 special = f.has_infinity ? _mm512_cmpeq_epi16_mask(field, _mm512_set1_epi16(kTop))
                                           : _mm512_cmpeq_epi16_mask(magnitude, _mm512_set1_epi16(0x7f));
  const __mmask32 zero = _mm512_testn_epi16_mask(magnitude, magnitude);
  __m512i e = _mm512_add_epi16(_mm512_max_epu16(field, _mm512_set1_epi16(1)), _mm512_set1_epi16(f.min_exponent - 1));
  e = _mm512_mask_mov_epi16(e, zero, _mm512_set1_epi16(kZeroExponent));
  return _mm512_mask_mov_epi16(e, special, _mm512_set1_epi16(kSpecialExponent));
}

BSGEN_SIM_ALWAYS __m512i exponents_tf32(__m512i x) {  // 16 elements of 32 bits, the low 13 bits cleared
  const __m512i magnitude = _mm512_and_si512(x, _mm512_set1_epi32(0x7fffffff));
  const __m512i field = _mm512_srli_epi32(magnitude, 23);
  __m512i e = _mm512_add_epi32(_mm512_max_epu32(field, _mm512_set1_epi32(1)), _mm512_set1_epi32(-127));
  e = _mm512_mask_mov_epi32(e, _mm512_testn_epi32_mask(magnitude, magnitude), _mm512_set1_epi32(kZeroExponent));
  return _mm512_mask_mov_epi32(e, _mm512_cmpeq_epi32_mask(field, _mm512_set1_epi32(255)),
                               _mm512_set1_epi32(kSpecialExponent));
}

// Two elements per 32-bit lane -> their float32 values; [0] is the lower half.
template <MmaType kType>
BSGEN_SIM_ALWAYS void values16(__m512i x, __m512 out[2]) {
  if constexpr (kType == MmaType::kBf16) {
    out[0] = _mm512_castsi512_ps(_mm512_slli_epi32(x, 16));
    out[1] = _mm512_castsi512_ps(_mm512_and_si512(x, _mm512_set1_epi32(static_cast<int>(0xffff0000))));
    return;
  }
  float scale = 1;
  __m512i half = x;
  if constexpr (kType == MmaType::kE5m2) half = _mm512_slli_epi16(x, 8);
  if constexpr (kType == MmaType::kE4m3) {  // as float16 bits the value is 2^8 too small, subnormals included
    const __m512i sign = _mm512_slli_epi16(_mm512_and_si512(x, _mm512_set1_epi16(0x80)), 8);
    half = _mm512_or_si512(sign, _mm512_slli_epi16(_mm512_and_si512(x, _mm512_set1_epi16(0x7f)), 7));
    // 0x7f is the only NaN: make it one of float16
    const __mmask32 nan = _mm512_cmpeq_epi16_mask(_mm512_and_si512(x, _mm512_set1_epi16(0x7f)), _mm512_set1_epi16(0x7f));
    half = _mm512_mask_mov_epi16(half, nan, _mm512_set1_epi16(0x7fff));
    scale = 256;
  }
  out[0] = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(half));
  out[1] = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_srli_epi32(half, 16)));
  if (scale != 1) {
    out[0] = _mm512_mul_ps(out[0], _mm512_set1_ps(scale));
    out[1] = _mm512_mul_ps(out[1], _mm512_set1_ps(scale));
  }
}

// Bytes 2 i and 2 i + 1 of each lane, each in 16 bits.
BSGEN_SIM_ALWAYS __m512i byte_pair(__m512i x, int i) {
  const __m512i pair = i == 0 ? x : _mm512_srli_epi32(x, 16);
  return _mm512_or_si512(_mm512_and_si512(pair, _mm512_set1_epi32(0xff)),
                         _mm512_slli_epi32(_mm512_and_si512(pair, _mm512_set1_epi32(0xff00)), 8));
}

// A by columns and B as its fragments lie. Exponents of k = 2 j and 2 j + 1 share a 32-bit lane.
template <MmaType kA, MmaType kB, int kK>
struct Operands {
  static constexpr int kE = per_register(kA);
  static constexpr int kRegisters = kK / (4 * kE);  // of B; A has twice as many

  alignas(64) float a[kK][kRows];
  alignas(64) std::uint32_t a_exponents[kK / 2][kRows];
  alignas(64) float b[kK / 4][32];
  alignas(64) std::uint32_t b_exponents[kK / 8 + 1][32];

  BSGEN_SIM_ALWAYS float b_value(int n, int k) const {
    return b[k / (4 * kE) * kE + k % kE][4 * n + k % (4 * kE) / kE];
  }
  BSGEN_SIM_ALWAYS std::uint32_t b_exponent_pair(int n, int j) const {
    if constexpr (kE == 1) return b_exponents[j / 2][2 * n + j % 2];
    const int k = 2 * j;
    return b_exponents[k / (4 * kE) * (kE / 2) + k % kE / 2][4 * n + k % (4 * kE) / kE];
  }

  BSGEN_SIM_ALWAYS void load_a(const Lanes* regs) {
    for (int r = 0; r < kRegisters; ++r) {
      __m512i x[4];
      gather_rows(regs[2 * r], regs[2 * r + 1], x);
      if constexpr (kE == 1) {
        __m512i e[4];
        for (int t = 0; t < 4; ++t) {
          x[t] = _mm512_and_si512(x[t], _mm512_set1_epi32(static_cast<int>(0xffffe000)));
          e[t] = exponents_tf32(x[t]);
          _mm512_store_si512(a[4 * r + t], x[t]);
        }
        for (int j = 0; j < 2; ++j) {
          _mm512_store_si512(a_exponents[2 * r + j],
                             _mm512_mask_blend_epi16(0xaaaaaaaa, e[2 * j], _mm512_slli_epi32(e[2 * j + 1], 16)));
        }
      } else {
        for (int t = 0; t < 4; ++t) {
          for (int i = 0; i < kE / 2; ++i) {
            const __m512i pair = kE == 2 ? x[t] : byte_pair(x[t], i);
            const int j = 2 * kE * r + kE / 2 * t + i;
            __m512 value[2];
            values16<kA>(pair, value);
            _mm512_store_ps(a[2 * j], value[0]);
            _mm512_store_ps(a[2 * j + 1], value[1]);
            _mm512_store_si512(a_exponents[j], exponents16<kA>(pair));
          }
        }
      }
    }
  }

  BSGEN_SIM_ALWAYS void load_b(const Lanes* regs) {
    for (int r = 0; r < kRegisters; ++r) {
      for (int half = 0; half < 2; ++half) {
        const __m512i x = _mm512_loadu_si512(regs[r] + 16 * half);
        if constexpr (kE == 1) {
          const __m512i value = _mm512_and_si512(x, _mm512_set1_epi32(static_cast<int>(0xffffe000)));
          _mm512_store_si512(b[r] + 16 * half, value);
          _mm256_store_si256(reinterpret_cast<__m256i*>(b_exponents[r] + 8 * half),
                             _mm512_cvtepi32_epi16(exponents_tf32(value)));
        } else {
          for (int i = 0; i < kE / 2; ++i) {
            const __m512i pair = kE == 2 ? x : byte_pair(x, i);
            __m512 value[2];
            values16<kB>(pair, value);
            _mm512_store_ps(b[kE * r + 2 * i] + 16 * half, value[0]);
            _mm512_store_ps(b[kE * r + 2 * i + 1] + 16 * half, value[1]);
            _mm512_store_si512(b_exponents[kE / 2 * r + i] + 16 * half, exponents16<kB>(pair));
          }
        }
      }
    }
  }
};

// --- one step of one output column ---------------------------------------------------------------------

// Rows that the vector code may not decide, again by the scalar model.
template <MmaType kA, MmaType kB, AccType kAcc, int kK>
[[gnu::noinline]] __m512 patch(const Operands<kA, kB, kK>& in, int n, int k0, int step, int fraction_bits, __m512 c,
                               __m512 result, unsigned rows) {
  alignas(64) float before[kRows], after[kRows];
  _mm512_store_ps(before, c);
  _mm512_store_ps(after, result);
  for (; rows != 0; rows &= rows - 1) {
    const int row = __builtin_ctz(rows);
    float a[kK], b[kK];
    for (int k = 0; k < step; ++k) a[k] = in.a[k0 + k][row], b[k] = in.b_value(n, k0 + k);
    after[row] = dot_step_mixed(kA, kB, kAcc, a, b, step, before[row], fraction_bits);
  }
  return _mm512_load_ps(after);
}

template <MmaType kA, MmaType kB, AccType kAcc, int kK, int kStep>
BSGEN_SIM_ALWAYS __m512 column_step(const Operands<kA, kB, kK>& in, int n, int k0, int fraction_bits, __m512 c) {
  const auto set1 = [](int x) { return _mm512_set1_epi32(x); };
  // emax, 16 bits at a time
  __m512i pairs = set1(static_cast<int>(0x80008000));
  for (int j = k0 / 2; j < (k0 + kStep) / 2; ++j) {
    const __m512i e = _mm512_adds_epi16(_mm512_load_si512(in.a_exponents[j]), set1(static_cast<int>(in.b_exponent_pair(n, j))));
    pairs = _mm512_max_epi16(pairs, e);
  }
  const __m512i c_bits = _mm512_castps_si512(c);
  const __m512i c_field = _mm512_srli_epi32(_mm512_slli_epi32(c_bits, 1), 24);
  __m512i c_exponent = _mm512_sub_epi32(c_field, set1(127));
  if constexpr (kAcc == AccType::kF16) c_exponent = _mm512_max_epi32(c_exponent, set1(-14));
  c_exponent = _mm512_mask_mov_epi32(c_exponent, _mm512_testn_epi32_mask(c_bits, set1(0x7fffffff)), set1(kZeroExponent));
  __m512i emax = _mm512_max_epi32(_mm512_srai_epi32(pairs, 16), _mm512_srai_epi32(_mm512_slli_epi32(pairs, 16), 16));
  emax = _mm512_max_epi32(emax, c_exponent);

  unsigned slow = 0;
  if constexpr (kAcc == AccType::kF16) emax = _mm512_max_epi32(emax, set1(exponent_floor(kAcc)));
  const __m512i from_low = _mm512_sub_epi32(emax, set1(kMinFastExponent));
  const __mmask16 outside = _mm512_cmpgt_epu32_mask(from_low, set1(kMaxFastExponent - kMinFastExponent));
  if (outside != 0) [[unlikely]] {
    slow = outside & _mm512_cmpgt_epi32_mask(emax, set1(kZeroExponent / 2));  // the rest has no addend but zeros
    emax = _mm512_mask_mov_epi32(emax, outside, set1(kMinFastExponent));
  }
  const __m512 scale = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_sub_epi32(set1(127 + fraction_bits), emax), 23));
  const __m512 unit = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(set1(127 - fraction_bits), emax), 23));

  // two sums, each below 2^31
  __m512i sum0 = _mm512_cvttps_epi32(_mm512_mul_ps(c, scale)), sum1 = _mm512_setzero_si512();
  for (int k = k0; k < k0 + kStep; k += 2) {
    const __m512 p0 = _mm512_mul_ps(_mm512_load_ps(in.a[k]), _mm512_set1_ps(in.b_value(n, k)));
    const __m512 p1 = _mm512_mul_ps(_mm512_load_ps(in.a[k + 1]), _mm512_set1_ps(in.b_value(n, k + 1)));
    sum0 = _mm512_add_epi32(sum0, _mm512_cvttps_epi32(_mm512_mul_ps(p0, scale)));
    sum1 = _mm512_add_epi32(sum1, _mm512_cvttps_epi32(_mm512_mul_ps(p1, scale)));
  }
  const __m512i sum = _mm512_add_epi32(sum0, sum1);
  if constexpr (kStep >= 16) {  // sixteen products near 4 x 2^25 reach 2^31; eight do not
    slow |= _mm512_movepi32_mask(_mm512_and_si512(_mm512_xor_si512(sum, sum0), _mm512_xor_si512(sum, sum1)));
  }

  __m512 result;
  if constexpr (kAcc == AccType::kF16) {
    // To odd at 24 bits, then to nearest even at 11: rounded once.
    const __m512 cut = _mm512_cvt_roundepi32_ps(sum, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
    const __mmask16 inexact = _mm512_cmpneq_epi32_mask(_mm512_cvttps_epi32(cut), sum);
    const __m512i odd = _mm512_mask_or_epi32(_mm512_castps_si512(cut), inexact, _mm512_castps_si512(cut), set1(1));
    result = _mm512_cvtph_ps(_mm512_cvtps_ph(_mm512_mul_ps(_mm512_castsi512_ps(odd), unit), _MM_FROUND_TO_NEAREST_INT));
  } else {
    result = _mm512_cvt_roundepi32_ps(sum, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
    if constexpr (is_fp8(kA)) {
      const int dropped = 23 - result_bits(kA, fraction_bits);
      result = _mm512_and_ps(result, _mm512_castsi512_ps(set1(-1 << dropped)));
    }
    result = _mm512_mul_ps(result, unit);
  }
  if (slow != 0) [[unlikely]] {
    result = patch<kA, kB, kAcc, kK>(in, n, k0, kStep, fraction_bits, c, result, slow);
  }
  return result;
}

template <MmaType kA, MmaType kB, AccType kAcc, int kK, int kStep>
BSGEN_SIM_ALWAYS void multiply(const Operands<kA, kB, kK>& in, const Lanes* c, const MutableLanes* d, int fraction_bits) {
  const auto column = [&](int n, __m512 sum) __attribute__((always_inline)) {
    for (int k0 = 0; k0 < kK; k0 += kStep) sum = column_step<kA, kB, kAcc, kK, kStep>(in, n, k0, fraction_bits, sum);
    return sum;
  };
  if constexpr (kAcc == AccType::kF32) {
    __m512i x[2][4];
    gather_rows(c[0], c[2], x[0]);
    gather_rows(c[1], c[3], x[1]);
    for (int n = 0; n < 8; ++n) x[n % 2][n / 2] = _mm512_castps_si512(column(n, _mm512_castsi512_ps(x[n % 2][n / 2])));
    scatter_rows(x[0], d[0], d[2]);
    scatter_rows(x[1], d[1], d[3]);
  } else {
    __m512i x[4];
    gather_rows(c[0], c[1], x);
    for (int t = 0; t < 4; ++t) {
      __m512 pair[2];
      values16<MmaType::kF16>(x[t], pair);
      const __m256i low = _mm512_cvtps_ph(column(2 * t, pair[0]), _MM_FROUND_TO_NEAREST_INT);
      const __m256i high = _mm512_cvtps_ph(column(2 * t + 1, pair[1]), _MM_FROUND_TO_NEAREST_INT);
      x[t] = _mm512_or_si512(_mm512_cvtepu16_epi32(low), _mm512_slli_epi32(_mm512_cvtepu16_epi32(high), 16));
    }
    scatter_rows(x, d[0], d[1]);
  }
}

template <MmaType kA, MmaType kB, AccType kAcc, int kK>
void mma(const Lanes* a, const Lanes* b, const Lanes* c, const MutableLanes* d, const TensorCoreModel& model) {
  const int step = step_of(kA, model, kK), fraction_bits = fraction_bits_of(kA, model);
  if (step != kK && step != kK / 2) {  // no architecture we know
    mma_function_baseline({kA, kB, kAcc, kK})(a, b, c, d, model);
    return;
  }
  Operands<kA, kB, kK> in;
  in.load_a(a);
  in.load_b(b);
  if (step == kK) {
    multiply<kA, kB, kAcc, kK, kK>(in, c, d, fraction_bits);
  } else {
    multiply<kA, kB, kAcc, kK, kK / 2>(in, c, d, fraction_bits);
  }
}

}  // namespace

MmaFunction mma_function_avx512(const MmaShape& shape) {
  return dispatch_shape(shape, []<MmaType kA, MmaType kB, AccType kAcc, int kK>() -> MmaFunction {
    return &mma<kA, kB, kAcc, kK>;
  });
}

}  // namespace bsgen::sim
