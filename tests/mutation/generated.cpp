#include "tests/mutation/generated.h"

#include <fmt/format.h>

#include <cstdlib>
#include <memory>

#include "compiler/codegen/generate.h"
#include "compiler/nvrtc/compile.h"
#include "compiler/plan/choose.h"
#include "runtime/launch/loaded_kernel.h"
#include "runtime/verify/execution.h"
#include "runtime/verify/verify.h"

namespace bsgen::mutation {
namespace {

// What every run of one subject shares.
struct Made {
  Problem problem;
  plan::KernelPlan plan;
  plan::Schedule schedule;
  KernelImage image;
  std::vector<verify::Operands> operands;
};

Expected<Observation> run_once(const Made& made, const std::string& ptx, int input, const sim::Schedule& schedule, std::uint64_t budget) {
  const auto device = sim::SimDevice::create({.arch = made.image.arch, .timing = schedule.timing, .seed = schedule.seed, .num_threads = 1, .instruction_budget = budget});
  KernelImage image = made.image;
  image.ptx = ptx;
  BSGEN_ASSIGN(const Kernel kernel, runtime::load_kernel(device, made.plan, made.schedule, image));
  BSGEN_ASSIGN(const verify::StagedOperands staged, verify::StagedOperands::stage(device, made.problem, made.operands[input]));
  const Status launched = kernel.launch(staged.arguments());
  if (!launched.ok() && launched.code() != ErrorCode::kCheckFailed) return launched;
  Observation seen;
  seen.report = device->last_report();
  auto result = staged.result();
  if (result.ok()) seen.output = std::move(result->bytes);
  else seen.damage = result.status().message();
  return seen;
}

}  // namespace

std::string subject_name(const Generated& generated) {
  const Problem& p = generated.problem;
  return fmt::format("{}-{}-{}-{}-{}{}{}{}{}", name(p.op), name(p.dtype), generated.arch, name(generated.tier), to_string(generated.layout.block()),
                     p.activations == Activations::kCol ? "-col" : "", p.epilogue.empty() ? "" : "-epilogue", p.accumulate ? "-accumulate" : "",
                     p.align == 16 ? "" : fmt::format("-align{}", p.align));
}

Expected<Subject> generated_subject(const Generated& generated) {
  const char* folder = std::getenv("BSGEN_CUDA_DIR");
  BSGEN_ASSIGN(const nvrtc::Toolchain* toolchain, nvrtc::open_toolchain(folder ? folder : ""));
  const Layout& layout = generated.layout;
  BSGEN_ASSIGN(const Arch arch, Arch::parse(generated.arch));
  CompileOptions options;
  options.tier = generated.tier;
  BSGEN_TRY(generated.problem.validate(layout, arch));
  auto made = std::make_shared<Made>();
  made->problem = generated.problem;
  BSGEN_ASSIGN(made->plan, plan::choose(layout, generated.problem, arch, options));
  made->schedule = plan::make_schedule(made->plan, layout);
  BSGEN_ASSIGN(const codegen::KernelSource source, codegen::generate(made->plan, made->schedule, layout, options));
  BSGEN_ASSIGN(made->image, nvrtc::compile_ptx(*toolchain, source, arch));
  for (const std::int64_t tokens : generated.tokens) {
    BSGEN_ASSIGN(verify::Operands operands, verify::make_operands(layout, generated.problem, tokens, 1));
    made->operands.push_back(std::move(operands));
  }
  Subject subject;
  subject.family = std::string(name(generated.problem.op));
  subject.name = subject_name(generated);
  subject.ptx = made->image.ptx;
  subject.sources = source.headers;
  subject.sources[source.name] = source.cuda;
  subject.num_inputs = static_cast<int>(made->operands.size());
  subject.run = [made](const std::string& ptx, int input, const sim::Schedule& schedule, std::uint64_t budget) { return run_once(*made, ptx, input, schedule, budget); };
  return subject;
}

}  // namespace bsgen::mutation
