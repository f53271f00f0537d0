#include "tools/goldgen/kernels.h"

#include <fmt/format.h>

#include "bsgen/layout.h"
#include "compiler/codegen/generate.h"
#include "compiler/nvrtc/compile.h"
#include "compiler/plan/choose.h"
#include "compiler/support/hash.h"
#include "runtime/launch/loaded_kernel.h"
#include "runtime/verify/trial.h"

namespace bsgen::goldens {

std::vector<KernelCase> kernel_cases() {
  std::vector<KernelCase> made;
  for (const Op op : {Op::kFprop, Op::kBprop, Op::kUpdate})
    for (const DType dtype : {DType::kFp32, DType::kTf32, DType::kFp16, DType::kBf16})
      for (const Tier tier : {Tier::kTable, Tier::kConstant, Tier::kUnrolled, Tier::kStructural}) {
        const std::string mask = tier == Tier::kStructural ? "banded:6x6:width=3" : "random:5x6:density=0.4,seed=12";
        KernelCase c;
        c.name = fmt::format("kernel/{}.{}.{}/{}", name(op), name(dtype), name(tier), mask);
        c.mask = mask;
        c.block = tier == Tier::kUnrolled ? 32 : 16;
        c.problem.op = op;
        c.problem.dtype = dtype;
        c.tier = tier;
        made.push_back(std::move(c));
      }
  return made;
}

Expected<Answer> ask_kernel(const std::shared_ptr<Device>& device, const KernelCase& c) {
  const Arch arch = device->info().arch;
  MaskOptions mask;
  mask.block = {c.block, c.block};
  BSGEN_ASSIGN(const Layout layout, read_mask(c.mask, mask));
  BSGEN_TRY(c.problem.validate(layout, arch));
  CompileOptions options;
  options.tier = c.tier;
  BSGEN_ASSIGN(const plan::KernelPlan plan, plan::choose(layout, c.problem, arch, options));
  const plan::Schedule schedule = plan::make_schedule(plan, layout);
  BSGEN_TRY(schedule.verify(plan, layout));
  BSGEN_ASSIGN(const codegen::KernelSource source, codegen::generate(plan, schedule, layout, options));
  BSGEN_ASSIGN(const Environment environment, Environment::read());
  BSGEN_ASSIGN(const nvrtc::Toolchain* toolchain, nvrtc::open_toolchain(environment.cuda_dir));
  BSGEN_ASSIGN(const KernelImage image,
               device->info().kind == "sim" ? nvrtc::compile_ptx(*toolchain, source, arch) : nvrtc::compile(*toolchain, source, arch));
  BSGEN_ASSIGN(const Kernel kernel, runtime::load_kernel(device, plan, schedule, image));
  BSGEN_ASSIGN(const verify::Operands operands, verify::make_operands(layout, c.problem, c.tokens, 0));
  verify::TrialOptions trial_options;
  trial_options.schedules.resize(1);
  BSGEN_ASSIGN(const verify::Trial trial, verify::run_trial(kernel, layout, c.problem, operands, trial_options));
  if (!trial.failures.empty()) return Status(ErrorCode::kCheckFailed, trial.failures.front());
  Answer answer;
  answer.name = c.name;
  answer.question = hash_text(fmt::format("{}|{}|{}", source.cuda, layout.hash().hex(), c.tokens)).short_hex();
  answer.num_words = trial.result.bytes.size() / 4;
  answer.digest = verify::output_digest(trial.result);
  return answer;
}

}  // namespace bsgen::goldens
