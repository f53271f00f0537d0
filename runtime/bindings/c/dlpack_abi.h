// DLPack's structs, as far as they are read here. Their layout is DLPack's ABI (dlpack.h 1.x, Apache-2.0), which every release of major
// version 1 keeps; DLTensor is unchanged since 0.2.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bsgen::c::dlpack {

enum TypeCode : std::uint8_t { kInt = 0, kUInt = 1, kFloat = 2, kBfloat = 4 };

struct DeviceName {
  std::int32_t type;
  std::int32_t id;
};
struct DataType {
  std::uint8_t code;
  std::uint8_t bits;
  std::uint16_t lanes;
};
struct Tensor {
  void* data;
  DeviceName device;
  std::int32_t ndim;
  DataType dtype;
  const std::int64_t* shape;
  const std::int64_t* strides;  // elements; null: contiguous
  std::uint64_t byte_offset;
};
static_assert(sizeof(Tensor) == 48 && offsetof(Tensor, ndim) == 16 && offsetof(Tensor, shape) == 24 && offsetof(Tensor, byte_offset) == 40);

inline constexpr std::uint32_t kMajorVersion = 1;
inline constexpr std::uint64_t kReadOnly = 1;
struct ManagedTensorVersioned {
  std::uint32_t major, minor;
  void* manager;
  void (*deleter)(ManagedTensorVersioned*);
  std::uint64_t flags;
  Tensor tensor;
};
static_assert(offsetof(ManagedTensorVersioned, flags) == 24 && offsetof(ManagedTensorVersioned, tensor) == 32);

}  // namespace bsgen::c::dlpack
