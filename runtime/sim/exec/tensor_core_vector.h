// The mma in vectors of rows, written once for every instruction set. Internal to
// tensor_core_{baseline,avx2,avx512}.cpp.
//
// Each of them defines a V with the vector operations (tensor_core_baseline.cpp has the plainest)
// and includes this; all is in an anonymous namespace, so that code built for one instruction set
// never stands in for another's. The algorithm, and why it is exact, is in tensor_core_tile.h.
#pragma once

#include "runtime/sim/exec/tensor_core_tile.h"

#define BSGEN_SIM_ALWAYS [[gnu::always_inline]] inline

namespace bsgen::sim {
namespace {

constexpr int kRows = 16, kColumns = 8;

// Exponents of elements of 16 bits (fp8: in the low 8 bits of each), two in a 32-bit lane.
template <class V, MmaType kType>
BSGEN_SIM_ALWAYS typename V::I exponents16(typename V::I x) {
  using I = typename V::I;
  constexpr OperandFormat f = format_of(kType);
  constexpr int kTop = (1 << f.exponent_bits) - 1;
  const I magnitude = V::bit_and(x, V::set16((1 << (f.bits - 1)) - 1));
  const I field = V::template shift_right16<f.mantissa_bits>(magnitude);
  const I e = V::add16(V::max16(field, V::set16(1)), V::set16(f.min_exponent - 1));
  const I nonzero = V::select_equal16(magnitude, V::set16(0), V::set16(kZeroExponent), e);
  return f.has_infinity
             ? V::select_equal16(field, V::set16(kTop), V::set16(kSpecialExponent), nonzero)
             : V::select_equal16(magnitude, V::set16(0x7f), V::set16(kSpecialExponent), nonzero);
}

// Exponents of elements of 32 bits (tf32).
template <class V>
BSGEN_SIM_ALWAYS typename V::I exponents32(typename V::I x) {
  using I = typename V::I;
  const I magnitude = V::bit_and(x, V::set(0x7fffffff));
  const I field = V::template shift_right<23>(magnitude);
  const I e = V::add(V::max(field, V::set(1)), V::set(-127));
  const I nonzero = V::select_equal(magnitude, V::set(0), V::set(kZeroExponent), e);
  return V::select_equal(field, V::set(255), V::set(kSpecialExponent), nonzero);
}

// Two elements in a 32-bit lane -> their float32 values; out[0] is the lower half.
template <class V, MmaType kType>
BSGEN_SIM_ALWAYS void values16(typename V::I x, typename V::F out[2]) {
  using I = typename V::I;
  if constexpr (kType == MmaType::kBf16) {
    out[0] = V::as_float(V::template shift_left<16>(x));
    out[1] = V::as_float(V::bit_and(x, V::set(static_cast<int>(0xffff0000))));
  } else if constexpr (kType == MmaType::kF16) {
    V::widen_halves(x, out);
  } else if constexpr (kType == MmaType::kE5m2) {
    V::widen_halves(V::template shift_left<8>(x), out);
  } else {  // e4m3: as float16 bits the value is 2^8 too small, subnormals included; 0x7f is its
            // NaN
    const I magnitude = V::bit_and(x, V::set16(0x7f));
    const I finite = V::template shift_left<7>(magnitude);
    const I half = V::select_equal16(magnitude, V::set16(0x7f), V::set16(0x7fff), finite);
    V::widen_halves(V::bit_or(half, V::template shift_left<8>(V::bit_and(x, V::set16(0x80)))), out);
    for (int i = 0; i < 2; ++i) out[i] = V::mul(out[i], V::setf(256.f));
  }
}

// Bytes 2 i and 2 i + 1 of each lane, each in 16 bits.
template <class V>
BSGEN_SIM_ALWAYS typename V::I byte_pair(typename V::I x, int i) {
  const typename V::I pair = i == 0 ? x : V::template shift_right<16>(x);
  return V::bit_or(V::bit_and(pair, V::set(0xff)),
                   V::template shift_left<8>(V::bit_and(pair, V::set(0xff00))));
}

// A by columns and B as its fragments lie. Exponents of k = 2 j and 2 j + 1 share a 32-bit word.
template <class V, MmaType kA, MmaType kB, int kK>
struct Operands {
  using I = typename V::I;
  using F = typename V::F;
  static constexpr int kE = per_register(kA);
  static constexpr int kRegisters = kK / (4 * kE);  // of B; A has twice as many

