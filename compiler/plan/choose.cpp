#include "compiler/plan/choose.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>

#include "compiler/plan/candidates.h"
#include "compiler/plan/cost.h"
#include "compiler/plan/geometry.h"
#include "compiler/plan/resources.h"
#include "compiler/plan/schedule.h"
#include "compiler/plan/structural.h"

namespace bsgen::plan {

namespace {

using analysis::LayoutProfile;

// Sums longer than this lose more to the tensor core's truncation than fp32 outputs may (DESIGN: the judge's relative error).
constexpr int kPromoteElements = 128;
constexpr std::int64_t kConstantBytes = 65536;        // CUDA programming guide: constant memory of a module
constexpr std::int64_t kAutoConstantWords = 4096;     // beyond, a table costs less than the compile and misses fewer lines
constexpr std::int64_t kMaxUnrolledEntries = 64;      // straight-line steps; more overflow the instruction cache and the budget
constexpr std::int64_t kAutoUnrolledEntries = 8;

Arithmetic arithmetic(const Problem& problem, const Arch& arch) {
  Arithmetic a;
  const bool promote = problem.output() == DType::kFp32;
  switch (problem.dtype) {
    case DType::kFp32: a = {"fma.rn.f32", 1, 0}; break;
    case DType::kTf32: a = {"mma.m16n8k8.tf32", 8, promote ? kPromoteElements : 0}; break;
    case DType::kFp16:
    case DType::kBf16:
      a = {fmt::format("mma.m16n8k{}.{}", arch.has_cp_async() ? 16 : 8, name(problem.dtype)), 16, promote ? kPromoteElements : 0};
      break;
  }
  return a;
}

// Loads of an activation slice per panel width, by profile; pairs of 8-wide blocks merge as a random mask's would.
Reuse reuse(const KernelPlan& plan, const LayoutProfile& profile) {
  const Geometry g = geometry(plan);
  const auto width = std::find(analysis::kPanelWidths.begin(), analysis::kPanelWidths.end(), plan.tile.panel);
  const std::size_t w = static_cast<std::size_t>(width - analysis::kPanelWidths.begin());
  Reuse r;
  r.blocks = profile.num_blocks;
  r.unions = plan.problem.op == Op::kBprop ? profile.bprop_unions[w] : profile.fprop_unions[w];
  const std::int64_t panels = (g.grid_n + plan.tile.panel - 1) / plan.tile.panel * plan.heads;
  if (plan.problem.op == Op::kUpdate) {
    r.panels = (r.unions + plan.tile.gather - 1) / plan.tile.gather;
    return r;
  }
  r.panels = panels;
  if (blocks_per_slice(g, plan.tile) == 2 && panels > 0 && g.grid_k > 0) {
    const double p = static_cast<double>(r.unions) / (static_cast<double>(g.grid_k) * static_cast<double>(panels));
    r.unions = static_cast<std::int64_t>(std::llround((1 - (1 - p) * (1 - p)) * static_cast<double>((g.grid_k + 1) / 2 * panels)));
  }
  return r;
}

// Exact numbers that a tier depends on: records, and the panels of update.
struct ScheduleSize {
  std::int64_t entries = 0, panels = 0;
};
ScheduleSize schedule_size(const KernelPlan& plan, const Layout& layout, const Reuse& reuse) {
  // A schedule far past what constant memory and unrolled code hold is not built only to be counted.
  const bool exact = plan.tier == Tier::kConstant || plan.tier == Tier::kUnrolled;
  if (exact && reuse.unions / 2 * record_words(plan) * 4 > kConstantBytes) return {reuse.unions, reuse.panels};
  const Schedule s = make_schedule(plan, layout);
  return {s.record_words ? static_cast<std::int64_t>(s.entries.size()) / s.record_words : 0, static_cast<std::int64_t>(s.panels.size())};
}

std::string tile_text(const KernelPlan& plan) {
  const Geometry g = geometry(plan);
  const Tile& t = plan.tile;
  const int rows = plan.problem.op == Op::kUpdate ? t.gather * g.block_k : t.tokens;
  return fmt::format("{} x {}, {} stages of {}", rows, t.panel * g.block_n, t.num_stages, t.slice * t.slices_per_stage);
}

// Why a tier cannot express the layout with this tile; empty where it can.
std::string tier_refusal(const KernelPlan& plan, const LayoutProfile& profile, const ScheduleSize& size) {
  const Geometry g = geometry(plan);
  switch (plan.tier) {
    case Tier::kStructural: {
      const int pair = plan.problem.op == Op::kUpdate ? 1 : blocks_per_slice(g, plan.tile);
      const auto s = oriented(profile.structure, plan.problem.op);
      if (s.kind == analysis::StructureKind::kNone) return "the mask has no closed form that bsgen recognises";
      if (walk_form(s, 1, pair) == WalkForm::kNone) return fmt::format("{} has no closed form for these blocks", profile.structure.describe());
      if (walk_form(s, plan.tile.panel, pair) == WalkForm::kNone) return fmt::format("a panel of {} has no closed form", plan.tile.panel);
      return {};
    }
    case Tier::kConstant: {
      const std::int64_t bytes = size.entries * record_words(plan) * 4 + size.panels * 16;
      if (bytes > kConstantBytes) return fmt::format("the schedule takes {} bytes, constant memory holds {}", bytes, kConstantBytes);
      return {};
    }
    case Tier::kUnrolled: {
      const std::int64_t steps = size.entries * (plan.problem.op == Op::kUpdate ? 1 : slices_per_block(g, plan.tile));
      if (steps > kMaxUnrolledEntries || size.panels > kMaxUnrolledEntries)
        return fmt::format("{} steps in {} panels, unrolled code holds {}", steps, size.panels, kMaxUnrolledEntries);
      return {};
    }
    default: return {};
  }
}

// What the code knows of the layout in tier table: what it is generated from and nothing else.
std::string layout_class(const KernelPlan& plan) {
  const std::int64_t k = contraction_guard(plan), n = output_guard(plan);
  return fmt::format("blocks {}, {}, {}", to_string(plan.block), k ? fmt::format("contraction ends at {}", k) : "whole contraction",
                     n ? fmt::format("outputs end at {}", n) : "whole outputs");
}

Candidate candidate(const KernelPlan& plan, const Cost& cost, double compile_ms) {
  return {plan.tile, plan.tier, cost.us, cost.bound, plan.shared_bytes, estimated_registers(plan), compile_ms, {}};
}

std::string why_slower(const Cost& cost, const Cost& best) {
  if (cost.us > best.us) return fmt::format("predicted {:.1f} % slower ({})", (cost.us / best.us - 1) * 100, cost.bound);
  if (cost.shared_cycles > best.shared_cycles)
    return fmt::format("predicted as fast, {:.0f} % more traffic in shared memory", (cost.shared_cycles / best.shared_cycles - 1) * 100);
  return "predicted as fast, considered later";
}

struct Scored {
  KernelPlan plan;
  Cost cost;
  std::size_t order;  // among equals in time and in shared memory the first considered wins
};

// Tiles with the tier's shared memory, best first.
std::vector<Scored> score(const KernelPlan& base, const LayoutProfile& profile) {
  std::vector<Scored> scored;
  for (KernelPlan& plan : tile_candidates(base)) {
    const Cost cost = predict(plan, reuse(plan, profile));
    if (cost.ctas_per_sm > 0) scored.push_back({std::move(plan), cost, scored.size()});
  }
  std::sort(scored.begin(), scored.end(), [](const Scored& a, const Scored& b) {
    return std::tie(a.cost.us, a.cost.shared_cycles, a.order) < std::tie(b.cost.us, b.cost.shared_cycles, b.order);
  });
  return scored;
}

}  // namespace

Expected<KernelPlan> choose(const Layout& layout, const LayoutProfile& profile, const Problem& problem, const Arch& arch,
                            const CompileOptions& options) {
  BSGEN_TRY(problem.validate(layout, arch));
  if (options.plan_tokens < 1)
    return Status(ErrorCode::kInvalidArgument, fmt::format("plan: plan_tokens {} is less than 1; it only guides the choice, any M runs", options.plan_tokens));

  KernelPlan base = unchosen(layout, problem);
  base.arch = arch;
  base.options = options;
  base.options.template_dir.clear();  // where templates come from is no choice of the plan's
  base.arithmetic = arithmetic(problem, arch);

  // Each tier with its own best tile; the tile of a closed form may have to be narrower.
  std::vector<Candidate> candidates;
  std::optional<Scored> chosen;
  std::string refusal, why;
  const Tier tiers[] = {Tier::kStructural, Tier::kUnrolled, Tier::kConstant, Tier::kTable};
  for (Tier tier : tiers) {
    if (options.tier != Tier::kAuto && options.tier != tier) continue;
    base.tier = tier;
    const std::vector<Scored> scored = score(base, profile);
    std::optional<std::size_t> best;
    ScheduleSize size;
    std::string tier_problem;
    for (std::size_t i = 0; i < scored.size(); ++i) {
      // Closed forms differ by panel width; the other tiers' limits hardly do, so only the best few tiles are tried.
      if (tier != Tier::kStructural && i > 4) break;
      size = tier == Tier::kTable || tier == Tier::kStructural ? ScheduleSize{} : schedule_size(scored[i].plan, layout, reuse(scored[i].plan, profile));
      const std::string problem_here = tier_refusal(scored[i].plan, profile, size);
      if (problem_here.empty()) {
        best = i;
        break;
      }
      if (tier_problem.empty()) tier_problem = problem_here;
    }
    if (!best) {
      if (scored.empty()) tier_problem = fmt::format("no tile fits {} bytes of shared memory and 255 registers", arch.max_shared_bytes());
      refusal = fmt::format("tier {}: {}", name(tier), tier_problem);
      Candidate lost;
      lost.tier = tier;
      if (!scored.empty()) lost = candidate(scored[0].plan, scored[0].cost, 0);
      lost.verdict = tier_problem;
      candidates.push_back(std::move(lost));
      continue;
    }
    const Scored& winner = scored[*best];
    const std::int64_t words = size.entries * record_words(winner.plan) + size.panels * 4;
    const double compile_ms = predict_compile_ms(winner.plan, words, size.entries);
    Candidate entry = candidate(winner.plan, winner.cost, compile_ms);
    std::string lost;
    if (options.tier == Tier::kAuto) {
      if (compile_ms > options.compile_budget_ms)
        lost = fmt::format("compiling would take {:.0f} ms of a budget of {:.0f} ms", compile_ms, options.compile_budget_ms);
      else if (tier == Tier::kUnrolled && size.entries > kAutoUnrolledEntries)
        lost = fmt::format("{} steps are more code than {} that pay", size.entries, kAutoUnrolledEntries);
      else if (tier == Tier::kConstant && words > kAutoConstantWords)
        lost = fmt::format("{} words of constant memory; beyond {} a table serves as well and needs no compile of its own", words, kAutoConstantWords);
      else if (chosen)
        lost = fmt::format("tier {} says the same with less to read", name(chosen->plan.tier));
    }
    if (lost.empty()) {
      chosen = winner;
      why = options.tier != Tier::kAuto ? "the caller asked for it"
            : tier == Tier::kStructural ? fmt::format("the mask is a closed form: {}", profile.structure.describe())
            : tier == Tier::kUnrolled   ? fmt::format("{} steps fit into straight-line code", size.entries)
            : tier == Tier::kConstant   ? fmt::format("{} words fit into constant memory", words)
                                        : "the schedule is data: layouts of this class share the kernel";
      entry.verdict = "chosen";
    } else {
      entry.verdict = lost;
    }
    candidates.push_back(std::move(entry));
    if (lost.empty()) {
      // The tiles that lost within the chosen tier.
      for (std::size_t i = 0; i < scored.size() && i < 16; ++i) {
        if (i == *best) continue;
        Candidate tile = candidate(scored[i].plan, scored[i].cost, predict_compile_ms(scored[i].plan, words, size.entries));
        tile.verdict = i < *best ? tier_refusal(scored[i].plan, profile, size) : why_slower(scored[i].cost, winner.cost);
        candidates.push_back(std::move(tile));
      }
    }
  }
  if (!chosen) return Status(ErrorCode::kUnsupported, fmt::format("plan: {}; try --tier auto", refusal));

  KernelPlan plan = chosen->plan;
  const Geometry g = geometry(plan);
  if (plan.problem.op == Op::kUpdate)
    plan.num_panels = schedule_size(plan, layout, reuse(plan, profile)).panels;
  else
    plan.num_panels = (g.grid_n + plan.tile.panel - 1) / plan.tile.panel * plan.heads;
  if (plan.num_panels > 2147483647 || reuse(plan, profile).unions * record_words(plan) > 2147483647)
    return Status(ErrorCode::kUnsupported, fmt::format("plan: a schedule of {} entries is past 2^31 words; use larger blocks or fewer heads",
                                                       reuse(plan, profile).unions));
  if (plan.tier == Tier::kStructural) plan.structure = profile.structure.describe();
  if (plan.tier == Tier::kTable) plan.layout_class = layout_class(plan);
  plan.reasons = {
      fmt::format("arithmetic: {}, ascending contraction{}", plan.arithmetic.instruction,
                  plan.arithmetic.promote_every ? fmt::format(", joined to an fp32 sum every {} elements", plan.arithmetic.promote_every) : ""),
      fmt::format("tile {}: predicted {:.1f} us for {} tokens, bound by {}, {} ctas per SM", tile_text(plan), chosen->cost.us,
                  options.plan_tokens, chosen->cost.bound, chosen->cost.ctas_per_sm),
      fmt::format("tier {}: {}", name(plan.tier), why),
  };
  if (plan.problem.op != Op::kUpdate && plan.tile.panel > 1)
    plan.reasons.push_back(fmt::format("panel of {} output blocks: each activation slice serves {:.2f} blocks", plan.tile.panel,
                                       static_cast<double>(profile.num_blocks) / std::max<double>(1, static_cast<double>(reuse(plan, profile).unions))));
  if (options.batch_invariant) plan.reasons.push_back("batch-invariant: no plan splits a sum, so every plan of this layout gives these bits at no cost");
  if (options.assume_finite) plan.reasons.push_back("assume-finite: not used, no plan multiplies padding by the caller's data");
  plan.candidates = std::move(candidates);
  BSGEN_TRY(plan.verify());
  return plan;
}

Expected<KernelPlan> choose(const Layout& layout, const Problem& problem, const Arch& arch, const CompileOptions& options) {
  BSGEN_TRY(problem.validate(layout, arch));
  return choose(layout, analysis::profile(layout), problem, arch, options);
}

Status check_against(const KernelPlan& plan, const Layout& layout) {
  BSGEN_TRY(plan.verify());
  if (!(plan.layout_hash == layout.hash()))
    return Status(ErrorCode::kInvalidArgument, fmt::format("plan: made for layout {}, this is layout {}; plan again", plan.layout_hash.hex(), layout.hash().hex()));
  BSGEN_TRY(plan.problem.validate(layout, plan.arch));
  const analysis::LayoutProfile profile = analysis::profile(layout);
  const ScheduleSize size = schedule_size(plan, layout, reuse(plan, profile));
  if (size.panels != plan.num_panels)
    return Status(ErrorCode::kInvalidArgument, fmt::format("plan: num_panels {}, the layout makes {}; plan again", plan.num_panels, size.panels));
  if (const std::string refusal = tier_refusal(plan, profile, size); !refusal.empty())
    return Status(ErrorCode::kUnsupported, fmt::format("plan: tier {}: {}; use --tier auto", name(plan.tier), refusal));
  return {};
}

}  // namespace bsgen::plan
