#include "runtime/cpu/storage_order.h"

#include "runtime/cpu/cpu_launch.h"

namespace bsgen::cpu {

StorageOrder order_by_storage(const CpuPlan& plan, const Layout& layout, const BlockLists& lists, int threads) {
  StorageOrder order;
  if (plan.ordered_tokens() == 0 || plan.num_blocks == 0) return order;
  order.for_threads = threads > 1 && is_worth_threads(plan, 1);
  const std::int64_t parts = order.for_threads ? (threads + plan.heads - 1) / plan.heads : 1;
  const std::int64_t grid_rows = layout.grid_rows(), grid_cols = layout.grid_cols();
  order.offsets.push_back(0);
  std::vector<std::size_t> next, part_of(static_cast<std::size_t>(grid_cols));
  order.entries.resize(static_cast<std::size_t>(plan.num_blocks));
  order.columns.resize(static_cast<std::size_t>(plan.num_blocks));
  for (std::int64_t head = 0; head < plan.heads; ++head) {
    next.clear();
    for (const Range& range : split_lists(lists.offsets, head * grid_cols, grid_cols, parts)) {
      for (std::int64_t col = range.begin; col < range.end; ++col) part_of[static_cast<std::size_t>(col)] = next.size();
      next.push_back(static_cast<std::size_t>(order.offsets.back()));
      order.parts.push_back({head, range.begin, range.end});
      order.offsets.push_back(lists.offsets[static_cast<std::size_t>(head * grid_cols + range.end)]);
    }
    for (std::int64_t row = head * grid_rows; row < (head + 1) * grid_rows; ++row)
      for (std::int64_t i = layout.row_offsets()[row]; i < layout.row_offsets()[row + 1]; ++i) {
        const std::int32_t col = layout.block_cols()[i];
        const std::size_t at = next[part_of[static_cast<std::size_t>(col)]]++;
        order.entries[at] = {static_cast<std::int32_t>(row % grid_rows), static_cast<std::int32_t>(i)};
        order.columns[at] = col;
      }
  }
  const BlockEntry last = order.entries.empty() ? BlockEntry{} : order.entries.back();
  order.entries.insert(order.entries.end(), static_cast<std::size_t>(plan.blocks_ahead()), last);
  return order;
}

}  // namespace bsgen::cpu
