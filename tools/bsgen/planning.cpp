// The options of every verb that plans, and what they resolve to.
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "compiler/epilogue/epilogue.h"
#include "compiler/plan/choose.h"
#include "runtime/bundle/request.h"
#include "tools/bsgen/cli.h"

namespace bsgen::cli {
namespace {

constexpr std::size_t kLargestPlanBytes = std::size_t{16}
                                          << 20;  // a plan is some kilobytes of text

Status wrong(std::string message) {
  return Status(ErrorCode::kInvalidArgument, std::move(message));
}

Expected<std::string> read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return Status(ErrorCode::kIo,
                  fmt::format("plan: {} could not be read: {}", path, std::strerror(errno)));
  std::string text(kLargestPlanBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || (file.gcount() == 0 && !file.eof()))
    return Status(ErrorCode::kIo,
                  fmt::format("plan: {} could not be read: {}", path, std::strerror(errno)));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kLargestPlanBytes)
    return wrong(
        fmt::format("plan: {} is larger than {} bytes, which no plan is", path, kLargestPlanBytes));
  return text;
}

Expected<Problem> read_problem(const PlanArguments& a) {
  Problem problem;
  BSGEN_ASSIGN(problem.op, parse_op(a.op));
  BSGEN_ASSIGN(problem.dtype, parse_dtype(a.dtype));
  if (!a.out_dtype.empty()) {
    BSGEN_ASSIGN(problem.out_dtype, parse_dtype(a.out_dtype));
    if (problem.out_dtype == DType::kTf32)
      return wrong("out_dtype: outputs are fp32, fp16 or bf16; tf32 results are fp32 in memory");
  }
  BSGEN_ASSIGN(problem.activations, parse_activations(a.activations));
  problem.align = a.align;
  problem.accumulate = a.accumulate;
  problem.epilogue = a.epilogue;
  BSGEN_TRY(epilogue::parse(a.epilogue));
  return problem;
}

// The plan of a file decides everything; an option that was given and says something else is a
// contradiction.
Status agree(const PlanArguments& a, const plan::KernelPlan& plan) {
  const PlanArguments standard;
  const auto refuse = [&](std::string_view option, std::string_view given,
                          std::string_view planned) {
    return wrong(fmt::format("plan: {} was made for {} {}, not {}; leave {} out or plan anew",
                             a.plan_file, option, planned, given, option));
  };
  if (a.op != standard.op && a.op != name(plan.problem.op))
    return refuse("--op", a.op, name(plan.problem.op));
  if (a.dtype != standard.dtype && a.dtype != name(plan.problem.dtype))
    return refuse("--dtype", a.dtype, name(plan.problem.dtype));
  if (!a.out_dtype.empty() && a.out_dtype != name(plan.problem.output()))
    return refuse("--out-dtype", a.out_dtype, name(plan.problem.output()));
  if (a.activations != standard.activations && a.activations != name(plan.problem.activations))
    return refuse("--activations", a.activations, name(plan.problem.activations));
  if (a.align != standard.align && a.align != plan.problem.align)
    return refuse("--align", std::to_string(a.align), std::to_string(plan.problem.align));
  if (a.accumulate && !plan.problem.accumulate) return refuse("--accumulate", "on", "off");
  if (!a.arch.empty() && a.arch != plan.arch.name())
    return refuse("--arch", a.arch, plan.arch.name());
  if (a.tier != standard.tier && a.tier != name(plan.tier))
    return refuse("--tier", a.tier, name(plan.tier));
  if (a.plan_tokens != standard.plan_tokens && a.plan_tokens != plan.options.plan_tokens)
    return refuse("--plan-tokens", std::to_string(a.plan_tokens),
                  std::to_string(plan.options.plan_tokens));
  if (a.assume_finite && !plan.options.assume_finite) return refuse("--assume-finite", "on", "off");
  if (a.batch_invariant && !plan.options.batch_invariant)
    return refuse("--batch-invariant", "on", "off");
  if (!a.epilogue.empty()) {
    BSGEN_ASSIGN(const auto given, epilogue::parse(a.epilogue));
    BSGEN_ASSIGN(const auto planned, epilogue::parse(plan.problem.epilogue));
    if (given.text() != planned.text()) return refuse("--epilogue", given.text(), planned.text());
  }
  return {};
}

// A plan never holds the mask, so a plan for another mask would compile, run, and be wrong. Refused
// here.
Status fits(const std::string& file, const plan::KernelPlan& plan, const Layout& layout) {
  if (plan.layout_hash == layout.hash()) return {};
  const auto describe = [](const Hash128& hash, std::int64_t grid_rows, std::int64_t grid_cols,
                           BlockShape block, std::int64_t blocks) {
    return fmt::format("{} ({} of {} x {} blocks of {})", hash.short_hex(), blocks, grid_rows,
                       grid_cols, to_string(block));
  };
  return wrong(fmt::format(
      "plan: {} was made for layout {}, the mask is layout {}; plan anew", file,
      describe(plan.layout_hash, plan.grid_rows, plan.grid_cols, plan.block, plan.num_blocks),
      describe(layout.hash(), layout.grid_rows(), layout.grid_cols(), layout.block(),
               layout.num_blocks())));
}

}  // namespace

