// mma with f64: for every output a chain of IEEE fused multiply-adds in rising k (docs/design/tensor-core.md; no recording backs it).
#pragma once

#include <cstdint>

namespace bsgen::sim {

// m is 8 or 16, k 4, 8 or 16. Registers of 32 lanes: A(row, k) is register row / 8 + (m / 8) (k / 4), lane 4 (row % 8) + k % 4;
// B(k, n) is register k / 4, lane 4 n + k % 4; C(row, n) is register 2 (row / 8) + n % 2, lane 4 (row % 8) + n / 2. d may alias c.
void double_mma(int m, int k, const std::uint64_t* const* a, const std::uint64_t* const* b, const std::uint64_t* const* c, std::uint64_t* const* d);

}  // namespace bsgen::sim
