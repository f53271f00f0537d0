#include "runtime/cache/prepare.h"

#include <chrono>

#include "compiler/codegen/generate.h"
#include "compiler/plan/choose.h"
#include "compiler/support/within_memory.h"
#include "runtime/compile/compile_job.h"

namespace bsgen::runtime {
namespace {

using Clock = std::chrono::steady_clock;
double ms_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

}  // namespace

Expected<Prepared> prepare(const Layout& layout, plan::KernelPlan plan,
                           const CompileOptions& options, const std::string& cuda_dir) {
  const auto begin = Clock::now();
  plan::Schedule schedule = plan::make_schedule(plan, layout);
  const double plan_ms = ms_since(begin);
  const auto middle = Clock::now();
  BSGEN_ASSIGN(codegen::KernelSource source, codegen::generate(plan, schedule, layout, options));
  const double codegen_ms = ms_since(middle);
  BSGEN_ASSIGN(const nvrtc::ToolchainInfo info, nvrtc::identify_toolchain(cuda_dir));
  ToolchainIdentity toolchain = identity(info, plan.arch);
  KernelKey key = kernel_key(source, plan.arch, toolchain);
  return Prepared{std::move(plan),      std::move(schedule), std::move(source), cuda_dir,
                  std::move(toolchain), std::move(key),      plan_ms,           codegen_ms};
}

namespace {

Prepared of_bundle(const Layout& layout, BundledKernel kernel, Clock::time_point begin) {
  plan::Schedule schedule = plan::make_schedule(kernel.plan, layout);
  codegen::KernelSource source;
  source.entry = kernel.entry.image.entry;
  Prepared prepared{std::move(kernel.plan), std::move(schedule), std::move(source), {}, {}, KernelKey(std::move(kernel.entry.key))};
  prepared.bundled = std::make_shared<const KernelImage>(std::move(kernel.entry.image));
  prepared.plan_ms = ms_since(begin);
  return prepared;
}

}  // namespace

Expected<Prepared> prepare(const Layout& layout, const Problem& problem, const Arch& arch,
                           const CompileOptions& options, const std::string& cuda_dir,
                           BundleTier* bundle) {
  return within_memory("plan: not enough memory for the schedule of this mask; use larger blocks or fewer", [&]() -> Expected<Prepared> {
    const auto begin = Clock::now();
    BSGEN_TRY(problem.validate(layout, arch));
    if (bundle) {
      BSGEN_ASSIGN(std::optional<BundledKernel> found, bundle->find(layout, problem, options, arch, BundleFit::kRunsOn));
      if (found) return of_bundle(layout, *std::move(found), begin);
    }
    Status may_compile = bundle ? bundle->may_compile(layout, problem, options, arch) : Status();
    BSGEN_ASSIGN(plan::KernelPlan plan, plan::choose(layout, problem, arch, options));
    const double choose_ms = ms_since(begin);
    auto prepared = prepare(layout, std::move(plan), options, cuda_dir);
    if (!prepared && prepared.status().code() == ErrorCode::kMissing) BSGEN_TRY(may_compile);  // which says more than that NVRTC is missing
    if (!prepared) return prepared;
    prepared->plan_ms += choose_ms;
    prepared->may_compile = std::move(may_compile);
    return prepared;
  });
}

Expected<KernelImage> compile_image(const Prepared& prepared) {
  BSGEN_TRY(prepared.may_compile);
  return compile_here({prepared.source, prepared.plan.arch, prepared.cuda_dir, prepared.toolchain});
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
