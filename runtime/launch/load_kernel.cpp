#include <fmt/format.h>

#include <utility>

#include "compiler/epilogue/epilogue.h"
#include "runtime/launch/loaded_kernel.h"

namespace bsgen::runtime {
namespace {

// An activation with `features` features, as it lies in memory.
OperandSpec activation(std::string name, std::string_view features_name, const plan::KernelPlan& plan, std::int64_t features, bool output) {
  OperandSpec spec;
  spec.name = std::move(name);
  spec.dtype = output ? plan.problem.output() : plan.problem.dtype;
  spec.heads = plan.heads;
  spec.rows = kTokens;
  spec.cols = features;
  spec.dims = fmt::format("tokens x {}", features_name);
  spec.output = output;
  if (plan.problem.activations == Activations::kCol) {
    std::swap(spec.rows, spec.cols);
    spec.dims = fmt::format("{} x tokens", features_name);
  }
  return spec;
}

OperandSpec values(const plan::KernelPlan& plan) {
  OperandSpec spec;
  spec.name = "w (values)";
  spec.dims = "blocks of all heads x elements of a block";
  spec.output = plan.problem.op == Op::kUpdate;
  spec.dtype = spec.output ? plan.problem.output() : plan.problem.dtype;
  spec.rows = plan.num_blocks;
  spec.cols = std::int64_t{plan.block.rows} * plan.block.cols;
  return spec;
}

OperandSpec epilogue_tensor(const epilogue::Parameter& parameter, const plan::KernelPlan& plan) {
  if (parameter.kind == epilogue::ParameterKind::kMatrix) {
    OperandSpec spec = activation(parameter.name, "N", plan, plan.cols, false);
    spec.dtype = plan.problem.output();
    spec.heads_optional = true;
    return spec;
  }
  OperandSpec spec;
  spec.name = parameter.name;
  spec.heads = plan.heads;
  spec.heads_optional = true;
  spec.rows = 1;
  const bool over_n = parameter.kind == epilogue::ParameterKind::kVectorN;
  spec.cols = over_n ? plan.cols : kTokens;
  spec.dims = over_n ? "1 x N" : "1 x tokens";
  return spec;
}

}  // namespace

Expected<LaunchSpec> make_launch_spec(const plan::KernelPlan& plan, const DeviceInfo& device) {
  const Problem& problem = plan.problem;
  LaunchSpec spec;
  spec.op = problem.op;
  spec.dtype = problem.dtype;
  spec.align = problem.align;
  spec.device_ordinal = device.ordinal;
  spec.device_name = device.name;
  spec.heads = plan.heads;
  spec.num_blocks = plan.num_blocks;
  spec.block = plan.block;
  spec.x = activation(problem.op == Op::kBprop ? "x (dX)" : "x (X)", "K", plan, plan.rows, problem.op == Op::kBprop);
  spec.y = activation(problem.op == Op::kFprop ? "y (Y)" : "y (dY)", "N", plan, plan.cols, problem.op == Op::kFprop);
  spec.w = values(plan);
  if (!problem.epilogue.empty()) {
    BSGEN_ASSIGN(const epilogue::Epilogue parsed, epilogue::parse(problem.epilogue));
    spec.parameters = parsed.parameters();
    for (const epilogue::Parameter& parameter : spec.parameters) spec.parameter_specs.push_back(epilogue_tensor(parameter, plan));
  }
  const std::size_t bytes = sizeof(KernelArguments) + spec.parameters.size() * sizeof(OperandSlot);
  if (bytes > kMaxParameterBytes)
    return Status(ErrorCode::kUnsupported,
                  fmt::format("launch: the epilogue has {} parameters, a launch passes {} at most; put vectors into one matrix", spec.parameters.size(),
                              (kMaxParameterBytes - sizeof(KernelArguments)) / sizeof(OperandSlot)));
  spec.parameter_bytes = static_cast<std::uint32_t>(bytes);
  return spec;
}

Expected<Kernel> load_kernel(std::shared_ptr<Device> device, const plan::KernelPlan& plan, const plan::Schedule& schedule,
                             std::shared_ptr<const KernelImage> image) {
  LoadedKernel loaded;
  BSGEN_ASSIGN(loaded.spec, make_launch_spec(plan, device->info()));
  BSGEN_ASSIGN(loaded.function, device->load(*image, static_cast<std::uint32_t>(plan.shared_bytes)));
  if (plan.tier == Tier::kTable) {
    const std::vector<std::byte> table = schedule.table();
    BSGEN_ASSIGN(loaded.table, device->allocate(table.size()));
    if (!table.empty()) BSGEN_TRY(device->copy_in(loaded.table.address(), table));
  }
  loaded.plan = plan;
  loaded.image = std::move(image);
  loaded.device = std::move(device);
  return Kernel(HeldKernel::make(std::move(loaded)).release());
}

Expected<Kernel> load_kernel(std::shared_ptr<Device> device, const plan::KernelPlan& plan, const plan::Schedule& schedule,
                             const KernelImage& image) {
  return load_kernel(std::move(device), plan, schedule, std::make_shared<const KernelImage>(image));
}

}  // namespace bsgen::runtime
