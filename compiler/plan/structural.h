// Which closed forms tier `structural` can walk, and with which tiles.
#pragma once

#include "compiler/analysis/structure.h"
#include "compiler/plan/kernel_plan.h"

namespace bsgen::plan {

// How a panel's contraction groups follow each other.
enum class WalkForm : std::uint8_t {
  kNone,      // no closed form for this tile
  kInterval,  // consecutive block rows from first to last, some of whose blocks may be absent
  kList,      // the n-th block row of the panel's one column
};

// The structure with contraction along block rows and outputs along block columns: transposed for bprop.
analysis::Structure oriented(const analysis::Structure& structure, Op op);
// `pair`: contraction blocks per group (geometry.h).
WalkForm walk_form(const analysis::Structure& oriented, int panel, int pair);
// The block rows [first, last] of columns j0..j1 where the form is kInterval; last < first when there is none.
struct Interval {
  std::int64_t first, last;
};
Interval interval(const analysis::Structure& oriented, std::int64_t j0, std::int64_t j1);

}  // namespace bsgen::plan
