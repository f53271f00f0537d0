#include <fmt/format.h>

#include "compiler/plan/kernel_plan.h"
#include "runtime/cpu/cpu_device.h"
#include "runtime/launch/loaded_kernel.h"

namespace bsgen::runtime {

Expected<cpu::CpuPlan> plan_for_cpu(const Device& device, const Layout& layout, const Problem& problem, const CompileOptions& options) {
  const auto* cpu = dynamic_cast<const cpu::CpuDevice*>(&device);
  if (!cpu) return Status(ErrorCode::kInvalidArgument, fmt::format("launch: {} is not a cpu device", device.info().name));
  if (options.tier != Tier::kAuto && options.tier != Tier::kTable)
    return Status(ErrorCode::kUnsupported, fmt::format("cpu: tier {} is a GPU's; kernels of the cpu are of tier table", name(options.tier)));
  BSGEN_TRY(problem.validate(layout, Arch{}));
  BSGEN_TRY(epilogue::parse(problem.epilogue));
  return cpu::choose(layout, problem, cpu->machine());
}

Expected<Kernel> load_cpu_kernel(std::shared_ptr<Device> device, const Layout& layout, const Problem& problem, const CompileOptions& options,
                                 std::span<const std::byte> object) {
  BSGEN_ASSIGN(const cpu::CpuPlan plan, plan_for_cpu(*device, layout, problem, options));
  LoadedKernel loaded;
  loaded.plan = plan::unchosen(layout, problem);  // what launches are checked against
  loaded.plan.num_panels = 1;
  BSGEN_ASSIGN(loaded.spec, make_launch_spec(loaded.plan, device->info()));
  const std::string_view code(reinterpret_cast<const char*>(object.data()), object.size());
  BSGEN_ASSIGN(loaded.function, dynamic_cast<cpu::CpuDevice&>(*device).function(plan, layout, code));
  loaded.image = std::make_shared<const KernelImage>();
  loaded.device = std::move(device);
  return Kernel(HeldKernel::make(std::move(loaded)).release());
}

}  // namespace bsgen::runtime
