#include "runtime/verify/execution.h"

#include <fmt/format.h>

#include <cstring>

#include "runtime/sim/sim_device.h"

namespace bsgen::verify {
namespace {

// Where a tensor's rows lie in its buffer.
struct Pitch {
  std::int64_t leading_dimension = 0, head_stride = 0;
  std::size_t bytes = 0;  // up to the last element
};

Pitch pitch_of(const HostTensor& tensor, int align, bool is_values) {
  Pitch pitch;
  pitch.leading_dimension = is_values ? tensor.cols : leading_dimension(tensor.cols, tensor.dtype, align);
  pitch.head_stride = tensor.heads > 1 ? tensor.rows * pitch.leading_dimension : 0;
  if (!tensor.bytes.empty())
    pitch.bytes = static_cast<std::size_t>((tensor.heads - 1) * pitch.head_stride + (tensor.rows - 1) * pitch.leading_dimension + tensor.cols) *
                  size_bytes(tensor.dtype);
  return pitch;
}

// Calls body(offset in the buffer, offset in the tensor, bytes) for each row.
template <class Body>
void for_each_row(const HostTensor& tensor, const Pitch& pitch, const Body& body) {
  const std::size_t size = size_bytes(tensor.dtype), row_bytes = tensor.cols * size;
  for (std::int64_t head = 0; head < tensor.heads; ++head)
    for (std::int64_t row = 0; row < tensor.rows; ++row)
      body((head * pitch.head_stride + row * pitch.leading_dimension) * size, (head * tensor.rows + row) * row_bytes, row_bytes);
}

std::vector<std::byte> spread(const HostTensor& tensor, const Pitch& pitch) {
  std::vector<std::byte> memory(pitch.bytes);
  poison(memory);
  for_each_row(tensor, pitch, [&](std::size_t to, std::size_t from, std::size_t bytes) {
    std::memcpy(memory.data() + to, tensor.bytes.data() + from, bytes);
  });
  return memory;
}

}  // namespace

Expected<StagedOperands::Staged> StagedOperands::put(const HostTensor& tensor, bool is_values) const {
  const Pitch pitch = pitch_of(tensor, align_, is_values);
  Staged staged;
  if (pitch.bytes > 0) {
    BSGEN_ASSIGN(staged.buffer, device_->allocate(pitch.bytes));
    BSGEN_TRY(device_->copy_in(staged.buffer.address(), spread(tensor, pitch)));
  }
  staged.view = {staged.buffer.address(), tensor.dtype,           tensor.heads,     tensor.rows,
                 tensor.cols,             pitch.leading_dimension, pitch.head_stride, device_->info().ordinal};
  return staged;
}

Expected<StagedOperands> StagedOperands::stage(std::shared_ptr<Device> device, const Problem& problem, const Operands& operands) {
  StagedOperands staged;
  staged.device_ = std::move(device);
  staged.op_ = problem.op;
  staged.align_ = problem.align;
  staged.tokens_ = operands.tokens;
  staged.output_ = operands.output(problem.op);
  staged.scalars_ = operands.scalars;
  BSGEN_ASSIGN(staged.x_, staged.put(operands.x, false));
  BSGEN_ASSIGN(staged.w_, staged.put(operands.w, true));
  BSGEN_ASSIGN(staged.y_, staged.put(operands.y, false));
  for (const auto& [name, tensor] : operands.tensors) {
    BSGEN_ASSIGN(staged.tensors_[name], staged.put(tensor, false));
  }
  if (auto* sim = dynamic_cast<sim::SimDevice*>(staged.device_.get())) {  // so that findings can say whose memory it is
    sim->name_memory(staged.x_.buffer.address(), "x");
    sim->name_memory(staged.w_.buffer.address(), "w");
    sim->name_memory(staged.y_.buffer.address(), "y");
    for (const auto& [name, tensor] : staged.tensors_) sim->name_memory(tensor.buffer.address(), name);
  }
  return staged;
}

LaunchArguments StagedOperands::arguments() const {
  LaunchArguments arguments;
  arguments.tokens = tokens_;
  arguments.x = x_.view;
  arguments.w = w_.view;
  arguments.y = y_.view;
  arguments.scalars = scalars_;
  for (const auto& [name, staged] : tensors_) arguments.tensors[name] = staged.view;
  return arguments;
}

Status StagedOperands::reset_output() {
  const Staged& staged = op_ == Op::kFprop ? y_ : op_ == Op::kBprop ? x_ : w_;
  const Pitch pitch = pitch_of(output_, align_, op_ == Op::kUpdate);
  return pitch.bytes == 0 ? Status() : device_->copy_in(staged.buffer.address(), spread(output_, pitch));
}

Expected<HostTensor> StagedOperands::result() const {
  BSGEN_TRY(device_->synchronize());
  const Staged& staged = op_ == Op::kFprop ? y_ : op_ == Op::kBprop ? x_ : w_;
  const Pitch pitch = pitch_of(output_, align_, op_ == Op::kUpdate);
  HostTensor result = output_;
  if (pitch.bytes == 0) return result;
  std::vector<std::byte> memory(pitch.bytes);
  BSGEN_TRY(device_->copy_out(memory, staged.buffer.address()));
  for_each_row(result, pitch, [&](std::size_t from, std::size_t to, std::size_t bytes) {
    std::memcpy(result.bytes.data() + to, memory.data() + from, bytes);
  });
  // What lies between the rows must still be poison: spread the result out again and compare.
  const std::vector<std::byte> untouched = spread(result, pitch);
  for (std::size_t at = 0; at < memory.size(); ++at)
    if (memory[at] != untouched[at])
      return Status(ErrorCode::kCheckFailed,
                    fmt::format("run: the kernel wrote between the rows of its output, at byte {} of {} (rows of {} elements, leading dimension {})", at,
                                memory.size(), output_.cols, pitch.leading_dimension));
  return result;
}

}  // namespace bsgen::verify
