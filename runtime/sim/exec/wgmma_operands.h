// Matrix descriptors and the layout of wgmma operands in shared memory (PTX ISA, "Asynchronous wgmma, shared memory matrix layout").
//
// An operand is 8 x 16-byte core matrices. W = 8, 4, 2 or 1 chunks of 16 bytes make a row of the 128-, 64-, 32-byte or no swizzle.
// The byte of row r (of M or N) and chunk c (of the 32 bytes of K) before the swizzle:
//
//   K-major    (r % 8) 16 W + (r / 8) stride + c (16; leading without swizzle)
//   MN-major   chunk q of 8 rows at k:  (q % W) 16 + (q / W) leading + (k % 8) 16 W + (k / 8) stride
//              without swizzle:         q stride + (k % 8) 16 + (k / 8) leading
//
// The swizzle XORs bits 7 and up of the shared address, as much of them as W has bits, into bits 4 and up.
#pragma once

#include <cstdint>
#include <string>

namespace bsgen::sim {

struct MatrixDescriptor {
  std::uint32_t start = 0, leading = 0, stride = 0;  // bytes; start is an address of the shared window
  int base_offset = 0;
  int chunks = 1;  // W

  static MatrixDescriptor decode(std::uint64_t bits);
  // What is wrong with it whatever it points to; empty where nothing is.
  static std::string problem(std::uint64_t bits);

  std::uint32_t swizzled(std::uint32_t address) const { return address ^ (address >> 7 & static_cast<std::uint32_t>(chunks - 1)) << 4; }
  std::uint32_t k_major(int row, int chunk) const {
    const std::uint32_t along_k = static_cast<std::uint32_t>(chunk) * (chunks == 1 ? leading : 16);
    return swizzled(start + static_cast<std::uint32_t>(row % 8 * 16 * chunks) + static_cast<std::uint32_t>(row / 8) * stride + along_k);
  }
  std::uint32_t mn_major(int q, int k) const {
    const auto row = static_cast<std::uint32_t>(k % 8 * 16 * chunks), group = static_cast<std::uint32_t>(k / 8);
    if (chunks == 1) return start + static_cast<std::uint32_t>(q) * stride + row + group * leading;
    return swizzled(start + static_cast<std::uint32_t>(q % chunks * 16) + static_cast<std::uint32_t>(q / chunks) * leading + row + group * stride);
  }
};

}  // namespace bsgen::sim
