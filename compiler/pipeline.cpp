#include <chrono>

#include "bsgen/compiler.h"
#include "compiler/analysis/layout_profile.h"
#include "compiler/codegen/generate.h"
#include "compiler/nvrtc/compile.h"
#include "compiler/plan/choose.h"
#include "compiler/support/within_memory.h"

namespace bsgen {

namespace {

Expected<CompiledKernel> run_stages(const Layout& layout, const Problem& problem, const Arch& arch, const CompileOptions& options,
                                    const std::string& cuda_dir) {
  using Clock = std::chrono::steady_clock;
  const auto ms = [](Clock::duration d) { return std::chrono::duration<double, std::milli>(d).count(); };
  CompiledKernel compiled;
  const auto begin = Clock::now();
  BSGEN_TRY(problem.validate(layout, arch));
  const analysis::LayoutProfile profile = analysis::profile(layout);
  BSGEN_ASSIGN(compiled.plan, plan::choose(layout, profile, problem, arch, options));
  compiled.schedule = plan::make_schedule(compiled.plan, layout);
  const auto planned = Clock::now();
  BSGEN_ASSIGN(compiled.source, codegen::generate(compiled.plan, compiled.schedule, layout, options));
  const auto generated = Clock::now();
  BSGEN_ASSIGN(const nvrtc::Toolchain* toolchain, nvrtc::open_toolchain(cuda_dir));
  BSGEN_ASSIGN(compiled.image, nvrtc::compile(*toolchain, compiled.source, arch));
  compiled.plan_ms = ms(planned - begin);
  compiled.codegen_ms = ms(generated - planned);
  return compiled;
}

}  // namespace

Expected<CompiledKernel> compile(const Layout& layout, const Problem& problem, const Arch& arch, const CompileOptions& options,
                                 const std::string& cuda_dir) {
  return within_memory("plan: not enough memory for the schedule of this mask; use larger blocks or fewer", [&] { return run_stages(layout, problem, arch, options, cuda_dir); });
}

}  // namespace bsgen
