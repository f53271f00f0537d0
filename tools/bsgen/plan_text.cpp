#include "tools/bsgen/plan_text.h"

#include <fmt/format.h>

namespace bsgen::cli {

std::string request_text(const PlanRequest& request, std::string_view target) {
  const Layout& layout = request.layout;
  const BlockShape block = layout.block();
  const std::int64_t all = layout.heads() * layout.grid_rows() * layout.grid_cols();
  return fmt::format("{} {} for {}: {} of {} of {} x {} present ({}), W is {}{} x {}",
                     name(request.problem.op), name(request.problem.dtype),
                     target.empty() ? request.arch.name() : std::string(target),
                     layout.num_blocks(), count(all, "block", "blocks"), block.rows, block.cols,
                     percent(layout.density()),
                     layout.heads() > 1 ? fmt::format("{} heads of ", layout.heads()) : "",
                     layout.rows(), layout.cols());
}

std::string tile_text(const plan::KernelPlan& plan, const plan::Tile& tile) {
  if (plan.problem.op == Op::kUpdate)
    return fmt::format("{} rows x {}", tile.gather, count(tile.panel, "column", "columns"));
  return fmt::format("{} tokens x {}", tile.tokens, count(tile.panel, "block", "blocks"));
}

std::string arithmetic_text(const plan::KernelPlan& plan) {
  const plan::Arithmetic& a = plan.arithmetic;
  std::string text =
      fmt::format("each step is one {} over {} contraction elements, in ascending order\n",
                  a.instruction, a.k_step);
  text += a.promote_every
              ? fmt::format(
                    "the tensor-core sum joins an fp32 sum after every {} contraction elements\n",
                    a.promote_every)
              : std::string("one fp32 sum from first to last, never split\n");
  return text +
         "tile, schedule and tier cannot change it: structural, unrolled, constant and table give "
         "the same bits\n";
}

Json tile_json(const plan::Tile& tile) {
  return {{"tokens", tile.tokens},
          {"gather", tile.gather},
          {"panel", tile.panel},
          {"warps_m", tile.warps_m},
          {"warps_n", tile.warps_n},
          {"slice", tile.slice},
          {"slices_per_stage", tile.slices_per_stage},
          {"num_stages", tile.num_stages}};
}

Json arithmetic_json(const plan::Arithmetic& arithmetic) {
  return {{"instruction", arithmetic.instruction},
          {"k_step", arithmetic.k_step},
          {"promote_every", arithmetic.promote_every}};
}

Json candidates_json(const plan::KernelPlan& plan) {
  Json list = Json::array();
  for (const plan::Candidate& c : plan.candidates)
    list.push_back({{"tile", tile_json(c.tile)},
                    {"tier", name(c.tier)},
                    {"predicted_us", c.predicted_us},
                    {"bound", c.bound},
                    {"shared_bytes", c.shared_bytes},
                    {"estimated_registers", c.estimated_registers},
                    {"compile_ms", c.compile_ms},
                    {"chosen", c.verdict == "chosen"},
                    {"verdict", c.verdict}});
  return list;
}

Json plan_json(const PlanRequest& request, const plan::KernelPlan& plan) {
  const Layout& layout = request.layout;
  const Problem& problem = request.problem;
  Json json = {{"schema", 1},
               {"op", name(problem.op)},
               {"dtype", name(problem.dtype)},
               {"out_dtype", name(problem.output())},
               {"activations", name(problem.activations)},
               {"align", problem.align},
               {"accumulate", problem.accumulate},
               {"epilogue", problem.epilogue},
               {"arch", plan.arch.name()},
               {"heads", layout.heads()},
               {"rows", layout.rows()},
               {"cols", layout.cols()},
               {"block", to_string(layout.block())},
               {"nonzero_blocks", layout.num_blocks()},
               {"density", layout.density()},
               {"layout_hash", layout.hash().hex()},
               {"plan_tokens", plan.options.plan_tokens}};
  json["tier"] = name(plan.tier);
  json["tile"] = tile_json(plan.tile);
  json["arithmetic"] = arithmetic_json(plan.arithmetic);
  json["structure"] = plan.structure;
  json["layout_class"] = plan.layout_class;
  json["threads"] = plan.num_threads;
  json["dynamic_shared_bytes"] = plan.shared_bytes;
  json["panels"] = plan.num_panels;
  json["entry"] = plan.entry();
  json["reasons"] = plan.reasons;
  return json;
}

std::string indent(const std::string& lines) {
  std::string text;
  for (std::size_t at = 0; at < lines.size();) {
    const std::size_t end = std::min(lines.find('\n', at), lines.size());
    text += fmt::format("  {}\n", lines.substr(at, end - at));
    at = end + 1;
  }
  return text;
}

}  // namespace bsgen::cli
