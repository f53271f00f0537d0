// add, sub, mul, fma, div, sqrt and rcp with .rz, .rm and .rp, for f32 and f64: the host's own directed rounding, lane by lane.
// NVRTC's exp and log use them; nothing hot does. Slots: d, a, b, c; Op::flags: 1 rz, 2 rm, 3 rp, + 8 = .ftz, + 16 = .sat.
#pragma once

#include "runtime/sim/exec/lane_ops.h"

namespace bsgen::sim {

Handler rounded_handler(LaneOp op, ptx::ScalarType type);

}  // namespace bsgen::sim
