// atom and red on .shared::cluster; those on one space are in memory_ops.h, whose conventions hold here too.
#pragma once

#include "runtime/sim/exec/memory_ops.h"

namespace bsgen::sim {

Handler cluster_atomic_handler(AtomicOp op, ptx::ScalarType type);  // nullptr where the combination does not exist

}  // namespace bsgen::sim
