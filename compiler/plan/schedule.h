// Schedule: which cta does which blocks, in which order. Derived from a plan and its layout; nothing is chosen here.
//
// fprop, bprop: a *panel* is `tile.panel` adjacent output blocks of one head. It walks a list of *entries*, each one slice
// group of the contraction that at least one of its output blocks has, in ascending order, so that every output block meets
// its own blocks in ascending order whatever the tile is.
// update: a panel is `tile.panel` adjacent block columns and up to `tile.gather` block rows of one head; its one entry list
// names the rows.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <span>
#include <vector>

#include "bsgen/layout.h"
#include "bsgen/status.h"
#include "compiler/plan/kernel_plan.h"

namespace bsgen::plan {

struct Panel {
  std::int32_t head = 0;
  std::int32_t out_block = 0;  // first output block (fprop, bprop) or block column (update)
  std::int32_t first = 0;      // first entry
  std::int32_t count = 0;      // entries
  bool operator==(const Panel&) const = default;
};

struct Schedule {
  int record_words = 0;               // 32-bit words of one entry
  std::vector<Panel> panels;          // in launch order, most work first
  std::vector<std::int32_t> entries;  // records: contraction block (or block row), then one value index per output block, -1 = absent

  std::vector<std::byte> table() const;  // what the device reads in tier table: panels, then entries, little-endian
  Status verify(const KernelPlan& plan, const Layout& layout) const;  // every present block exactly once, ascending
  void dump(std::ostream& out) const;
  bool operator==(const Schedule&) const = default;
};

Schedule make_schedule(const KernelPlan& plan, const Layout& layout);

}  // namespace bsgen::plan
