// ex2, lg2, rcp, rsqrt, sqrt, tanh, sin, cos and div in their approximate forms, over a warp. Slots: d, a, b; Op::flags: 1 = .ftz.
#pragma once

#include "runtime/sim/exec/program.h"

namespace bsgen::sim {

enum class Approximate : std::uint8_t { kEx2, kLg2, kRcp, kRsqrt, kSqrt, kTanh, kSin, kCos, kDivApprox, kDivFull };

// nullptr where the function does not exist for the type.
Handler approximate_handler(Approximate function, ptx::ScalarType type);

// One copy per instruction set, equal bit for bit; the handler is that of lane_isa().
namespace lanes_baseline { Handler find_approximate(Approximate function, ptx::ScalarType type); }
namespace lanes_avx2 { Handler find_approximate(Approximate function, ptx::ScalarType type); }
namespace lanes_avx512 { Handler find_approximate(Approximate function, ptx::ScalarType type); }

}  // namespace bsgen::sim
