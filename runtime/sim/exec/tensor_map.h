// The simulated device's form of a tensor map, and the walk over the box that one instruction copies.
#pragma once

#include <cstdint>

#include "bsgen/tensor_map.h"

namespace bsgen::sim {

TensorMap encode(const TensorMapConfig& config);
// False where the bytes are no tensor map of this device (or somebody has overwritten it).
bool decode(const std::byte* bytes, TensorMapConfig& config);

// A box at coordinates, as rows of bytes: dimension 0 runs along a row, the others over the rows.
struct TensorBox {
  TensorBox(const TensorMapConfig& map, const std::int32_t* coordinates);

  struct Row {
    std::uint64_t address;      // of the first element inside the tensor
    std::uint32_t offset;       // in the box as it lies in shared memory, before the swizzle
    std::uint32_t skip, bytes;  // the row's bytes before the tensor begins, and inside it; the rest of row_bytes is outside
  };
  Row row(std::uint32_t index) const;

  const TensorMapConfig& map;
  std::int64_t first[5] = {};
  std::uint32_t extent[5] = {1, 1, 1, 1, 1};  // elements in shared memory
  std::uint32_t row_bytes = 0, num_rows = 1;
  std::uint32_t bytes() const { return row_bytes * num_rows; }
};

// Where the 16 bytes at `address` of shared memory lie: the swizzle exchanges bits of the address itself.
constexpr std::uint32_t swizzled(std::uint32_t address, TensorSwizzle swizzle) {
  switch (swizzle) {
    case TensorSwizzle::k32B: return address ^ (address >> 3 & 0x10);
    case TensorSwizzle::k64B: return address ^ (address >> 3 & 0x30);
    case TensorSwizzle::k128B: return address ^ (address >> 3 & 0x70);
    default: return address;
  }
}

}  // namespace bsgen::sim
