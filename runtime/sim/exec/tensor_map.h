// The simulated device's form of a tensor map, and the walk over what one instruction copies.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "bsgen/tensor_map.h"

namespace bsgen::sim {

TensorMap encode(const TensorMapConfig& config);
// False where the bytes are no tensor map of this device (or somebody has overwritten it).
bool decode(const std::byte* bytes, TensorMapConfig& config);

// Which elements an instruction copies (PTX ISA, "Tensor Access Modes").
enum class TensorMode : std::uint8_t {
  kTile,      // the box at the coordinates
  kFourRows,  // tile::gather4, tile::scatter4: a column and four rows of a matrix
  kPixels,    // im2col: coordinates, then as many offsets as the images have dimensions
};
struct TensorPlace {
  TensorMode mode = TensorMode::kTile;
  std::int32_t at[5] = {};
  std::uint32_t offsets[3] = {};
};
// What is wrong with copying there, as "gives 3 coordinates, the tensor map has rank 2"; "" where nothing is.
std::string refusal(const TensorMapConfig& map, const TensorPlace& place, int num_coordinates);

// The elements at a place that refusal() has nothing against, as rows of bytes: dimension 0 runs along a row, the others over the rows.
struct TensorBox {
  TensorBox(const TensorMapConfig& map, const TensorPlace& place);

  struct Row {
    std::uint64_t address;      // of the first element inside the tensor
    std::uint32_t offset;       // in the box as it lies in shared memory, before the swizzle
    std::uint32_t skip, bytes;  // the row's bytes before the tensor begins, and inside it; the rest of row_bytes is outside
  };
  Row row(std::uint32_t index) const;

  const TensorMapConfig& map;
  TensorPlace place;
  std::uint32_t extent[5] = {1, 1, 1, 1, 1};  // elements in shared memory
  std::uint32_t row_bytes = 0, num_rows = 1;
  std::uint32_t bytes() const { return row_bytes * num_rows; }

 private:
  using Position = std::array<std::int64_t, 5>;
  Position position(std::uint32_t row) const;
  std::vector<Position> pixels_;  // of im2col, in order
};

// Where the 16 bytes at `address` of shared memory lie: the swizzle exchanges bits of the address itself.
constexpr std::uint32_t swizzled(std::uint32_t address, TensorSwizzle swizzle) {
  switch (swizzle) {
    case TensorSwizzle::k32B: return address ^ (address >> 3 & 0x10);
    case TensorSwizzle::k64B: return address ^ (address >> 3 & 0x30);
    case TensorSwizzle::k128B: return address ^ (address >> 3 & 0x70);
    case TensorSwizzle::k128BAtom32B: return address ^ (address >> 2 & 0x60);
    case TensorSwizzle::k128BAtom64B: return address ^ (address >> 1 & 0x40);
    default: return address;
  }
}

}  // namespace bsgen::sim
