#include "runtime/sim/exec/approximate_ops_impl.h"
#include "runtime/sim/exec/lane_ops_impl.h"

namespace bsgen::sim::lanes_baseline {

Handler find(LaneOp op, ptx::ScalarType type, bool ftz) { return find_handler(op, type, ftz); }
Handler find_convert(ptx::ScalarType to, ptx::ScalarType from) { return find_conversion(to, from); }
Handler find_approximate(Approximate function, ptx::ScalarType type) { return find_approximation(function, type); }

}  // namespace bsgen::sim::lanes_baseline
