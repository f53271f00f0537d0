#include "runtime/sim/exec/undefined_registers.h"

#include <algorithm>
#include <bit>

#include "runtime/sim/exec/warp.h"
#include "runtime/sim/exec/wgmma_ops.h"

namespace bsgen::sim {

void undefined_watched(Warp& warp, const Op& op) {
  const UndefinedTable& table = warp.cta->launch->program->undefined;
  const auto& watched = *std::lower_bound(table.watched.begin(), table.watched.end(), op.index,
                                          [](const UndefinedTable::Watched& a, std::uint32_t index) { return a.op.index < index; });
  const std::uint32_t lanes = warp.mask;
  for (const UndefinedTable::Mention& mention : watched.mentions) {
    const std::uint32_t missing = mention.is_written || (mention.is_addend && !wgmma_adds(warp, watched.op)) ? 0 : lanes & ~warp.lanes_with[mention.index];
    if (missing == 0 || !warp.cta->launch->checks) continue;
    report(warp, op, Severity::kError, "uninitialized", std::countr_zero(missing), [&] { return "reads register " + table.names[mention.index] + ", which it has not written"; });
    break;
  }
  watched.op.handler(warp, watched.op);
  for (const UndefinedTable::Mention& mention : watched.mentions)
    if (mention.is_written) warp.lanes_with[mention.index] |= lanes;
}

}  // namespace bsgen::sim
