#include "runtime/sim/exec/lane_ops.h"

#include <atomic>

#include "runtime/sim/exec/approximate_ops.h"

namespace bsgen::sim {
namespace {

std::atomic<int> forced{-1};

}  // namespace

void force_lane_isa(Isa isa) { forced = static_cast<int>(isa); }
Isa lane_isa() { return forced < 0 ? best_isa() : static_cast<Isa>(forced.load()); }

Handler lane_handler(LaneOp op, ptx::ScalarType type, bool ftz) {
#ifdef BSGEN_SIM_X86
  if (lane_isa() == Isa::kAvx512) return lanes_avx512::find(op, type, ftz);
  if (lane_isa() == Isa::kAvx2) return lanes_avx2::find(op, type, ftz);
#endif
  return lanes_baseline::find(op, type, ftz);
}

Handler convert_handler(ptx::ScalarType to, ptx::ScalarType from) {
#ifdef BSGEN_SIM_X86
  if (lane_isa() == Isa::kAvx512) return lanes_avx512::find_convert(to, from);
  if (lane_isa() == Isa::kAvx2) return lanes_avx2::find_convert(to, from);
#endif
  return lanes_baseline::find_convert(to, from);
}

Handler approximate_handler(Approximate function, ptx::ScalarType type) {
#ifdef BSGEN_SIM_X86
  if (lane_isa() == Isa::kAvx512) return lanes_avx512::find_approximate(function, type);
  if (lane_isa() == Isa::kAvx2) return lanes_avx2::find_approximate(function, type);
#endif
  return lanes_baseline::find_approximate(function, type);
}

}  // namespace bsgen::sim
