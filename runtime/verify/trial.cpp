#include "runtime/verify/trial.h"

#include <algorithm>
#include <chrono>

#include "runtime/launch/loaded_kernel.h"
#include "runtime/verify/execution.h"

namespace bsgen::verify {
namespace {

// One launch. On sim a launch that did something wrong still ends, and its report says what; its output is judged all the same.
// An empty tensor: the output could not be trusted at all, and `failures` says why.
Expected<HostTensor> launch(const Kernel& kernel, StagedOperands& staged, sim::SimDevice* sim, Trial& trial) {
  const auto start = std::chrono::steady_clock::now();
  const Status launched = kernel.launch(staged.arguments());
  if (!launched.ok() && !(sim && launched.code() == ErrorCode::kCheckFailed && sim->last_report().failed())) return launched;
  auto result = staged.result();
  trial.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (result.ok() || result.status().code() != ErrorCode::kCheckFailed) return result;
  trial.failures.push_back(result.status().message());
  return HostTensor{};
}

void take_report(const sim::LaunchReport& report, bool strict, Trial& trial) {
  for (const sim::Diagnostic& found : report.diagnostics) {
    const bool known = std::any_of(trial.diagnostics.begin(), trial.diagnostics.end(), [&](const sim::Diagnostic& each) {
      return each.kind == found.kind && each.ptx_line == found.ptx_line;
    });
    if (known) continue;  // both timings find most mistakes
    trial.diagnostics.push_back(found);
    if (found.severity == sim::Severity::kError || strict) trial.failures.push_back(found.message);
  }
}

}  // namespace

Expected<Trial> run_trial(const Kernel& kernel, const Layout& layout, const Problem& problem, const Operands& operands,
                          const TrialOptions& options) {
  const auto say = [&](std::string_view what) {
    if (options.progress) options.progress(what);
  };
  const std::shared_ptr<Device>& device = kernel.loaded().device;
  auto* sim = dynamic_cast<sim::SimDevice*>(device.get());
  Trial trial;
  BSGEN_ASSIGN(StagedOperands staged, StagedOperands::stage(device, problem, operands));
  say(sim ? "running, asynchronous work as early as is legal" : "running");
  if (sim) sim->set_timing(sim::Timing::kEarly);
  BSGEN_ASSIGN(trial.result, launch(kernel, staged, sim, trial));
  if (sim) {
    trial.counters = sim->last_report().counters;
    take_report(sim->last_report(), options.strict, trial);
    say("running, asynchronous work as late as is legal");
    BSGEN_TRY(staged.reset_output());
    sim->set_timing(sim::Timing::kLate);
    auto late = launch(kernel, staged, sim, trial);
    sim->set_timing(sim::Timing::kEarly);
    BSGEN_TRY(late);
    take_report(sim->last_report(), options.strict, trial);
    if (late->bytes != trial.result.bytes)
      trial.failures.push_back("the outputs differ between asynchronous work as early and as late as is legal; a wait or a barrier is missing");
  }
  if (trial.result.bytes.size() != operands.output(problem.op).bytes.size()) return trial;
  say("judging");
  BSGEN_ASSIGN(trial.verdict, judge(layout, problem, operands, trial.result));
  if (!trial.verdict.passed) trial.failures.push_back(trial.verdict.reason);
  return trial;
}

}  // namespace bsgen::verify
