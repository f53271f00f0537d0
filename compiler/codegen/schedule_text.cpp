#include <fmt/format.h>

#include "compiler/codegen/parts.h"
#include "compiler/plan/geometry.h"

namespace bsgen::codegen {

namespace {

// dds asks with (panel, e); sdd, which asks once per cta, passes its arguments along for the table's sake.
std::string signature(const plan::KernelPlan& plan, std::string_view type, std::string_view name, std::string_view more) {
  const bool update = plan.problem.op == Op::kUpdate;
  return fmt::format("{}  static __device__ __forceinline__ {} {}({}const bsgen::dev::Panel& panel, int e{})", update ? "  template <class A>\n" : "",
                     type, name, update ? "const A&, " : "", more);
}

std::string row(const std::int32_t* words, int count) {
  std::string text = "{";
  for (int w = 0; w < count; ++w) text += fmt::format("{}{}", w ? ", " : "", words[w]);
  return text + "}";
}

}  // namespace

std::string constant_schedule(const plan::KernelPlan& plan, const plan::Schedule& schedule) {
  const int words = schedule.record_words;
  std::string panels, entries;
  for (const plan::Panel& p : schedule.panels) panels += fmt::format("  {{{}, {}, {}, {}}},\n", p.head, p.out_block, p.first, p.count);
  const std::size_t count = words ? schedule.entries.size() / words : 0;
  for (std::size_t e = 0; e < count; ++e) entries += "  " + row(schedule.entries.data() + e * words, words) + ",\n";
  if (panels.empty()) panels = "  {0, 0, 0, 0},\n";
  if (entries.empty()) entries = "  {0},\n";
  return fmt::format(
      "// head, first output block, first entry, entries\n"
      "__constant__ int kPanels[{}][4] = {{\n{}}};\n"
      "// contraction block, presence bits, value block per output block (-1: absent)\n"
      "__constant__ int kEntries[{}][{}] = {{\n{}}};\n\n"
      "struct Schedule {{\n"
      "  enum : bool {{ kInMemory = false }};\n"
      "  enum : int {{ kUnroll = 1 }};\n"
      "  static __device__ __forceinline__ bsgen::dev::Panel panel(bsgen::dev::u64, int index) {{\n"
      "    return {{kPanels[index][0], kPanels[index][1], kPanels[index][2], kPanels[index][3]}};\n"
      "  }}\n"
      "{} {{ return kEntries[panel.first + e][0]; }}\n"
      "{} {{ return kEntries[panel.first + e][1]; }}\n"
      "{} {{ return kEntries[panel.first + e][2 + slot]; }}\n"
      "}};\n",
      std::max<std::size_t>(1, schedule.panels.size()), panels, std::max<std::size_t>(1, count), words, entries,
      signature(plan, "int", "group", ""), signature(plan, "bsgen::dev::u32", "mask", ""), signature(plan, "int", "value", ", int slot"));
}

std::string unrolled_schedule(const plan::KernelPlan& plan, const plan::Schedule& schedule) {
  const int words = schedule.record_words;
  const plan::Geometry g = plan::geometry(plan);
  const bool update = plan.problem.op == Op::kUpdate;
  const int slots = plan.tile.panel * (update ? 1 : plan::blocks_per_slice(g, plan.tile));
  std::string text = "template <int kIndex> struct Schedule;\n";
  for (std::size_t p = 0; p < schedule.panels.size(); ++p) {
    const plan::Panel& panel = schedule.panels[p];
    std::string groups, masks, values;
    for (std::int32_t e = 0; e < panel.count; ++e) {
      const std::int32_t* record = schedule.entries.data() + static_cast<std::size_t>(panel.first + e) * words;
      groups += fmt::format("e == {} ? {} : ", e, record[0]);
      masks += fmt::format("e == {} ? 0x{:x}u : ", e, static_cast<std::uint32_t>(record[1]));
      for (int s = 0; s < slots; ++s)
        if (record[2 + s] >= 0) values += fmt::format("e == {} && slot == {} ? {} : ", e, s, record[2 + s]);
    }
    const int stages = update ? 1 : std::max(1, panel.count * plan::slices_per_block(g, plan.tile));
    text += fmt::format(
        "template <> struct Schedule<{}> {{\n"
        "  enum : bool {{ kInMemory = false }};\n"
        "  enum : int {{ kUnroll = {} }};\n"
        "  static __device__ __forceinline__ constexpr bsgen::dev::Panel panel(bsgen::dev::u64, int) {{ return {{{}, {}, 0, {}}}; }}\n"
        "{} {{ return {}0; }}\n"
        "{} {{ return {}0u; }}\n"
        "{} {{ return {}-1; }}\n"
        "}};\n",
        p, stages, panel.head, panel.out_block, panel.count, signature(plan, "int", "group", ""), groups,
        signature(plan, "bsgen::dev::u32", "mask", ""), masks, signature(plan, "int", "value", ", int slot"), values);
  }
  return text;
}

std::string mask_picture(const Layout& layout) {
  if (layout.grid_rows() > 32 || layout.grid_cols() > 96 || layout.heads() > 1) return {};
  std::string text;
  for (std::int64_t i = 0; i < layout.grid_rows(); ++i) {
    text += "//   ";
    for (std::int64_t j = 0; j < layout.grid_cols(); ++j) text += layout.present(0, i, j) ? '#' : '.';
    text += "\n";
  }
  return text;
}

}  // namespace bsgen::codegen
