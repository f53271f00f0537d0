// ex2, lg2, rcp, rsqrt, sqrt, tanh, sin, cos and div in their approximate forms, over a warp. Slots: d, a, b; Op::flags: 1 = .ftz.
#pragma once

#include "runtime/sim/exec/program.h"

namespace bsgen::sim {

enum class Approximate : std::uint8_t { kEx2, kLg2, kRcp, kRsqrt, kSqrt, kTanh, kSin, kCos, kDivApprox, kDivFull };

// nullptr where the function does not exist for the type.
Handler approximate_handler(Approximate function, ptx::ScalarType type);

}  // namespace bsgen::sim
