#include "runtime/cache/prepare.h"

#include <fmt/format.h>

#include <chrono>

#include "compiler/codegen/generate.h"
#include "compiler/plan/choose.h"

namespace bsgen::runtime {
namespace {

using Clock = std::chrono::steady_clock;
double ms_since(Clock::time_point begin) { return std::chrono::duration<double, std::milli>(Clock::now() - begin).count(); }

}  // namespace

Expected<Prepared> prepare(const Layout& layout, plan::KernelPlan plan, const CompileOptions& options,
                           const nvrtc::Toolchain& toolchain) {
  const auto begin = Clock::now();
  plan::Schedule schedule = plan::make_schedule(plan, layout);
  const double plan_ms = ms_since(begin);
  const auto middle = Clock::now();
  BSGEN_ASSIGN(codegen::KernelSource source, codegen::generate(plan, schedule, layout, options));
  const double codegen_ms = ms_since(middle);
  KernelKey key = kernel_key(source, plan.arch, identity(toolchain, plan.arch));
  return Prepared{std::move(plan), std::move(schedule), std::move(source), std::move(key), plan_ms, codegen_ms};
}

Expected<Prepared> prepare(const Layout& layout, const Problem& problem, const Arch& arch, const CompileOptions& options,
                           const nvrtc::Toolchain& toolchain) {
  const auto begin = Clock::now();
  BSGEN_TRY(problem.validate(layout, arch));
  BSGEN_ASSIGN(plan::KernelPlan plan, plan::choose(layout, problem, arch, options));
  const double choose_ms = ms_since(begin);
  BSGEN_ASSIGN(Prepared prepared, prepare(layout, std::move(plan), options, toolchain));
  prepared.plan_ms += choose_ms;
  return prepared;
}

Record about(const plan::KernelPlan& plan) {
  Record record;
  record.add("op", name(plan.problem.op));
  record.add("dtype", name(plan.problem.dtype));
  record.add("tier", name(plan.tier));
  record.add("block", to_string(plan.block));
  record.add(plan.tier == Tier::kTable ? "layout class" : "layout", plan.code_hash().hex());
  return record;
}

}  // namespace bsgen::runtime