void add_request_arguments(CLI::App& verb, PlanArguments& a) {
  add_mask_arguments(verb, a.mask);
  const auto group = [](CLI::Option* option, const char* name) { option->group(name); };
  group(verb.add_option("--op", a.op,
                        "fprop (Y = X W), bprop (dX = dY W^T) or update (dW = X^T dY on the mask); "
                        "default fprop")
            ->type_name("OP"),
        "Problem");
  group(
      verb.add_option("--dtype", a.dtype, "of the operands: fp32, tf32, fp16 or bf16; default bf16")
          ->type_name("TYPE"),
      "Problem");
  group(verb.add_option("--out-dtype", a.out_dtype,
                        "of the output: fp32, fp16 or bf16; default the operands', fp32 for update")
            ->type_name("TYPE"),
        "Problem");
  group(verb.add_option("--activations", a.activations,
                        "row (features contiguous) or col (tokens contiguous); default row")
            ->type_name("ORDER"),
        "Problem");
  group(verb.add_option(
            "--align", a.align,
            "bytes that pointers and leading dimensions are multiples of: 16, 4 or 2; default 16"),
        "Problem");
  group(verb.add_flag("--accumulate", a.accumulate, "update adds to what dW holds"), "Problem");
  group(
      verb.add_option("--epilogue", a.epilogue,
                      "fprop: expression over acc, \"gelu(acc + bias[n]) * scale + residual[m,n]\"")
          ->type_name("EXPR"),
      "Problem");
  group(verb.add_option("--arch", a.arch,
                        "sm_NN with optional a or f; default the device's own, else sm_80")
            ->type_name("ARCH"),
        "Plan");
  group(verb.add_option("--tier", a.tier,
                        "how much of the mask stands in the code: auto, structural, unrolled, "
                        "constant or table; default auto")
            ->type_name("TIER"),
        "Plan");
  group(verb.add_option("--plan-tokens", a.plan_tokens,
                        "what the planner may assume about M; any M runs; default 4096"),
        "Plan");
  group(verb.add_option("--plan", a.plan_file,
                        "use this plan (compile --emit plan wrote it) instead of planning")
            ->type_name("FILE"),
        "Plan");
  group(verb.add_flag("--assume-finite", a.assume_finite,
                      "plans may multiply padding by the data: no Inf or NaN in it"),
        "Plan");
  group(verb.add_flag("--batch-invariant", a.batch_invariant,
                      "one order of arithmetic over all plans of the layout"),
        "Plan");
}

void add_plan_arguments(CLI::App& verb, PlanArguments& a) {
  add_request_arguments(verb, a);
  const auto group = [](CLI::Option* option, const char* name) { option->group(name); };
  group(verb.add_flag("--no-cache", a.no_cache, "neither read nor write the kernel cache"),
        "Cache");
  group(verb.add_option("--cache-dir", a.cache_dir,
                        "kernel cache; default BSGEN_CACHE_DIR, then $XDG_CACHE_HOME/bsgen, then "
                        "~/.cache/bsgen")
            ->type_name("DIR"),
        "Cache");
  group(
      verb.add_flag("--json", a.json, "print one JSON object on standard output and nothing else"),
      "Output");
}

std::string mask_words(const PlanArguments& a) {
  const MaskArguments& mask = a.mask;
  std::string text = runtime::quote_word(mask.mask);
  const auto add = [&text](std::string_view option, const std::string& value) { text += fmt::format(" {} {}", option, value); };
  if (!mask.block.empty()) add("--block", mask.block);
  if (!mask.size.empty()) add("--size", mask.size);
  if (mask.keep) add("--keep", fmt::format("{}", *mask.keep));
  if (mask.elements) text += " --elements";
  if (mask.seed) add("--seed", std::to_string(*mask.seed));
  if (!a.plan_file.empty()) add("--plan", runtime::quote_word(a.plan_file));
  return text;
}

Expected<PlanRequest> resolve(const PlanArguments& a, const Device* device) {
  // What costs nothing to check is checked before a large mask is read.
  BSGEN_ASSIGN(Problem problem, read_problem(a));
  CompileOptions options;
  BSGEN_ASSIGN(options.tier, parse_tier(a.tier));
  if (a.plan_tokens < 1 || a.plan_tokens > (std::int64_t{1} << 31))
    return wrong(
        fmt::format("plan_tokens: {} is not a number of tokens; 1 to 2^31", a.plan_tokens));
  options.plan_tokens = a.plan_tokens;
  options.assume_finite = a.assume_finite;
  options.batch_invariant = a.batch_invariant;
  options.template_dir = environment().template_dir;
  Arch arch = device ? device->info().arch : Arch{};
  if (!a.arch.empty()) {
    BSGEN_ASSIGN(arch, Arch::parse(a.arch));
  }

  std::optional<plan::KernelPlan> plan;
  if (!a.plan_file.empty()) {
    BSGEN_ASSIGN(const std::string text, read_text(a.plan_file));
    auto parsed = plan::KernelPlan::parse(text);
    if (!parsed) return parsed.status().with_context("reading " + a.plan_file);
    plan = *std::move(parsed);
    BSGEN_TRY(plan->verify().with_context("reading " + a.plan_file));
    BSGEN_TRY(agree(a, *plan));
  }

  BSGEN_ASSIGN(Layout layout, read_layout(a.mask));
  if (plan) {
    BSGEN_TRY(fits(a.plan_file, *plan, layout));
    BSGEN_TRY(plan::check_against(*plan, layout).with_context("reading " + a.plan_file));
    plan->options.template_dir = environment().template_dir;
    problem = plan->problem;
    options = plan->options;
    arch = plan->arch;
  }
  BSGEN_TRY(problem.validate(layout, arch));
  return PlanRequest{std::move(layout), std::move(problem), std::move(options), arch,
                     std::move(plan)};
}

}  // namespace bsgen::cli
