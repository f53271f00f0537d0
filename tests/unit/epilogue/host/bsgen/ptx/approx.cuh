// Stands in for templates/bsgen/ptx/approx.cuh when math.cuh is compiled for the host: the true values, pushed as far off as
// the PTX ISA lets the instructions be.
#pragma once

#include <cmath>

namespace bsgen::dev::ptx {

inline int approximation_direction = 0;  // -1, 0 or 1

inline float ex2_approx(float x) {
  return static_cast<float>(std::exp2(static_cast<double>(x)) * (1 + approximation_direction * 0x1p-22));
}
inline float rcp_approx_ftz(float x) {
  const float y = static_cast<float>(1 / static_cast<double>(x) * (1 + approximation_direction * 0x1p-23));
  return std::fabs(y) < 0x1p-126f ? 0 : y;
}

}  // namespace bsgen::dev::ptx
