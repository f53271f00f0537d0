#include "tools/bsgen/view/simulate.h"

#include <fmt/format.h>

#include "runtime/launch/loaded_kernel.h"
#include "runtime/verify/execution.h"

namespace bsgen::cli {

Expected<PageRun> simulate(const PlanRequest& request, const plan::KernelPlan& plan,
                           const plan::Schedule& schedule, const KernelImage& image,
                           std::int64_t tokens, std::uint64_t seed, const plan::Machine& machine) {
  const std::shared_ptr<sim::SimDevice> device = sim::SimDevice::create({.arch = plan.arch});
  BSGEN_ASSIGN(const verify::Operands operands,
               verify::make_operands(request.layout, plan.problem, tokens, seed));
  BSGEN_ASSIGN(const Kernel kernel, runtime::load_kernel(device, plan, schedule, image));
  BSGEN_ASSIGN(const verify::StagedOperands staged,
               verify::StagedOperands::stage(device, plan.problem, operands));
  PageRun run;
  run.tokens = tokens;
  run.device = device->info().model;
  // What the device found is on the page; only what kept it from running is an error here.
  Status launched = kernel.launch(staged.arguments());
  if (launched.ok()) launched = device->synchronize();
  if (!launched.ok() && launched.code() != ErrorCode::kCheckFailed) return launched;
  run.report = device->last_report();
  BSGEN_ASSIGN(const verify::HostTensor result, staged.result());
  BSGEN_ASSIGN(run.verdict, verify::judge(request.layout, plan.problem, operands, result));
  run.floor_bytes = verify::floor_bytes(request.layout, plan.problem, tokens);
  run.useful_flops = verify::useful_flops(request.layout, plan.problem, tokens);
  run.occupancy = occupancy(Arch{machine.arch}, machine, image.resources.registers, run.report.shared_bytes, run.report.threads);
  run.prediction = predict(work_of(run.report, run.floor_bytes, run.useful_flops, plan.problem.dtype, image.ptx), machine);
  return run;
}

}  // namespace bsgen::cli
