#include "compiler/plan/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <ostream>
#include <tuple>

#include "compiler/plan/geometry.h"

namespace bsgen::plan {

namespace {

// Records of every group of `panel` adjacent output blocks, concatenated; list l is records[first[l], first[l + 1]).
struct RecordLists {
  std::vector<std::int32_t> first;
  std::vector<std::int32_t> words;
};

// Walks contraction blocks in ascending order, so every list comes out ascending. `order` gives value indices (empty: BSR order).
RecordLists gather(const Layout& layout, const std::vector<std::int32_t>& order, int panel, int pair, int record_words) {
  const std::int64_t rows = layout.grid_rows(), panels = (layout.grid_cols() + panel - 1) / panel, heads = layout.heads();
  const auto offsets = layout.row_offsets();
  const auto cols = layout.block_cols();
  RecordLists lists;
  lists.first.assign(static_cast<std::size_t>(heads * panels + 1), 0);
  std::vector<std::int32_t> last(static_cast<std::size_t>(panels));

  for (std::int64_t h = 0; h < heads; ++h) {
    std::fill(last.begin(), last.end(), -1);
    for (std::int64_t i = 0; i < rows; ++i) {
      const std::int32_t group = static_cast<std::int32_t>(i / pair);
      for (std::int64_t e = offsets[h * rows + i]; e < offsets[h * rows + i + 1]; ++e) {
        const std::int64_t p = cols[e] / panel;
        if (last[p] == group) continue;
        last[p] = group;
        ++lists.first[h * panels + p + 1];
      }
    }
  }
  for (std::size_t l = 1; l < lists.first.size(); ++l) lists.first[l] += lists.first[l - 1];

  lists.words.assign(static_cast<std::size_t>(lists.first.back()) * record_words, -1);
  std::vector<std::int32_t> next(lists.first.begin(), lists.first.end() - 1);
  for (std::int64_t h = 0; h < heads; ++h) {
    for (std::int64_t i = 0; i < rows; ++i) {
      const std::int32_t group = static_cast<std::int32_t>(i / pair);
      for (std::int64_t e = offsets[h * rows + i]; e < offsets[h * rows + i + 1]; ++e) {
        const std::int64_t l = h * panels + cols[e] / panel;
        std::int32_t* record = lists.words.data() + static_cast<std::size_t>(next[l]) * record_words;
        if (next[l] == lists.first[l] || record[-record_words] != group) {
          record[0] = group;
          record[1] = 0;
          ++next[l];
        } else {
          record -= record_words;
        }
        const int slot = static_cast<int>(cols[e] % panel * pair + i % pair);
        record[1] |= static_cast<std::int32_t>(1u << slot);
        record[2 + slot] = order.empty() ? static_cast<std::int32_t>(e) : order[e];
      }
    }
  }
  return lists;
}

}  // namespace

Schedule make_schedule(const KernelPlan& plan, const Layout& layout) {
  const Geometry g = geometry(plan);
  const bool update = plan.problem.op == Op::kUpdate;
  Schedule schedule;
  schedule.record_words = record_words(plan);
  const int pair = update ? 1 : blocks_per_slice(g, plan.tile);

  std::vector<std::int32_t> order;
  RecordLists lists;
  if (plan.problem.op == Op::kBprop) {
    const Layout::Transposed t = layout.transposed();
    lists = gather(t.layout, t.value_order, plan.tile.panel, pair, schedule.record_words);
  } else {
    lists = gather(layout, order, plan.tile.panel, pair, schedule.record_words);
  }
  schedule.entries = std::move(lists.words);

  const std::int64_t panels_per_head = (g.grid_n + plan.tile.panel - 1) / plan.tile.panel;
  const auto add = [&](std::size_t list, std::int32_t first, std::int32_t count) {
    schedule.panels.push_back({static_cast<std::int32_t>(list / panels_per_head),
                               static_cast<std::int32_t>(list % panels_per_head * plan.tile.panel), first, count});
  };
  std::int32_t longest = 0;
  for (std::size_t l = 0; l + 1 < lists.first.size(); ++l) longest = std::max(longest, lists.first[l + 1] - lists.first[l]);
  for (std::size_t l = 0; l + 1 < lists.first.size(); ++l) {
    const std::int32_t first = lists.first[l], count = lists.first[l + 1] - first;
    if (!update) {
      add(l, first, count);
    } else {
      // Closed forms give every column the same number of ctas; the last ones of short columns have nothing to do.
      const std::int32_t chunks_of = plan.tier == Tier::kStructural ? longest : count;
      for (std::int32_t c = 0; c < chunks_of; c += plan.tile.gather)
        add(l, first + std::min(c, count), std::clamp(count - c, 0, plan.tile.gather));
    }
  }
  // The longest first, so that the last ctas to start are short. Closed forms keep their own order.
  if (plan.tier != Tier::kStructural)
    std::sort(schedule.panels.begin(), schedule.panels.end(), [](const Panel& a, const Panel& b) {
      return std::tie(b.count, a.head, a.out_block, a.first) < std::tie(a.count, b.head, b.out_block, b.first);
    });
  return schedule;
}

std::vector<std::byte> Schedule::table() const {
  static_assert(sizeof(Panel) == 16);
  std::vector<std::byte> bytes(panels.size() * sizeof(Panel) + entries.size() * 4);
  if (!panels.empty()) std::memcpy(bytes.data(), panels.data(), panels.size() * sizeof(Panel));
  if (!entries.empty()) std::memcpy(bytes.data() + panels.size() * sizeof(Panel), entries.data(), entries.size() * 4);
  return bytes;
}

Status Schedule::verify(const KernelPlan& plan, const Layout& layout) const {
  const auto fail = [](std::string what) { return Status(ErrorCode::kInternal, "schedule: " + what); };
  const Geometry g = geometry(plan);
  const bool update = plan.problem.op == Op::kUpdate;
  const int pair = update ? 1 : blocks_per_slice(g, plan.tile);
  if (record_words != plan::record_words(plan)) return fail(fmt::format("records of {} words, the plan says {}", record_words, plan::record_words(plan)));
  if (static_cast<std::int64_t>(panels.size()) != plan.num_panels)
    return fail(fmt::format("{} panels, the plan says {}", panels.size(), plan.num_panels));
  std::vector<std::uint8_t> visited(static_cast<std::size_t>(layout.num_blocks()), 0);
  const auto offsets = layout.row_offsets();
  const auto cols = layout.block_cols();
  for (const Panel& panel : panels) {
    std::int32_t before = -1;
    for (std::int32_t e = panel.first; e < panel.first + panel.count; ++e) {
      const std::int32_t* record = entries.data() + static_cast<std::size_t>(e) * record_words;
      if (record[0] <= before) return fail(fmt::format("entry {} is not ascending", e));
      before = record[0];
      for (int slot = 0; slot < plan.tile.panel * pair; ++slot) {
        const std::int32_t value = record[2 + slot];
        const bool expected = (static_cast<std::uint32_t>(record[1]) & (std::uint32_t{1} << slot)) != 0;
        if (value < 0 && expected) return fail(fmt::format("entry {}: slot {} is in the mask and has no value", e, slot));
        if (value < 0) continue;
        if (!expected) return fail(fmt::format("entry {}: slot {} has a value and is not in the mask", e, slot));
        const std::int64_t k = std::int64_t{record[0]} * pair + slot % pair, n = panel.out_block + slot / pair;
        const std::int64_t i = plan.problem.op == Op::kBprop ? n : k, j = plan.problem.op == Op::kBprop ? k : n;
        const std::int64_t row = panel.head * layout.grid_rows() + i;
        if (i >= layout.grid_rows() || value < offsets[row] || value >= offsets[row + 1] || cols[value] != j)
          return fail(fmt::format("entry {}: value {} is not block ({}, {}) of head {}", e, value, i, j, panel.head));
        if (visited[value]++) return fail(fmt::format("block ({}, {}) of head {} is visited twice", i, j, panel.head));
      }
    }
  }
  for (std::size_t v = 0; v < visited.size(); ++v)
    if (!visited[v]) return fail(fmt::format("value block {} is never visited", v));
  return {};
}

void Schedule::dump(std::ostream& out) const {
  for (std::size_t p = 0; p < panels.size(); ++p) {
    const Panel& panel = panels[p];
    out << fmt::format("cta {} head {} from output block {}:", p, panel.head, panel.out_block);
    for (std::int32_t e = panel.first; e < panel.first + panel.count; ++e) {
      const std::int32_t* record = entries.data() + static_cast<std::size_t>(e) * record_words;
      out << fmt::format(" {}[", record[0]);
      bool comma = false;
      for (int slot = 2; slot < record_words; ++slot) {
        if (record[slot] < 0) continue;
        out << (comma ? "," : "") << record[slot];
        comma = true;
      }
      out << "]";
    }
    out << "\n";
  }
}

}  // namespace bsgen::plan
