#include "runtime/launch/launch_checks.h"

#include <fmt/format.h>

#include <bit>
#include <limits>

namespace bsgen::runtime {
namespace {

Status refuse(std::string message) { return {ErrorCode::kInvalidArgument, "launch: " + std::move(message)}; }

// tf32 tensors are fp32 in memory; either name will do.
DType memory_type(DType dtype) { return dtype == DType::kTf32 ? DType::kFp32 : dtype; }

std::int64_t extent(std::int64_t of_spec, std::int64_t tokens) { return of_spec == kTokens ? tokens : of_spec; }

std::string shape(std::int64_t heads, std::int64_t rows, std::int64_t cols, bool with_heads) {
  return with_heads ? fmt::format("{} x {} x {}", heads, rows, cols) : fmt::format("{} x {}", rows, cols);
}

bool is_values(const LaunchSpec& spec, const OperandSpec& operand) { return &operand == &spec.w; }

Status wrong_shape(const LaunchSpec& spec, const OperandSpec& operand, const TensorView& view, std::int64_t tokens) {
  const std::int64_t rows = extent(operand.rows, tokens), cols = extent(operand.cols, tokens);
  const bool with_heads = view.heads != 1 || operand.heads != 1;
  if (is_values(spec, operand)) {
    std::int64_t elements = 0;
    if (!__builtin_mul_overflow(view.rows, view.cols, &elements) && !__builtin_mul_overflow(elements, view.heads, &elements) &&
        elements != rows * cols)
      return refuse(fmt::format("argument {} has {} elements, the layout has {} in {} blocks of {} x {}", operand.name, elements, rows * cols,
                                spec.num_blocks, spec.block.rows, spec.block.cols));
  }
  return refuse(fmt::format("argument {} is {}, the kernel takes {} ({}{})", operand.name, shape(view.heads, view.rows, view.cols, with_heads),
                            shape(operand.heads, rows, cols, with_heads), with_heads ? "heads x " : "", operand.dims));
}

// What the lowest set bit of every address and stride in bytes allows.
int alignment_of(const TensorView& view) {
  const auto size = static_cast<std::uint64_t>(size_bytes(view.dtype));
  std::uint64_t bits = view.data | 16;
  if (view.rows > 1) bits |= static_cast<std::uint64_t>(view.leading_dimension) * size;
  if (view.heads > 1) bits |= static_cast<std::uint64_t>(view.head_stride) * size;
  return 1 << std::countr_zero(bits);
}

// The request that would take these arguments: the largest alignment of a kernel that all of them have.
std::string way_out(const LaunchSpec& spec, const OperandSpec& operand, const LaunchArguments& arguments) {
  int common = 16;
  for (const TensorView* view : {&arguments.x, &arguments.w, &arguments.y}) common = std::min(common, alignment_of(*view));
  for (const epilogue::Parameter& parameter : spec.parameters)
    if (const auto found = arguments.tensors.find(parameter.name); found != arguments.tensors.end())
      common = std::min(common, alignment_of(found->second));
  const int least = std::max({size_bytes(spec.x.dtype), size_bytes(spec.w.dtype), size_bytes(spec.y.dtype)});
  for (const int align : {4, 2})
    if (align <= common && align >= least && align < spec.align) return fmt::format("ask for a kernel with align {}", align);
  return fmt::format("no kernel takes less than {}, copy {} to an aligned place", std::max(least, size_bytes(operand.dtype)), operand.name);
}

// What this tensor's addresses must be multiples of: the kernel's alignment, and its own elements where those are larger (the
// fp32 vectors of a 16-bit kernel with align 2).
int needed_alignment(const LaunchSpec& spec, const TensorView& view) { return std::max(spec.align, size_bytes(view.dtype)); }

Status misaligned(const LaunchSpec& spec, const OperandSpec& operand, const TensorView& view, const LaunchArguments& arguments) {
  const int size = size_bytes(view.dtype), align = needed_alignment(spec, view);
  std::string what;
  if (view.data % static_cast<std::uint64_t>(align))
    what = fmt::format("is at address {:#x}", view.data);
  else if (view.rows > 1 && view.leading_dimension * size % align)
    what = fmt::format("has a leading dimension of {} elements ({} bytes)", view.leading_dimension, view.leading_dimension * size);
  else
    what = fmt::format("has a head stride of {} elements ({} bytes)", view.head_stride, view.head_stride * size);
  return refuse(fmt::format("argument {} {}, the kernel takes multiples of {} bytes; {}", operand.name, what, align,
                            way_out(spec, operand, arguments)));
}

// The byte after the last element, or nothing where that is no address.
bool spans(const TensorView& view) {
  std::int64_t last = 0, rows = 0, bytes = 0;
  if (__builtin_mul_overflow(view.heads - 1, view.head_stride, &last)) return false;
  if (__builtin_mul_overflow(view.rows - 1, view.leading_dimension, &rows)) return false;
  if (__builtin_add_overflow(last, rows, &last) || __builtin_add_overflow(last, view.cols, &last)) return false;
  if (__builtin_mul_overflow(last, std::int64_t{size_bytes(view.dtype)}, &bytes)) return false;
  return view.data <= std::numeric_limits<std::uint64_t>::max() - static_cast<std::uint64_t>(bytes);
}

// Heads of an output lie behind one another or between one another's rows, never on one another.
bool heads_apart(const TensorView& view) {
  const std::int64_t of_one_head = (view.rows - 1) * view.leading_dimension + view.cols;
  if (view.head_stride >= of_one_head) return true;
  return view.head_stride >= view.cols && view.leading_dimension >= (view.heads - 1) * view.head_stride + view.cols;
}

}  // namespace

Status check_tokens(std::int64_t tokens) {
  if (tokens >= 0 && tokens <= std::numeric_limits<std::int32_t>::max()) [[likely]] return {};
  return refuse(fmt::format("{} tokens, a launch takes 0 to 2147483647{}", tokens, tokens < 0 ? "" : "; split them"));
}

Status check_operand(const LaunchSpec& spec, const OperandSpec& operand, const TensorView& view, const LaunchArguments& arguments) {
  if (memory_type(view.dtype) != memory_type(operand.dtype)) [[unlikely]]
    return refuse(fmt::format("argument {} is {}, the kernel takes {}; {}", operand.name, name(view.dtype), name(operand.dtype),
                              operand.output ? fmt::format("ask for a kernel with out_dtype {}", name(memory_type(view.dtype)))
                                             : "convert it, or ask for a kernel of that type"));
  const std::int64_t tokens = arguments.tokens;
  const bool heads_fit = view.heads == operand.heads || (operand.heads_optional && view.heads == 1);
  if (!heads_fit || view.rows != extent(operand.rows, tokens) || view.cols != extent(operand.cols, tokens)) [[unlikely]]
    return wrong_shape(spec, operand, view, tokens);
  if (view.heads == 0 || view.rows == 0 || view.cols == 0) return {};  // no element is touched, so nothing below matters
  if (view.data == 0) [[unlikely]] return refuse(fmt::format("argument {} is null; it takes the address of device memory", operand.name));
  if (view.device >= 0 && view.device != spec.device_ordinal) [[unlikely]]
    return refuse(fmt::format("argument {} is on cuda:{}, the kernel is on {}; move it, or load a kernel on cuda:{}", operand.name, view.device,
                              spec.device_name, view.device));
  if (view.leading_dimension < view.cols) [[unlikely]]
    return refuse(fmt::format("argument {} has leading dimension {}, its rows have {} elements", operand.name, view.leading_dimension, view.cols));
  if (view.heads > 1 && view.head_stride < 0) [[unlikely]]
    return refuse(fmt::format("argument {} has head stride {}, it may not be negative", operand.name, view.head_stride));
  if (is_values(spec, operand) && view.leading_dimension != view.cols) [[unlikely]]
    return refuse(fmt::format("argument {} has leading dimension {}, blocks of {} x {} follow one another every {} elements", operand.name,
                              view.leading_dimension, spec.block.rows, spec.block.cols, view.cols));
  if (!spans(view)) [[unlikely]]
    return refuse(fmt::format("argument {} reaches past the last address: {} with leading dimension {} and head stride {} at {:#x}", operand.name,
                              shape(view.heads, view.rows, view.cols, view.heads != 1), view.leading_dimension, view.head_stride, view.data));
  if (operand.output && view.heads > 1 && !heads_apart(view)) [[unlikely]]
    return refuse(fmt::format("argument {} has head stride {}, its heads overlap; they are {} x {} with leading dimension {}", operand.name,
                              view.head_stride, view.rows, view.cols, view.leading_dimension));
  if (alignment_of(view) < needed_alignment(spec, view)) [[unlikely]] return misaligned(spec, operand, view, arguments);
  return {};
}

}  // namespace bsgen::runtime
