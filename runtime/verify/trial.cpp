#include "runtime/verify/trial.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>

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

void take_report(const sim::LaunchReport& report, const sim::Schedule& schedule, bool strict, Trial& trial) {
  for (const sim::Diagnostic& found : report.diagnostics) {
    const bool known = std::any_of(trial.diagnostics.begin(), trial.diagnostics.end(), [&](const sim::Diagnostic& each) {
      return each.kind == found.kind && std::find_first_of(each.ptx_lines.begin(), each.ptx_lines.end(), found.ptx_lines.begin(), found.ptx_lines.end()) != each.ptx_lines.end();
    });
    if (known) continue;  // every schedule finds most mistakes
    trial.diagnostics.push_back({found, schedule.text()});
    if (found.severity == sim::Severity::kError || strict) trial.failures.push_back(found.message);
  }
}

// Where element `index` of the output's memory stands in the matrix: "(3, 17)", "(head, row, col)" in stacks.
std::string place_of(const Layout& layout, const Problem& problem, const HostTensor& tensor, std::int64_t index) {
  std::int64_t head, row, col;
  if (problem.op == Op::kUpdate) {
    const BlockShape block = layout.block();
    const std::int64_t elements = std::int64_t{block.rows} * block.cols, value = index / elements, within = index % elements;
    const auto offsets = layout.row_offsets();
    const std::int64_t list = std::upper_bound(offsets.begin(), offsets.end(), value) - offsets.begin() - 1;
    head = list / layout.grid_rows();
    row = list % layout.grid_rows() * block.rows + within / block.cols;
    col = std::int64_t{layout.block_cols()[value]} * block.cols + within % block.cols;
  } else {
    head = index / (tensor.rows * tensor.cols);
    row = index / tensor.cols % tensor.rows;
    col = index % tensor.cols;
    if (problem.activations == Activations::kCol) std::swap(row, col);
  }
  return layout.heads() > 1 ? fmt::format("({}, {}, {})", head, row, col) : fmt::format("({}, {})", row, col);
}

// "(3, 17), 1.5 and 1.25": the first element in memory order whose bits differ.
std::string first_difference(const Layout& layout, const Problem& problem, const HostTensor& one, const HostTensor& other) {
  const std::size_t size = size_bytes(one.dtype), row_elements = static_cast<std::size_t>(one.rows * one.cols);
  const auto [at, there] = std::mismatch(one.bytes.begin(), one.bytes.end(), other.bytes.begin());
  const auto index = static_cast<std::size_t>(at - one.bytes.begin()) / size;
  const auto value = [&](const HostTensor& tensor) {
    const auto head = static_cast<std::int64_t>(index / row_elements), within = static_cast<std::int64_t>(index % row_elements);
    if (is_poison(tensor, head, within / tensor.cols, within % tensor.cols)) return std::string("nothing (never written)");
    std::uint32_t bits = 0;
    std::memcpy(&bits, tensor.bytes.data() + index * size, size);
    return fmt::format("{:.9g} ({:#x})", tensor.at(head, within / tensor.cols, within % tensor.cols), bits);
  };
  return fmt::format("{}: {} and {}", place_of(layout, problem, one, static_cast<std::int64_t>(index)), value(one), value(other));
}

}  // namespace

Expected<Trial> run_trial(const Kernel& kernel, const Layout& layout, const Problem& problem, const Operands& operands,
                          const TrialOptions& options) {
  const auto say = [&](const std::string& what) {
    if (options.progress) options.progress(what);
  };
  const std::shared_ptr<Device>& device = kernel.loaded().device;
  auto* sim = dynamic_cast<sim::SimDevice*>(device.get());
  Trial trial;
  BSGEN_ASSIGN(StagedOperands staged, StagedOperands::stage(device, problem, operands));
  if (!sim) {
    say("running");
    BSGEN_ASSIGN(trial.result, launch(kernel, staged, sim, trial));
  }
  for (std::size_t i = 0; sim && i < options.schedules.size(); ++i) {
    const sim::Schedule& schedule = options.schedules[i];
    say(fmt::format("running, schedule {}", schedule.text()));
    if (i > 0) BSGEN_TRY(staged.reset_output());
    sim->set_schedule(schedule);
    sim->set_trace(i == 0 ? options.trace : std::nullopt);
    auto result = launch(kernel, staged, sim, trial);
    sim->set_schedule({});
    sim->set_trace(std::nullopt);
    BSGEN_TRY(result);
    take_report(sim->last_report(), schedule, options.strict, trial);
    if (i == 0) {
      trial.result = *std::move(result);
      trial.report = sim->last_report();
      trial.counters = trial.report.counters;
    } else if (result->bytes.size() == trial.result.bytes.size() && result->bytes != trial.result.bytes) {
      trial.failures.push_back(fmt::format("the outputs of schedules {} and {} differ, first at {}; a wait, a barrier or a fence is missing",
                                           options.schedules[0].text(), schedule.text(), first_difference(layout, problem, trial.result, *result)));
    }
  }
  if (trial.result.bytes.size() != operands.output(problem.op).bytes.size()) return trial;
  say("judging");
  BSGEN_ASSIGN(trial.verdict, judge(layout, problem, operands, trial.result));
  if (!trial.verdict.passed) trial.failures.push_back(trial.verdict.reason);
  return trial;
}

}  // namespace bsgen::verify
