#include <span>

#include "runtime/bindings/c/handles.h"
#include "runtime/bindings/c/tensors.h"

using namespace bsgen;
using namespace bsgen::c;

namespace {

using View = Expected<TensorView> (*)(const bsgen_tensor&, const runtime::OperandSpec&, const runtime::LoadedKernel&);

Expected<TensorView> view_of(const bsgen_tensor* tensor, const runtime::OperandSpec& operand, const runtime::LoadedKernel& kernel, View view) {
  if (!tensor) return invalid("launch: argument " + operand.name + " is null; the kernel needs it");
  BSGEN_ASSIGN(const bsgen_tensor given, read_struct(tensor, "bsgen_tensor"));
  return view(given, operand, kernel);
}

// Names that the epilogue does not have stay, for the launch to refuse by name.
Status add_arguments(std::span<const bsgen_argument> given, const runtime::LoadedKernel& kernel, LaunchArguments& launch) {
  for (const bsgen_argument& argument : given) {
    BSGEN_TRY(require(argument.name, "bsgen_argument", "name"));
    if (!argument.tensor) {
      launch.scalars[argument.name] = argument.scalar;
      continue;
    }
    runtime::OperandSpec unknown;
    unknown.name = argument.name;
    const runtime::OperandSpec* operand = &unknown;
    View view = vector_view;
    for (std::size_t i = 0; i < kernel.spec.parameters.size(); ++i) {
      const epilogue::Parameter& parameter = kernel.spec.parameters[i];
      if (parameter.name != argument.name || parameter.kind == epilogue::ParameterKind::kScalar) continue;
      operand = &kernel.spec.parameter_specs[i];
      if (parameter.kind == epilogue::ParameterKind::kMatrix) view = activation_view;
    }
    if (operand == &unknown) {
      launch.tensors[argument.name] = {};
      continue;
    }
    BSGEN_ASSIGN(launch.tensors[argument.name], view_of(argument.tensor, *operand, kernel, view));
  }
  return {};
}

}  // namespace

extern "C" {

bsgen_status bsgen_kernel_get_info(const bsgen_kernel* kernel, bsgen_kernel_info* info) {
  return guard([&]() -> Status {
    BSGEN_TRY(require(kernel, "bsgen_kernel_get_info", "kernel"));
    const runtime::LoadedKernel& loaded = kernel->value.loaded();
    const KernelImage& image = kernel->value.image();
    bsgen_kernel_info facts{};
    facts.entry = image.entry.c_str();
    facts.arch = kernel->arch.c_str();
    facts.tier = static_cast<bsgen_tier>(loaded.plan.tier);
    facts.origin = static_cast<bsgen_origin>(kernel->origin);
    facts.registers = image.resources.registers;
    facts.shared_bytes = loaded.plan.shared_bytes + image.resources.shared_bytes;
    facts.spill_bytes = image.resources.spill_bytes;
    facts.threads = loaded.plan.num_threads;
    return write_struct(info, facts, "bsgen_kernel_info");
  });
}
static_assert(static_cast<int>(Tier::kAuto) == BSGEN_TIER_AUTO && static_cast<int>(Tier::kTable) == BSGEN_TIER_TABLE);
static_assert(static_cast<int>(KernelOrigin::kMemory) == BSGEN_FROM_MEMORY && static_cast<int>(KernelOrigin::kCompiled) == BSGEN_COMPILED &&
              static_cast<int>(KernelOrigin::kBundle) == BSGEN_FROM_BUNDLE);

void bsgen_kernel_release(bsgen_kernel* kernel) { delete kernel; }

std::size_t bsgen_kernel_workspace_bytes(const bsgen_kernel* kernel, std::int64_t tokens) { return kernel ? kernel->value.workspace_bytes(tokens) : 0; }

bsgen_status bsgen_kernel_launch(const bsgen_kernel* kernel, const bsgen_launch_arguments* arguments, void* stream) {
  return guard([&]() -> Status {
    BSGEN_TRY(require(kernel, "bsgen_kernel_launch", "kernel"));
    BSGEN_TRY(require(arguments, "bsgen_kernel_launch", "arguments"));
    BSGEN_ASSIGN(const bsgen_launch_arguments given, read_struct(arguments, "bsgen_launch_arguments"));
    const runtime::LoadedKernel& loaded = kernel->value.loaded();
    LaunchArguments launch;
    BSGEN_ASSIGN(launch.x, view_of(given.x, loaded.spec.x, loaded, activation_view));
    BSGEN_ASSIGN(launch.w, view_of(given.w, loaded.spec.w, loaded, values_view));
    BSGEN_ASSIGN(launch.y, view_of(given.y, loaded.spec.y, loaded, activation_view));
    launch.tokens = loaded.plan.problem.activations == Activations::kCol ? launch.x.cols : launch.x.rows;
    if (given.num_arguments != 0) {
      BSGEN_TRY(require(given.arguments, "bsgen_kernel_launch", "arguments->arguments"));
      BSGEN_TRY(add_arguments({given.arguments, given.num_arguments}, loaded, launch));
    }
    launch.workspace = given.workspace;
    return kernel->value.launch(launch, stream);
  });
}

}  // extern "C"