  alignas(64) float a[kK][kRows];
  alignas(64) std::uint32_t a_exponents[kK / 2][kRows];
  alignas(64) float b[kK / 4][32];
  alignas(64) std::uint32_t b_exponents[kK / 8 + 1][32];

  BSGEN_SIM_ALWAYS const float& b_value(int n, int k) const {
    return b[k / (4 * kE) * kE + k % kE][4 * n + k % (4 * kE) / kE];
  }
  BSGEN_SIM_ALWAYS std::uint32_t b_exponent_pair(int n, int j) const {
    if constexpr (kE == 1) return b_exponents[j / 2][4 * n + 2 * (j % 2)];
    const int k = 2 * j;
    return b_exponents[k / (4 * kE) * (kE / 2) + k % kE / 2][4 * n + k % (4 * kE) / kE];
  }

  BSGEN_SIM_ALWAYS void load_a(const Lanes* regs) {
    for (int r = 0; r < kRegisters; ++r) {
      for (int row = 0; row < kRows; row += V::kLanes) {
        I x[4];
        V::gather_rows(regs[2 * r], regs[2 * r + 1], row, x);
        if constexpr (kE == 1) {
          I e[4];
          for (int t = 0; t < 4; ++t) {
            x[t] = V::bit_and(x[t], V::set(static_cast<int>(0xffffe000)));
            e[t] = exponents32<V>(x[t]);
            V::storef(a[4 * r + t] + row, V::as_float(x[t]));
          }
          for (int j = 0; j < 2; ++j) {
            V::store(a_exponents[2 * r + j] + row,
                     V::bit_or(V::bit_and(e[2 * j], V::set(0xffff)),
                               V::template shift_left<16>(e[2 * j + 1])));
          }
        } else {
          for (int t = 0; t < 4; ++t) {
            for (int i = 0; i < kE / 2; ++i) {
              const I pair = kE == 2 ? x[t] : byte_pair<V>(x[t], i);
              const int j = 2 * kE * r + kE / 2 * t + i;
              F value[2];
              values16<V, kA>(pair, value);
              V::storef(a[2 * j] + row, value[0]);
              V::storef(a[2 * j + 1] + row, value[1]);
              V::store(a_exponents[j] + row, exponents16<V, kA>(pair));
            }
          }
        }
      }
    }
  }

