#include "runtime/sim/exec/tensor_core_double.h"

#include <bit>

namespace bsgen::sim {

void double_mma(int m, int k, const std::uint64_t* const* a, const std::uint64_t* const* b, const std::uint64_t* const* c, std::uint64_t* const* d) {
  for (int row = 0; row < m; ++row)
    for (int n = 0; n < 8; ++n) {
      const int reg = 2 * (row / 8) + n % 2, lane = 4 * (row % 8) + n / 2;
      double sum = std::bit_cast<double>(c[reg][lane]);
      for (int i = 0; i < k; ++i)
        sum = __builtin_fma(std::bit_cast<double>(a[row / 8 + m / 8 * (i / 4)][4 * (row % 8) + i % 4]),
                            std::bit_cast<double>(b[i / 4][4 * n + i % 4]), sum);
      d[reg][lane] = sum != sum ? 0x7fffffffffffffffull : std::bit_cast<std::uint64_t>(sum);
    }
}

}  // namespace bsgen::sim
