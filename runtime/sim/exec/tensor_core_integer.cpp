#include "runtime/sim/exec/tensor_core_integer.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace bsgen::sim {
namespace {

constexpr int kMaxK = 64;

// Elements k of one row (or column) from its four lanes in every register of it.
void unpack(const std::uint32_t* lanes, int bits, bool is_signed, std::int16_t* out) {
  const int elements = 32 / bits;
  for (int t = 0; t < 4; ++t)
    for (int e = 0; e < elements; ++e) {
      const std::uint32_t field = lanes[t] >> (bits * e) & ((1u << bits) - 1);
      const std::uint32_t sign = is_signed ? 1u << (bits - 1) : 0;
      out[t * elements + e] = static_cast<std::int16_t>(static_cast<int>(field ^ sign) - static_cast<int>(sign));
    }
}

// A register holds 32 bits of k of one row; sums of at most 256 ones.
void bit_mma(const IntegerMmaShape& shape, const Lanes* a, const Lanes* b, const Lanes* c, const MutableLanes* d) {
  for (int row = 0; row < shape.m; ++row)
    for (int n = 0; n < 8; ++n) {
      std::uint32_t sum = 0;
      for (int r = 0; r < shape.k / 128; ++r)
        for (int t = 0; t < 4; ++t) {
          const std::uint32_t x = a[row / 8 + shape.m / 8 * r][4 * (row % 8) + t], y = b[r][4 * n + t];
          sum += static_cast<std::uint32_t>(std::popcount(shape.conjunction ? x & y : x ^ y));
        }
      const int reg = 2 * (row / 8) + n % 2, lane = 4 * (row % 8) + n / 2;
      d[reg][lane] = c[reg][lane] + sum;
    }
}

}  // namespace

void integer_mma(const IntegerMmaShape& shape, const Lanes* a, const Lanes* b, const Lanes* c, const MutableLanes* d) {
  if (shape.bits == 1) return bit_mma(shape, a, b, c, d);
  const int per_register = 128 / shape.bits, num_registers = shape.k / per_register, halves = shape.m / 8;  // k of a row in one register
  alignas(64) std::int16_t rows[16][kMaxK], columns[8][kMaxK];
  for (int row = 0; row < shape.m; ++row)
    for (int r = 0; r < num_registers; ++r)
      unpack(a[row / 8 + halves * r] + 4 * (row % 8), shape.bits, shape.a_signed, rows[row] + per_register * r);
  for (int n = 0; n < 8; ++n)
    for (int r = 0; r < num_registers; ++r) unpack(b[r] + 4 * n, shape.bits, shape.b_signed, columns[n] + per_register * r);
  for (int row = 0; row < shape.m; ++row)
    for (int n = 0; n < 8; ++n) {
      std::int32_t sum = 0;
      for (int k = 0; k < shape.k; ++k) sum += rows[row][k] * columns[n][k];
      const int reg = 2 * (row / 8) + n % 2, lane = 4 * (row % 8) + n / 2;
      const std::uint32_t before = c[reg][lane];
      if (shape.saturate) {
        const std::int64_t exact = std::int64_t{static_cast<std::int32_t>(before)} + sum;
        const std::int64_t low = std::numeric_limits<std::int32_t>::min(), high = std::numeric_limits<std::int32_t>::max();
        d[reg][lane] = static_cast<std::uint32_t>(std::clamp(exact, low, high));
      } else {
        d[reg][lane] = before + static_cast<std::uint32_t>(sum);
      }
    }
}

}  // namespace bsgen::sim