  BSGEN_SIM_ALWAYS void load_b(const Lanes* regs) {
    for (int r = 0; r < kRegisters; ++r) {
      for (int lane = 0; lane < 32; lane += V::kLanes) {
        const I x = V::load(regs[r] + lane);
        if constexpr (kE == 1) {
          const I value = V::bit_and(x, V::set(static_cast<int>(0xffffe000)));
          V::storef(b[r] + lane, V::as_float(value));
          const I e = exponents32<V>(value);  // lanes t and t + 1, t even: k and k + 1
          V::store(b_exponents[r] + lane,
                   V::bit_or(V::bit_and(e, V::set(0xffff)),
                             V::bit_and(V::template shift_right64<16>(e),
                                        V::set(static_cast<int>(0xffff0000)))));
        } else {
          for (int i = 0; i < kE / 2; ++i) {
            const I pair = kE == 2 ? x : byte_pair<V>(x, i);
            F value[2];
            values16<V, kB>(pair, value);
            V::storef(b[kE * r + 2 * i] + lane, value[0]);
            V::storef(b[kE * r + 2 * i + 1] + lane, value[1]);
            V::store(b_exponents[kE / 2 * r + i] + lane, exponents16<V, kB>(pair));
          }
        }
      }
    }
  }
};

// Rows that the vector code may not decide, again by the scalar model.
template <class V, MmaType kA, MmaType kB, AccType kAcc, int kK>
[[gnu::noinline]] typename V::F patch(const Operands<V, kA, kB, kK>& in, int row0, int n, int k0,
                                      int step, int fraction_bits, typename V::F c,
                                      typename V::F result, unsigned rows) {
  alignas(64) float before[V::kLanes], after[V::kLanes];
  V::storef(before, c);
  V::storef(after, result);
  for (; rows != 0; rows &= rows - 1) {
    const int row = __builtin_ctz(rows);
    float a[kK], b[kK];
    for (int k = 0; k < step; ++k) a[k] = in.a[k0 + k][row0 + row], b[k] = in.b_value(n, k0 + k);
    after[row] = dot_step_mixed(kA, kB, kAcc, a, b, step, before[row], fraction_bits);
  }
  return V::loadf(after);
}

// One step of one output column, from row0 on: c + the sum over k0 <= k < k0 + kStep.
// k0 is a template's argument so that all offsets into the operands are constants.
template <class V, MmaType kA, MmaType kB, AccType kAcc, int kK, int kStep, int k0>
BSGEN_SIM_ALWAYS typename V::F column_step(const Operands<V, kA, kB, kK>& in, int row0, int n,
                                           int fraction_bits, typename V::F c) {
  using I = typename V::I;
  using F = typename V::F;
  // The largest exponent, two k at a time.
  const auto pair = [&](int j) __attribute__((always_inline)) {
    return V::add16(V::load(in.a_exponents[j] + row0), V::set(static_cast<int>(in.b_exponent_pair(n, j))));
  };
  I pairs = pair(k0 / 2);
#pragma GCC unroll 16
  for (int j = k0 / 2 + 1; j < (k0 + kStep) / 2; ++j) pairs = V::max16(pairs, pair(j));
  I c_exponent =
      V::sub(V::template shift_right<24>(V::template shift_left<1>(V::as_int(c))), V::set(127));
  if constexpr (kAcc == AccType::kF16) c_exponent = V::max(c_exponent, V::set(-14));
  const I c_magnitude = V::bit_and(V::as_int(c), V::set(0x7fffffff));
  c_exponent = V::select_equal(c_magnitude, V::set(0), V::set(kZeroExponent), c_exponent);
  I emax = V::max(V::template shift_right_signed<16>(pairs),
                  V::template shift_right_signed<16>(V::template shift_left<16>(pairs)));
  emax = V::max(emax, c_exponent);
  if constexpr (kAcc == AccType::kF16) emax = V::max(emax, V::set(exponent_floor(kAcc)));

  unsigned slow =
      V::greater(emax, V::set(kMaxFastExponent)) | V::greater(V::set(kMinFastExponent), emax);
  if (slow != 0) [[unlikely]] {
    slow &= V::greater(emax, V::set(kZeroExponent / 2));  // the rest has no addend but zeros
    emax = V::min(V::max(emax, V::set(kMinFastExponent)), V::set(kMaxFastExponent));
  }
  const F scale =
      V::as_float(V::template shift_left<23>(V::sub(V::set(127 + fraction_bits), emax)));
  const F unit = V::as_float(V::template shift_left<23>(V::add(V::set(127 - fraction_bits), emax)));

  // Two sums, each below 2^31.
  I sum0 = V::truncate(V::mul(c, scale)), sum1 = V::set(0);
#pragma GCC unroll 16
  for (int k = k0; k < k0 + kStep; k += 2) {
    const F p0 = V::mul(V::loadf(in.a[k] + row0), V::setf(in.b_value(n, k)));
    const F p1 = V::mul(V::loadf(in.a[k + 1] + row0), V::setf(in.b_value(n, k + 1)));
    sum0 = V::add(sum0, V::truncate(V::mul(p0, scale)));
    sum1 = V::add(sum1, V::truncate(V::mul(p1, scale)));
  }
  const I sum = V::add(sum0, sum1);
  if constexpr (kStep >= 16) {  // sixteen products near 4 x 2^25 reach 2^31; eight do not
    slow |= V::negative(V::bit_and(V::bit_xor(sum, sum0), V::bit_xor(sum, sum1)));
  }

  F result;
  if constexpr (kAcc == AccType::kF16) {
    result =
        V::round_to_half(V::mul(V::to_odd(sum), unit));  // 24 bits to odd, then 11: rounded once
  } else {
    result = V::toward_zero(sum);
    if constexpr (is_fp8(kA)) {
      const int dropped = 23 - result_bits(kA, fraction_bits);
      result = V::as_float(V::bit_and(V::as_int(result), V::set(-(1 << dropped))));
    }
    result = V::mul(result, unit);
  }
  if (slow != 0) [[unlikely]] {
    result = patch<V, kA, kB, kAcc, kK>(in, row0, n, k0, kStep, fraction_bits, c, result, slow);
  }
  return result;
}

template <class V, MmaType kA, MmaType kB, AccType kAcc, int kK, int kStep>
BSGEN_SIM_ALWAYS void multiply(const Operands<V, kA, kB, kK>& in, const Lanes* c,
                               const MutableLanes* d, int fraction_bits) {
  using I = typename V::I;
  using F = typename V::F;
  for (int row = 0; row < kRows; row += V::kLanes) {
    F sums[kColumns];
    I x[4];  // columns 2 t + q at [t], of one q; with f16 accumulators both
    if constexpr (kAcc == AccType::kF32) {
      for (int q = 0; q < 2; ++q) {
        V::gather_rows(c[q], c[q + 2], row, x);
        for (int t = 0; t < 4; ++t) sums[2 * t + q] = V::as_float(x[t]);
      }
    } else {
      V::gather_rows(c[0], c[1], row, x);
      for (int t = 0; t < 4; ++t) V::widen_halves(x[t], sums + 2 * t);
    }
    // Columns do not depend on each other, steps do: the processor has work while a step's result is on its way.
    for (int n = 0; n < kColumns; ++n) {
      sums[n] = column_step<V, kA, kB, kAcc, kK, kStep, 0>(in, row, n, fraction_bits, sums[n]);
    }
    if constexpr (kStep < kK) {
      static_assert(2 * kStep == kK);  // no architecture takes more than two steps
      for (int n = 0; n < kColumns; ++n) {
        sums[n] = column_step<V, kA, kB, kAcc, kK, kStep, kStep>(in, row, n, fraction_bits, sums[n]);
      }
    }
    if constexpr (kAcc == AccType::kF32) {
      for (int q = 0; q < 2; ++q) {
        for (int t = 0; t < 4; ++t) x[t] = V::as_int(sums[2 * t + q]);
        V::scatter_rows(x, row, d[q], d[q + 2]);
      }
    } else {
      for (int t = 0; t < 4; ++t) x[t] = V::narrow_halves(sums[2 * t], sums[2 * t + 1]);
      V::scatter_rows(x, row, d[0], d[1]);
    }
  }
}

template <class V, MmaType kA, MmaType kB, AccType kAcc, int kK>
void mma(const Lanes* a, const Lanes* b, const Lanes* c, const MutableLanes* d,
         const TensorCoreModel& model) {
  const int step = step_of(kA, model, kK), fraction_bits = fraction_bits_of(kA, model);
  Operands<V, kA, kB, kK> in;
  in.load_a(a);
  in.load_b(b);
  if (step == kK) {
    multiply<V, kA, kB, kAcc, kK, kK>(in, c, d, fraction_bits);
  } else {
    multiply<V, kA, kB, kAcc, kK, kK / 2>(in, c, d, fraction_bits);
  }
}

template <class V>
MmaFunction make_mma_function(const MmaShape& shape) {
  return dispatch_shape(shape, []<MmaType kA, MmaType kB, AccType kAcc, int kK>() -> MmaFunction {
    return &mma<V, kA, kB, kAcc, kK>;
  });
}

}  // namespace
}  // namespace bsgen::sim
