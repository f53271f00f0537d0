#include "runtime/sim/exec/lane_math_impl.h"

namespace bsgen::sim {
const LaneMath& lane_math_avx2() { return kLaneMath; }
}  // namespace bsgen::sim
