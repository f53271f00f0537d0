// The mma in plain C++, for machines without AVX2: the algorithm of tensor_core_tile.h in loops over the 16 rows that any
// compiler turns into the vectors it has.
#include <bit>
#include <cstdint>
#include <cstring>

#include "runtime/sim/exec/fp_convert.h"
#include "runtime/sim/exec/tensor_core_tile.h"

namespace bsgen::sim {

namespace {

constexpr int kRows = 16, kCols = 8;

template <int kK>
struct Tile {
  alignas(64) float a[kK][kRows];
  alignas(64) int a_exponent[kK][kRows];
  alignas(64) float b[kCols][kK];
  alignas(64) int b_exponent[kCols][kK];
};

template <MmaType kA, MmaType kB, int kK>
void load(const Lanes* a, const Lanes* b, Tile<kK>& tile) {
  constexpr int kE = per_register(kA), kBits = 32 / kE;
  for (int k = 0; k < kK; ++k) {
    for (int row = 0; row < kRows; ++row) {
      const FragmentIndex at = a_index(kE, row, k);
      tile.a[k][row] = decode<kA>(a[at.reg][at.lane] >> (kBits * at.element));
      tile.a_exponent[k][row] = exponent_of<kA>(tile.a[k][row]);
    }
    for (int n = 0; n < kCols; ++n) {
      const FragmentIndex at = b_index(kE, k, n);
      tile.b[n][k] = decode<kB>(b[at.reg][at.lane] >> (kBits * at.element));
      tile.b_exponent[n][k] = exponent_of<kB>(tile.b[n][k]);
    }
  }
}

float power_of_two(int exponent) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(exponent + 127) << 23);
}

// One step of one output column: c[row] += sum over k0 <= k < k0 + step.
template <MmaType kA, MmaType kB, AccType kAcc, int kK>
void column_step(const Tile<kK>& tile, int n, int k0, int step, int fraction_bits, float* c) {
  int emax[kRows];
  float scale[kRows];
  std::int32_t even[kRows], odd[kRows];
  for (int row = 0; row < kRows; ++row) {
    emax[row] = kAcc == AccType::kF16 ? exponent_of<MmaType::kF16>(c[row])
                                      : exponent_of<MmaType::kBf16>(c[row]);
  }
  for (int k = k0; k < k0 + step; ++k) {
    for (int row = 0; row < kRows; ++row) {
      const int e = tile.a_exponent[k][row] + tile.b_exponent[n][k];
      emax[row] = e > emax[row] ? e : emax[row];
    }
  }
  unsigned slow = 0;
  for (int row = 0; row < kRows; ++row) {
    const bool none = emax[row] < kZeroExponent / 2;
    const int floor = kAcc == AccType::kF16 ? exponent_floor(kAcc) : kMinFastExponent;
    const bool in_range = emax[row] <= kMaxFastExponent &&
                          (kAcc == AccType::kF16 || none || emax[row] >= kMinFastExponent);
    if (!in_range) slow |= 1u << row;
    emax[row] = !in_range || emax[row] < floor ? floor : emax[row];
    scale[row] = power_of_two(fraction_bits - emax[row]);
  }
  float exact[kRows];
  unsigned patch = slow;
  for (; patch != 0; patch &= patch - 1) {
    const int row = std::countr_zero(patch);
    float column[kK];
    for (int k = 0; k < step; ++k) column[k] = tile.a[k0 + k][row];
    exact[row] = dot_step_mixed(kA, kB, kAcc, column, &tile.b[n][k0], step, c[row], fraction_bits);
  }
  const auto addend = [&](float x, int row) {  // what is patched below must not reach a conversion
    return slow >> row & 1 ? 0 : static_cast<std::int32_t>(x * scale[row]);
  };
  for (int row = 0; row < kRows; ++row) even[row] = addend(c[row], row), odd[row] = 0;
  for (int k = k0; k < k0 + step; k += 2) {
    for (int row = 0; row < kRows; ++row) {
      even[row] += addend(tile.a[k][row] * tile.b[n][k], row);
      odd[row] += addend(tile.a[k + 1][row] * tile.b[n][k + 1], row);
    }
  }
  for (int row = 0; row < kRows; ++row) {
    const double sum = static_cast<double>(even[row]) + static_cast<double>(odd[row]);
    if constexpr (kAcc == AccType::kF16) {
      const double value = sum * static_cast<double>(power_of_two(emax[row] - fraction_bits));
      c[row] = f16_to_f32(f64_to_f16(value));
    } else {
      const int bits = result_bits(kA, fraction_bits);
      const std::uint64_t kept = std::bit_cast<std::uint64_t>(sum) & ~std::uint64_t{0} << (52 - bits);
      c[row] = static_cast<float>(std::bit_cast<double>(kept)) *
               power_of_two(emax[row] - fraction_bits);
    }
  }
  for (; slow != 0; slow &= slow - 1) c[std::countr_zero(slow)] = exact[std::countr_zero(slow)];
}

template <MmaType kA, MmaType kB, AccType kAcc, int kK>
void mma(const Lanes* a, const Lanes* b, const Lanes* c, const MutableLanes* d,
         const TensorCoreModel& model) {
  Tile<kK> tile;
  load<kA, kB, kK>(a, b, tile);
  const int step = step_of(kA, model, kK), bits = fraction_bits_of(kA, model);
  float out[kCols][kRows];
  for (int n = 0; n < kCols; ++n) {
    for (int row = 0; row < kRows; ++row) {
      const FragmentIndex at = c_index(kAcc, row, n);
      const std::uint32_t word = c[at.reg][at.lane];
      out[n][row] = kAcc == AccType::kF32 ? std::bit_cast<float>(word)
                                          : decode<MmaType::kF16>(word >> (16 * at.element) & 0xffff);
    }
    for (int k = 0; k < kK; k += step) column_step<kA, kB, kAcc, kK>(tile, n, k, step, bits, out[n]);
  }
  for (int n = 0; n < kCols; n += kAcc == AccType::kF16 ? 2 : 1) {
    for (int row = 0; row < kRows; ++row) {
      const FragmentIndex at = c_index(kAcc, row, n);
      d[at.reg][at.lane] = kAcc == AccType::kF32
                               ? std::bit_cast<std::uint32_t>(out[n][row])
                               : f32_to_f16(out[n][row]) | std::uint32_t{f32_to_f16(out[n + 1][row])} << 16;
    }
  }
}

}  // namespace

MmaFunction mma_function_baseline(const MmaShape& shape) {
  return dispatch_shape(shape, []<MmaType kA, MmaType kB, AccType kAcc, int kK>() -> MmaFunction {
    return &mma<kA, kB, kAcc, kK>;
  });
}

}  // namespace bsgen::sim
