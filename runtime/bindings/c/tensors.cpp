#include "runtime/bindings/c/tensors.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/bindings/c/dlpack_abi.h"
#include "runtime/bindings/c/support.h"

namespace bsgen::c {
namespace {

using runtime::LoadedKernel;
using runtime::OperandSpec;

Status refuse(std::string_view name, std::string_view what) { return invalid(fmt::format("launch: argument {} {}", name, what)); }

// Strides with the contiguous ones put in where none are given.
struct Strides {
  std::int64_t of[BSGEN_MAX_NDIM] = {};
};
Strides strides_of(const bsgen_tensor& t) {
  Strides strides;
  const bool given = std::any_of(t.strides, t.strides + t.ndim, [](std::int64_t s) { return s != 0; });
  std::int64_t next = 1;
  for (int i = t.ndim - 1; i >= 0; --i) {
    strides.of[i] = given ? t.strides[i] : next;
    // Of an absurd shape some product; the launch refuses the shape.
    next = static_cast<std::int64_t>(static_cast<std::uint64_t>(next) * static_cast<std::uint64_t>(std::max<std::int64_t>(t.shape[i], 1)));
  }
  return strides;
}

std::string list(const std::int64_t* numbers, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += fmt::format("{}{}", i == 0 ? "" : ", ", numbers[i]);
  return "(" + text + ")";
}

// What every role shares: type, address, device.
Expected<TensorView> place(const bsgen_tensor& t, const OperandSpec& operand, const LoadedKernel& kernel, int min_ndim, int max_ndim) {
  static constexpr DType kTypes[] = {DType::kFp32, DType::kFp32, DType::kFp32, DType::kFp16, DType::kBf16};
  if (t.ndim < min_ndim || t.ndim > max_ndim)
    return refuse(operand.name, fmt::format("has {} dimensions, it takes {} to {}", t.ndim, min_ndim, max_ndim));
  if (t.dtype == BSGEN_DTYPE_DEFAULT) return refuse(operand.name, "has no dtype; a tensor says its own");
  if (operand.output && t.read_only) return refuse(operand.name, "is read-only, and the kernel writes it");
  TensorView view;
  BSGEN_ASSIGN(view.dtype, choose(kTypes, t.dtype, "bsgen_dtype"));
  view.data = t.data;
  const bool gpu = t.device_type == BSGEN_CUDA || t.device_type == BSGEN_CUDA_MANAGED || t.device_type == BSGEN_CUDA_HOST;
  if (!gpu && t.device_type != BSGEN_ANY_DEVICE && t.device_type != BSGEN_CPU)
    return refuse(operand.name, fmt::format("is on a device of type {}; there are 1 (CPU), 2 (CUDA), 3 (CUDA host) and 13 (CUDA managed)", t.device_type));
  const DeviceInfo& device = kernel.device->info();
  if (t.device_type == BSGEN_CPU && device.kind == "cuda")
    return refuse(operand.name, fmt::format("is in the host's memory, the kernel is on {}; copy it there", device.name));
  // Pinned and managed memory is reached from every GPU, whatever device DLPack says it was made for.
  if (t.device_type == BSGEN_CUDA) view.device = t.device_id;
  return view;
}

}  // namespace

Expected<TensorView> activation_view(const bsgen_tensor& t, const OperandSpec& operand, const LoadedKernel& kernel) {
  BSGEN_ASSIGN(TensorView view, place(t, operand, kernel, 2, 3));
  const Strides strides = strides_of(t);
  const int head = t.ndim - 3, row = t.ndim - 2, col = t.ndim - 1;
  const bool swapped = kernel.plan.problem.activations == Activations::kCol;
  const int outer = swapped ? col : row, inner = swapped ? row : col;
  // The stride of an index that has one value says nothing.
  if (t.shape[inner] > 1 && strides.of[inner] != 1) {
    const bool other_way = strides.of[outer] == 1;
    return refuse(operand.name, fmt::format("has strides {}, the kernel takes {} contiguous (activations {}); {}", list(strides.of, t.ndim),
                                            swapped ? "tokens" : "features", name(kernel.plan.problem.activations),
                                            other_way ? fmt::format("ask for a kernel with activations {}", swapped ? "row" : "col")
                                                      : std::string("copy it to contiguous memory")));
  }
  view.rows = t.shape[outer];
  view.cols = t.shape[inner];
  view.leading_dimension = view.rows > 1 ? strides.of[outer] : view.cols;
  if (head >= 0) {
    view.heads = t.shape[head];
    view.head_stride = view.heads > 1 ? strides.of[head] : 0;
  }
  return view;
}

Expected<TensorView> values_view(const bsgen_tensor& t, const OperandSpec& operand, const LoadedKernel& kernel) {
  BSGEN_ASSIGN(TensorView view, place(t, operand, kernel, 1, BSGEN_MAX_NDIM));
  const BlockShape block = kernel.plan.block;
  const Strides strides = strides_of(t);
  std::int64_t elements = 1;
  for (int i = t.ndim - 1; i >= 0; --i) {
    if (t.shape[i] > 1 && strides.of[i] != elements)
      return refuse(operand.name, fmt::format("has strides {} for shape {}; values follow one another without gaps, copy them", list(strides.of, t.ndim),
                                              list(t.shape, t.ndim)));
    if (t.shape[i] < 0 || __builtin_mul_overflow(elements, t.shape[i], &elements))
      return refuse(operand.name, fmt::format("has shape {}", list(t.shape, t.ndim)));
  }
  // [..., block_rows, block_cols] in this order, or flattened.
  const std::int64_t of_block = std::int64_t{block.rows} * block.cols;
  const bool whole = t.ndim == 1 || t.shape[t.ndim - 1] == of_block;
  if (!whole && (t.shape[t.ndim - 1] != block.cols || t.shape[t.ndim - 2] != block.rows))
    return refuse(operand.name, fmt::format("has shape {}, its blocks are {} x {}", list(t.shape, t.ndim), block.rows, block.cols));
  view.rows = elements / of_block;
  view.cols = of_block;
  if (elements % of_block != 0) view.rows = 1, view.cols = elements;  // the launch says how many there should be
  view.leading_dimension = view.cols;
  return view;
}

Expected<TensorView> vector_view(const bsgen_tensor& t, const OperandSpec& operand, const LoadedKernel& kernel) {
  BSGEN_ASSIGN(TensorView view, place(t, operand, kernel, 1, 2));
  const Strides strides = strides_of(t);
  if (t.shape[t.ndim - 1] > 1 && strides.of[t.ndim - 1] != 1)
    return refuse(operand.name, fmt::format("has strides {}, a vector is contiguous; copy it", list(strides.of, t.ndim)));
  view.rows = 1;
  view.cols = view.leading_dimension = t.shape[t.ndim - 1];
  if (t.ndim == 2) {
    view.heads = t.shape[0];
    view.head_stride = view.heads > 1 ? strides.of[0] : 0;
  }
  return view;
}

namespace {

std::string type_text(dlpack::DataType type) {
  const char* codes[] = {"int", "uint", "float", "opaque", "bfloat", "complex", "bool"};
  const std::string base = type.code < std::size(codes) ? codes[type.code] : fmt::format("code {} of ", type.code);
  return fmt::format("{}{}{}", base, type.bits, type.lanes == 1 ? "" : fmt::format(" x {} lanes", type.lanes));
}

Expected<bsgen_dtype> type_of(dlpack::DataType type) {
  if (type.lanes == 1 && type.code == dlpack::kFloat && type.bits == 32) return BSGEN_FP32;
  if (type.lanes == 1 && type.code == dlpack::kFloat && type.bits == 16) return BSGEN_FP16;
  if (type.lanes == 1 && type.code == dlpack::kBfloat && type.bits == 16) return BSGEN_BF16;
  return Status(ErrorCode::kUnsupported, fmt::format("dlpack: elements are {}; there are float32, float16 and bfloat16", type_text(type)));
}

Status convert(const dlpack::Tensor& tensor, bool read_only, bsgen_tensor* view) {
  if (tensor.ndim < 1 || tensor.ndim > BSGEN_MAX_NDIM)
    return invalid(fmt::format("dlpack: {} dimensions, there are 1 to {}", tensor.ndim, BSGEN_MAX_NDIM));
  BSGEN_TRY(require(tensor.shape, "dlpack", "shape"));
  bsgen_tensor result{};
  BSGEN_ASSIGN(result.dtype, type_of(tensor.dtype));
  result.data = reinterpret_cast<std::uint64_t>(tensor.data) + tensor.byte_offset;
  result.ndim = tensor.ndim;
  std::copy(tensor.shape, tensor.shape + tensor.ndim, result.shape);
  if (tensor.strides) std::copy(tensor.strides, tensor.strides + tensor.ndim, result.strides);
  result.device_type = tensor.device.type;
  result.device_id = tensor.device.id;
  result.read_only = read_only;
  return write_struct(view, result, "bsgen_tensor");
}

}  // namespace
}  // namespace bsgen::c

using namespace bsgen::c;

extern "C" {

bsgen_status bsgen_tensor_from_dlpack(const void* tensor, bsgen_tensor* view) {
  return guard([&]() -> bsgen::Status {
    BSGEN_TRY(require(tensor, "bsgen_tensor_from_dlpack", "tensor"));
    return convert(*static_cast<const dlpack::Tensor*>(tensor), false, view);
  });
}

bsgen_status bsgen_tensor_from_dlpack_versioned(const struct DLManagedTensorVersioned* tensor, bsgen_tensor* view) {
  return guard([&]() -> bsgen::Status {
    BSGEN_TRY(require(tensor, "bsgen_tensor_from_dlpack_versioned", "tensor"));
    const auto& managed = *reinterpret_cast<const dlpack::ManagedTensorVersioned*>(tensor);
    if (managed.major != dlpack::kMajorVersion)
      return bsgen::Status(bsgen::ErrorCode::kUnsupported, fmt::format("dlpack: the tensor has version {}.{}, this library reads {}.x", managed.major,
                                                                       managed.minor, dlpack::kMajorVersion));
    return convert(managed.tensor, (managed.flags & dlpack::kReadOnly) != 0, view);
  });
}

}  // extern "C"
