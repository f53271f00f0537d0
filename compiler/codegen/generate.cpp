#include "compiler/codegen/generate.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/analysis/structure.h"
#include "compiler/codegen/parts.h"
#include "compiler/codegen/templates.h"
#include "compiler/epilogue/epilogue.h"
#include "compiler/plan/geometry.h"

namespace bsgen::codegen {

namespace {

using plan::KernelPlan;

std::string field(std::string_view type, std::string_view name, std::int64_t value, std::string_view note = {}) {
  return fmt::format("  static constexpr {} {} = {};{}\n", type, name, value, note.empty() ? "" : fmt::format("  // {}", note));
}
std::string flag(std::string_view name, bool value) { return fmt::format("  static constexpr bool {} = {};\n", name, value); }

// The members of Params that say what the plan chose.
std::string parameters(const KernelPlan& plan) {
  const plan::Geometry g = plan::geometry(plan);
  const plan::Tile& t = plan.tile;
  const bool update = plan.problem.op == Op::kUpdate;
  const std::int64_t k_guard = plan::contraction_guard(plan), n_guard = plan::output_guard(plan);
  std::string text;
  text += fmt::format("  using Value = bsgen::dev::{};\n  using Out = bsgen::dev::{};\n", name(plan.problem.dtype), name(plan.problem.output()));
  if (update) text += flag("kAccumulate", plan.problem.accumulate);
  else text += flag("kTransposed", plan.problem.op == Op::kBprop);
  text += flag("kTokensContiguous", plan.problem.activations == Activations::kCol);
  const int align = std::max(plan.problem.align, g.bytes), out_align = std::max(plan.problem.align, g.out_bytes);
  text += fmt::format("  static constexpr int kAlign = {}, kOutAlign = {};  // bytes, of pointers and leading dimensions\n", align, out_align);
  text += fmt::format("  static constexpr int kBlockK = {}, kBlockN = {}, kPanel = {};\n", g.block_k, g.block_n, t.panel);
  if (update) text += field("int", "kGather", t.gather, "block rows per cta");
  else text += field("int", "kTileM", t.tokens, "tokens per cta");
  text += fmt::format("  static constexpr int kWarpsM = {}, kWarpsN = {}, kNumThreads = {};\n", t.warps_m, t.warps_n, plan.num_threads);
  if (update) text += field("int", "kSlice", t.slice, "tokens per stage");
  else text += fmt::format("  static constexpr int kSlice = {}, kSlicesPerStage = {};\n", t.slice, t.slices_per_stage);
  text += field("int", "kNumStages", t.num_stages);
  text += field("int", "kSharedBytes", plan.shared_bytes, fmt::format("of {}", plan.arch.max_shared_bytes()));
  text += field("int", "kPromote", plan.arithmetic.promote_every, plan.arithmetic.promote_every ? "elements per tensor-core sum" : "sums stay in the tensor core");
  text += field("int", "kContraction", k_guard, k_guard ? "features end inside the last block" : "whole blocks, no guard");
  text += field("int", "kOutputs", n_guard, n_guard ? "outputs end inside the last panel" : "whole panels, no guard");
  return text;
}

std::string schedule_text(const KernelPlan& plan, const plan::Schedule& schedule, const Layout& layout) {
  switch (plan.tier) {
    case Tier::kStructural: return structural_schedule(plan, analysis::recognise(layout));
    case Tier::kUnrolled: return unrolled_schedule(plan, schedule);
    case Tier::kConstant: return constant_schedule(plan, schedule);
    default:
      return fmt::format("// {}; which blocks exist stands in the table bound to the kernel\nusing Schedule = bsgen::dev::TableSchedule<{}>;\n",
                         plan.layout_class, schedule.record_words);
  }
}

// One case per panel: what a cta does is known when it is compiled.
std::string unrolled_body(const KernelPlan& plan, const plan::Schedule& schedule) {
  const bool update = plan.problem.op == Op::kUpdate;
  std::string cases;
  for (std::size_t p = 0; p < schedule.panels.size(); ++p)
    cases += fmt::format("    case {0}: return bsgen::dev::{1}<Params<{0}>>(args, Schedule<{0}>::panel(0, 0){2});\n", p, update ? "sdd_panel" : "dds_panel",
                         update ? "" : ", token_tile");
  if (update) return fmt::format("  switch (blockIdx.x) {{\n{}  }}\n", cases);
  return fmt::format("  const int token_tile = static_cast<int>(blockIdx.x) / {0};\n  switch (blockIdx.x % {0}) {{\n{1}  }}\n",
                     std::max<std::size_t>(1, schedule.panels.size()), cases);
}

}  // namespace

Expected<KernelSource> generate(const KernelPlan& plan, const plan::Schedule& schedule, const Layout& layout, const CompileOptions& options) {
  const bool update = plan.problem.op == Op::kUpdate;
  const bool unrolled = plan.tier == Tier::kUnrolled;
  BSGEN_ASSIGN(const epilogue::Epilogue e, epilogue::parse(plan.problem.epilogue));
  const bool fast = size_bytes(plan.problem.output()) == 2 && size_bytes(plan.problem.dtype) == 2;

  KernelSource source;
  source.entry = plan.entry();
  source.name = source.entry + ".cu";
  std::vector<std::string> roots = {update ? "bsgen/kernels/sdd.cuh" : "bsgen/kernels/dds.cuh"};
  if (!update) roots.push_back("bsgen/tile/epilogue.cuh");
  if (!e.identity()) roots.push_back("bsgen/common/math.cuh");
  BSGEN_ASSIGN(source.headers, template_headers(roots, options.template_dir));

  std::string& text = source.cuda;
  text = fmt::format("// bsgen {} | {}, tier {} | {} {} | {}\n", BSGEN_VERSION, name(plan.problem.op), name(plan.tier),
                     plan.tier == Tier::kTable ? "class" : "layout", plan.code_hash().short_hex(), plan.arch.name());
  if (plan.tier != Tier::kTable)
    text += fmt::format("// {} x {} in blocks of {}, {} of them{}\n", plan.rows, plan.cols, to_string(plan.block), plan.num_blocks,
                        plan.heads > 1 ? fmt::format(" in {} heads", plan.heads) : "") + mask_picture(layout);
  for (const std::string& root : roots) text += fmt::format("#include <{}>\n", root);
  text += fmt::format("\n{}\n", schedule_text(plan, schedule, layout));
  const std::string epilogue_text = epilogue_struct(e, fast);
  if (!epilogue_text.empty()) text += epilogue_text + "\n";
  text += fmt::format("{}struct Params {{\n{}", unrolled ? "template <int kIndex>\n" : "", parameters(plan));
  text += unrolled ? "  using Schedule = ::Schedule<kIndex>;\n" : "  using Schedule = ::Schedule;\n";
  if (!update) text += fmt::format("  using Epilogue = {};\n", e.identity() ? "bsgen::dev::NoEpilogue" : "::Epilogue");
  text += "};\n\n";
  text += fmt::format("extern \"C\" __global__ __launch_bounds__({})\nvoid {}(const __grid_constant__ bsgen::dev::Arguments<{}> args) {{\n", plan.num_threads,
                      source.entry, e.parameters().size());
  text += unrolled ? unrolled_body(plan, schedule) : fmt::format("  bsgen::dev::{}<Params>(args);\n", update ? "sdd" : "dds");
  text += "}\n";
  BSGEN_TRY(source.verify());
  return source;
}

}  // namespace bsgen::codegen
