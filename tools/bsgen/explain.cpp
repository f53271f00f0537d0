// bsgen explain: every plan that was considered, what the cost model predicts for it, and why it
// lost.
#include <fmt/format.h>

#include <memory>

#include "tools/bsgen/cli.h"
#include "tools/bsgen/cpu_stages.h"
#include "tools/bsgen/plan_text.h"
#include "tools/bsgen/stages.h"
#include "tools/bsgen/text.h"

namespace bsgen::cli {
namespace {

struct ExplainArguments {
  PlanArguments plan;
  std::string device;
};

const plan::Candidate* chosen(const plan::KernelPlan& plan) {
  for (const plan::Candidate& candidate : plan.candidates)
    if (candidate.verdict == "chosen") return &candidate;
  return nullptr;
}

// What one order of arithmetic for all plans would cost: the same request planned with the option.
struct BatchInvariantPrice {
  bool already = false;
  bool same_arithmetic = false;
  double predicted_us = 0, predicted_ratio = 0;  // ratio 0: no prediction on one side
};

Expected<BatchInvariantPrice> price_batch_invariance(const PlanRequest& request,
                                                     const plan::KernelPlan& plan) {
  BatchInvariantPrice price;
  price.already = plan.options.batch_invariant;
  PlanRequest other = request;
  other.plan.reset();
  other.options.batch_invariant = true;
  BSGEN_ASSIGN(const Planned invariant, make_plan(other));
  price.same_arithmetic = invariant.plan.arithmetic == plan.arithmetic;
  const plan::Candidate* here = chosen(plan);
  const plan::Candidate* there = chosen(invariant.plan);
  if (there) price.predicted_us = there->predicted_us;
  if (here && there && here->predicted_us > 0)
    price.predicted_ratio = there->predicted_us / here->predicted_us;
  return price;
}

std::string price_text(const BatchInvariantPrice& price) {
  if (price.already) return "batch-invariant: on; every plan of this layout adds in this order";
  const std::string order = price.same_arithmetic ? "keeps this order" : "takes another order";
  if (price.predicted_ratio == 0)
    return fmt::format("--batch-invariant {}; no prediction of its price", order);
  if (price.same_arithmetic && price.predicted_ratio == 1)
    return "--batch-invariant costs nothing here: it keeps this order and this plan";
  return fmt::format("--batch-invariant {}; predicted {} us, {} times the chosen plan", order,
                     significant(price.predicted_us), significant(price.predicted_ratio));
}

std::string candidate_table(const plan::KernelPlan& plan) {
  using Align = TextTable::Align;
  TextTable table({{"", Align::kLeft},
                   {"tile", Align::kLeft},
                   {"warps", Align::kLeft},
                   {"slice", Align::kRight},
                   {"stages", Align::kRight},
                   {"tier", Align::kLeft},
                   {"shared", Align::kRight},
                   {"regs~", Align::kRight},
                   {"pred. us", Align::kRight},
                   {"bound", Align::kLeft},
                   {"compile ms~", Align::kRight},
                   {"verdict", Align::kLeft}});
  for (const plan::Candidate& c : plan.candidates)
    table.add({c.verdict == "chosen" ? "*" : "", tile_text(plan, c.tile),
               fmt::format("{}x{}", c.tile.warps_m, c.tile.warps_n),
               fmt::format("{}", c.tile.slice * c.tile.slices_per_stage),
               fmt::format("{}", c.tile.num_stages), std::string(name(c.tier)),
               fmt::format("{}", c.shared_bytes), fmt::format("{}", c.estimated_registers),
               significant(c.predicted_us), c.bound, significant(c.compile_ms), c.verdict});
  return table.str();
}

std::string explain_text(const PlanRequest& request, const Planned& planned,
                         const BatchInvariantPrice& price) {
  const plan::KernelPlan& plan = planned.plan;
  std::string text = bold(request_text(request)) + "\n\n" + bold("layout") + "\n" +
                     indent(stage_text(planned.profile)) + "\n" + bold("why this plan") + "\n";
  for (const std::string& reason : plan.reasons) text += "  " + reason + "\n";
  text += "\n" + bold("order of arithmetic") + "\n" + indent(arithmetic_text(plan)) + "  " +
          price_text(price) + "\n\n";
  if (plan.candidates.empty())
    return text + "the plan came from a file, which holds no candidates\n";
  return text +
         bold(count(static_cast<std::int64_t>(plan.candidates.size()), "candidate", "candidates")) +
         fmt::format(
             " (* chosen; times are predictions of the cost model for M = {}, not measurements; ~ "
             "is an estimate)\n",
             plan.options.plan_tokens) +
         candidate_table(plan);
}

Json explain_json(const PlanRequest& request, const Planned& planned,
                  const BatchInvariantPrice& price) {
  Json json = plan_json(request, planned.plan);
  json["plan_ms"] = planned.plan_ms;
  json["batch_invariant"] = {{"on", price.already}, {"same_arithmetic", price.same_arithmetic}};
  if (price.predicted_us > 0) json["batch_invariant"]["predicted_us"] = price.predicted_us;
  if (price.predicted_ratio > 0) json["batch_invariant"]["predicted_ratio"] = price.predicted_ratio;
  json["candidates"] = candidates_json(planned.plan);
  return json;
}

Expected<int> explain(const ExplainArguments& arguments) {
  BSGEN_ASSIGN(const PlanRequest request, resolve(arguments.plan));
  if (!arguments.device.empty()) {
    if (arguments.plan.json)
      return Status(ErrorCode::kInvalidArgument,
                    "explain: --device has no JSON; compile --device cpu --emit plan writes the plan");
    BSGEN_ASSIGN(const std::string text, explain_cpu(request, arguments.device));
    BSGEN_TRY(print(text));
    return 0;
  }
  BSGEN_ASSIGN(const Planned planned, make_plan(request));
  BSGEN_ASSIGN(const BatchInvariantPrice price, price_batch_invariance(request, planned.plan));
  BSGEN_TRY(arguments.plan.json ? print_json(explain_json(request, planned, price))
                                : print(explain_text(request, planned, price)));
  return 0;
}

}  // namespace

void add_explain(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand(
      "explain", "every candidate plan, its predicted cost and bound, and why it lost");
  auto arguments = std::make_shared<ExplainArguments>();
  add_plan_arguments(*verb, arguments->plan);
  verb->add_option("--device", arguments->device,
                   "cpu, cpu:avx512, cpu:avx2 or cpu:portable: the plan for this processor instead of a GPU")
      ->type_name("DEVICE")
      ->group("Plan");
  verb->footer(
      "\nExample: what would a band of width 3 get on an H100, and what did the alternatives "
      "lack?\n"
      "  bsgen explain banded:64x64:width=3 --arch sm_90a --block 32\n\n"
      "Needs no GPU and no NVRTC. Times in the table are predictions, never measurements.");
  verb->callback([arguments, &action] { action = [arguments] { return explain(*arguments); }; });
}

}  // namespace bsgen::cli
