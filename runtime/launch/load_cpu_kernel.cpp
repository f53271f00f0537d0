#include <fmt/format.h>

#include "compiler/plan/kernel_plan.h"
#include "runtime/cpu/cpu_device.h"
#include "runtime/launch/loaded_kernel.h"

namespace bsgen::runtime {

Expected<Kernel> load_cpu_kernel(std::shared_ptr<Device> device, const Layout& layout, const Problem& problem, const CompileOptions& options) {
  auto* cpu = dynamic_cast<cpu::CpuDevice*>(device.get());
  if (!cpu) return Status(ErrorCode::kInvalidArgument, fmt::format("launch: {} is not a cpu device", device->info().name));
  if (options.tier != Tier::kAuto && options.tier != Tier::kTable)
    return Status(ErrorCode::kUnsupported, fmt::format("cpu: tier {} is a GPU's; kernels of the cpu are of tier table", name(options.tier)));
  BSGEN_TRY(problem.validate(layout, Arch{}));
  BSGEN_TRY(epilogue::parse(problem.epilogue));
  auto loaded = std::make_shared<LoadedKernel>();
  plan::KernelPlan& facts = loaded->plan;  // what launches are checked against; nothing in it was chosen
  facts.problem = problem;
  facts.heads = layout.heads();
  facts.grid_rows = layout.grid_rows();
  facts.grid_cols = layout.grid_cols();
  facts.rows = layout.rows();
  facts.cols = layout.cols();
  facts.num_blocks = layout.num_blocks();
  facts.block = layout.block();
  facts.layout_hash = layout.hash();
  facts.num_panels = 1;
  BSGEN_ASSIGN(loaded->spec, make_launch_spec(facts, device->info()));
  BSGEN_ASSIGN(loaded->function, cpu->function(cpu::choose(layout, problem, cpu->machine()), layout));
  loaded->device = std::move(device);
  return Kernel(std::move(loaded));
}

}  // namespace bsgen::runtime
