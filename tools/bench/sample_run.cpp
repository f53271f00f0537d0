#include "tools/bench/sample_run.h"

#include "runtime/launch/loaded_kernel.h"
#include "runtime/verify/execution.h"
#include "tools/bench/samples.h"

namespace bsgen::bench {

Expected<SampleRun> run_sample(const Layout& layout, const Problem& problem,
                               const CompiledKernel& compiled, std::int64_t tokens, int threads,
                               bool nonfinite) {
  const std::shared_ptr<sim::SimDevice> device =
      sim::SimDevice::create({.arch = compiled.plan.arch, .num_threads = threads});
  BSGEN_ASSIGN(verify::Operands operands, verify::make_operands(layout, problem, tokens, 1));
  if (nonfinite) verify::plant_nonfinite(layout, problem, operands, 1);
  BSGEN_ASSIGN(const Kernel kernel,
               runtime::load_kernel(device, compiled.plan, compiled.schedule, compiled.image));
  BSGEN_ASSIGN(const verify::StagedOperands staged,
               verify::StagedOperands::stage(device, problem, operands));
  SampleRun run;
  const double cpu_start = cpu_ms();
  const auto start = std::chrono::steady_clock::now();
  BSGEN_TRY(kernel.launch(staged.arguments()));
  BSGEN_TRY(device->synchronize());
  run.wall_ms = milliseconds_since(start);
  run.cpu_ms = cpu_ms() - cpu_start;
  run.report = device->last_report();
  BSGEN_ASSIGN(const verify::HostTensor result, staged.result());
  BSGEN_ASSIGN(run.verdict, verify::judge(layout, problem, operands, result));
  run.useful_flops = verify::useful_flops(layout, problem, tokens);
  return run;
}

}  // namespace bsgen::bench
