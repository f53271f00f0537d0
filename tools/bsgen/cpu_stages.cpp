#include "tools/bsgen/cpu_stages.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <sstream>

#include "runtime/cpu/cpu_device.h"
#include "runtime/launch/loaded_kernel.h"
#include "tools/bsgen/plan_text.h"
#include "tools/bsgen/text.h"

namespace bsgen::cli {
namespace {

struct Native {
  std::shared_ptr<Device> device;
  cpu::CpuPlan plan;
};

Expected<Native> plan_natively(const PlanRequest& request, const std::string& name) {
  BSGEN_ASSIGN(std::shared_ptr<Device> device, Device::open(name));
  if (device->info().kind != "cpu")
    return Status(ErrorCode::kInvalidArgument, fmt::format("cpu: {} is a device of kind {}; --device cpu, cpu:avx512, cpu:avx2 or cpu:portable has these stages", name, device->info().kind));
  BSGEN_ASSIGN(cpu::CpuPlan plan, runtime::plan_for_cpu(*device, request.layout, request.problem, request.options));
  return Native{std::move(device), std::move(plan)};
}

std::string kilobytes(std::int64_t elements) { return fmt::format("{} kB", (elements * 4 + 1023) / 1024); }

}  // namespace

Expected<std::string> cpu_stage(const PlanRequest& request, const std::string& device, const std::string& what) {
  BSGEN_ASSIGN(const Native native, plan_natively(request, device));
  if (what != "plan") return dynamic_cast<const cpu::CpuDevice&>(*native.device).compile(native.plan, what == "llvm" ? kBsgenCpuLlvm : kBsgenCpuAssembly);
  std::ostringstream text;
  native.plan.dump(text);
  return text.str();
}

Expected<std::string> explain_cpu(const PlanRequest& request, const std::string& device) {
  BSGEN_ASSIGN(const Native native, plan_natively(request, device));
  const cpu::CpuPlan& plan = native.plan;
  const bool update = plan.problem.op == Op::kUpdate;
  std::string text = bold(request_text(request, plan.machine.cpu)) + "\n";
  const auto line = [&](const char* what, const std::string& value) { text += fmt::format("  {:<11}{}\n", what, value); };
  line("device", fmt::format("{}, {}", native.device->info().name, native.device->info().model));
  line("tile", fmt::format("{} rows x {} columns in {} of {} lanes", plan.tile_rows[0], plan.width(), count(plan.vectors, "vector", "vectors"), plan.lanes));
  if (plan.tile_rows.size() > 1) line("variants", fmt::format("{} rows", fmt::join(plan.tile_rows, ", ")));
  line("group", fmt::format("{} tokens at once", plan.group_tokens));
  line("scratch", fmt::format("{} per thread, {} per launch", kilobytes(plan.worker_scratch()), kilobytes(plan.launch_scratch())));
  const cpu::BlockLists lists = cpu::make_lists(plan, request.layout);
  if (!update && lists.offsets.size() > 1) {
    std::int64_t longest = 0;
    for (std::size_t i = 1; i < lists.offsets.size(); ++i) longest = std::max(longest, lists.offsets[i] - lists.offsets[i - 1]);
    line("lists", fmt::format("{}, the longest of {}", count(static_cast<std::int64_t>(lists.offsets.size() - 1), "list", "lists"), count(longest, "block", "blocks")));
  }
  text += "\n" + bold("why this plan") + "\n";
  for (const std::string& reason : plan.reasons) text += "  " + reason + "\n";
  text += "\n" + bold("order of arithmetic") + "\n  every sum in the order of its list, element after element, whatever the tile, the threads or the tokens\n";
  return text;
}

}  // namespace bsgen::cli
