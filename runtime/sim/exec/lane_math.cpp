#include "runtime/sim/exec/lane_math.h"

namespace bsgen::sim {

const LaneMath& lane_math_baseline();
#ifdef BSGEN_SIM_X86
const LaneMath& lane_math_avx2();
const LaneMath& lane_math_avx512();
#endif

const LaneMath& lane_math(Isa isa) {
#ifdef BSGEN_SIM_X86
  if (isa == Isa::kAvx512 && isa_available(isa)) return lane_math_avx512();
  if (isa == Isa::kAvx2 && isa_available(isa)) return lane_math_avx2();
#endif
  (void)isa;
  return lane_math_baseline();
}

const LaneMath& lane_math() {
  static const LaneMath& best = lane_math(best_isa());
  return best;
}

}  // namespace bsgen::sim
