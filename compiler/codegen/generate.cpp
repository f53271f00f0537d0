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

// One line of Params' enumeration.
std::string line(std::string_view what, std::string_view note = {}) {
  return fmt::format("    {},{}\n", what, note.empty() ? "" : fmt::format("  // {}", note));
}

// The members of Params that say what the plan chose. Enumerators, because NVRTC emits every static constexpr member as a global
// variable: 90 of them are 2 ms of a compile.
std::string parameters(const KernelPlan& plan) {
  const plan::Geometry g = plan::geometry(plan);
  const plan::Tile& t = plan.tile;
  const bool update = plan.problem.op == Op::kUpdate;
  const std::int64_t k_guard = plan::contraction_guard(plan), n_guard = plan::output_guard(plan);
  const int align = std::max(plan.problem.align, g.bytes), out_align = std::max(plan.problem.align, g.out_bytes);
  std::string text = fmt::format("  using Value = bsgen::dev::{};\n  using Out = bsgen::dev::{};\n", name(plan.problem.dtype), name(plan.problem.output()));
  text += fmt::format("  enum : bool {{ {} = {}, kTokensContiguous = {} }};\n", update ? "kAccumulate" : "kTransposed",
                      update ? plan.problem.accumulate : plan.problem.op == Op::kBprop, plan.problem.activations == Activations::kCol);
  text += "  enum : int {\n";
  text += line(fmt::format("kAlign = {}, kOutAlign = {}", align, out_align), "bytes, of pointers and leading dimensions");
  text += line(fmt::format("kBlockK = {}, kBlockN = {}, kPanel = {}", g.block_k, g.block_n, t.panel));
  if (update) text += line(fmt::format("kGather = {}", t.gather), "block rows per cta");
  else text += line(fmt::format("kTileM = {}", t.tokens), "tokens per cta");
  text += line(fmt::format("kWarpsM = {}, kWarpsN = {}, kNumThreads = {}", t.warps_m, t.warps_n, plan.num_threads));
  if (update) text += line(fmt::format("kSlice = {}", t.slice), "tokens per stage");
  else text += line(fmt::format("kSlice = {}, kSlicesPerStage = {}", t.slice, t.slices_per_stage));
  text += line(fmt::format("kNumStages = {}", t.num_stages));
  text += line(fmt::format("kSharedBytes = {}", plan.shared_bytes), fmt::format("of {}", plan.arch.max_shared_bytes()));
  text += line(fmt::format("kPromote = {}", plan.arithmetic.promote_every), plan.arithmetic.promote_every ? "elements per tensor-core sum" : "sums stay in the tensor core");
  text += line(fmt::format("kContraction = {}", k_guard), k_guard ? "features end inside the last block" : "whole blocks, no guard");
  text += line(fmt::format("kOutputs = {}", n_guard), n_guard ? "outputs end inside the last panel" : "whole panels, no guard");
  return text + "  };\n";
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
    cases += fmt::format("    case {}: return bsgen::dev::{}<Params<{}>>(args);\n", p, update ? "sdd" : "dds", p);
  return fmt::format("  switch (blockIdx.x) {{\n{}  }}\n", cases);
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
  if (size_bytes(plan.problem.dtype) == 4) roots.push_back(fmt::format("bsgen/tile/multiply_{}.cuh", name(plan.problem.dtype)));
  if (!e.identity()) roots.insert(roots.end(), {"bsgen/tile/epilogue.cuh", "bsgen/common/math.cuh"});
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
  if (!update) text += fmt::format("  using Epilogue = {};\n", e.identity() ? "void" : "::Epilogue");
  text += "};\n\n";
  text += fmt::format("extern \"C\" __global__ __launch_bounds__({})\nvoid {}(const __grid_constant__ bsgen::dev::Arguments<{}> args) {{\n", plan.num_threads,
                      source.entry, e.parameters().size());
  text += unrolled ? unrolled_body(plan, schedule) : fmt::format("  bsgen::dev::{}<Params>(args);\n", update ? "sdd" : "dds");
  text += "}\n";
  BSGEN_TRY(source.verify());
  return source;
}

}  // namespace bsgen::codegen
