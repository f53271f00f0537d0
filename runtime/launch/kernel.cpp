#include "bsgen/kernel.h"

#include "runtime/launch/kernel_arguments.h"
#include "runtime/launch/loaded_kernel.h"

namespace bsgen {
namespace {

using runtime::KernelArguments;
using runtime::OperandSlot;

OperandSlot slot(const TensorView& view) { return {view.data, view.leading_dimension, view.heads > 1 ? view.head_stride : 0}; }

// A graph that records the launch holds the kernel: code and bound table stay for as long as it can be launched. Once per kernel and
// capture; two captures that take turns may be given more shares than one, which they give back all the same.
Status stay_with_capture(const Kernel& kernel, Stream stream) {
  const runtime::LoadedKernel& loaded = kernel.loaded();
  BSGEN_ASSIGN(const std::uint64_t capture, loaded.device->capture_of(stream));
  if (capture == 0 || loaded.last_capture->exchange(capture, std::memory_order_relaxed) == capture) [[likely]] return {};
  const Status given = loaded.device->keep_with_graph(stream, std::make_shared<const Kernel>(kernel));
  if (!given.ok()) loaded.last_capture->store(0, std::memory_order_relaxed);
  return given;
}

}  // namespace

Kernel::Kernel(const Kernel& other) : cell_(other.cell_) {
  if (cell_) cell_->holders.add();
}

void Kernel::leave() { runtime::HeldKernel::leave(cell_); }

const runtime::LoadedKernel& Kernel::loaded() const { return *cell_->value; }

// No plan splits a sum over ctas, so none needs memory of its own.
std::size_t Kernel::workspace_bytes(std::int64_t) const { return 0; }

Status Kernel::launch(const LaunchArguments& arguments, Stream stream) const {
  const runtime::LoadedKernel& kernel = *cell_->value;
  const runtime::LaunchSpec& spec = kernel.spec;
  BSGEN_TRY(runtime::check_tokens(arguments.tokens));
  BSGEN_TRY(runtime::check_operand(spec, spec.x, arguments.x, arguments));
  BSGEN_TRY(runtime::check_operand(spec, spec.w, arguments.w, arguments));
  BSGEN_TRY(runtime::check_operand(spec, spec.y, arguments.y, arguments));

  // On the stack and written only as far as it is used: a launch allocates nothing. A std::byte array makes room for both.
  alignas(16) std::byte parameters[runtime::kMaxParameterBytes];
  auto* slots = reinterpret_cast<OperandSlot*>(parameters + sizeof(KernelArguments));
  BSGEN_TRY(runtime::write_epilogue_slots(spec, arguments, slots));

  BSGEN_ASSIGN(const plan::Grid grid, plan::grid(kernel.plan, arguments.tokens));
  if (grid.empty()) return {};
  if (stream) BSGEN_TRY(stay_with_capture(*this, stream));
  *reinterpret_cast<KernelArguments*>(parameters) = {.x = slot(arguments.x),
                                                     .w = {arguments.w.data, 0, 0},
                                                     .y = slot(arguments.y),
                                                     .table = kernel.table.address(),
                                                     .tokens = static_cast<std::int32_t>(arguments.tokens),
                                                     .num_panels = static_cast<std::int32_t>(kernel.plan.num_panels)};
  const LaunchConfig config{.grid_x = grid.x,
                            .grid_y = grid.y,
                            .grid_z = grid.z,
                            .threads = static_cast<std::uint32_t>(kernel.plan.num_threads),
                            .shared_bytes = static_cast<std::uint32_t>(kernel.plan.shared_bytes)};
  return kernel.device->launch(*kernel.function, config, {parameters, spec.parameter_bytes}, stream);
}

const KernelImage& Kernel::image() const { return *cell_->value->image; }

}  // namespace bsgen
