// TensorMap: how the copy engine of sm_90 and newer sees a tensor in device memory, and the box of it that one instruction copies.
//
//   auto map = device->encode_tensor_map({.type = TensorType::kBf16, .rank = 2, .address = w.address(), .dims = {k, n},
//                                         .strides = {k * 2}, .box = {64, 128}, .swizzle = TensorSwizzle::k128B});
//
// A kernel takes it as a __grid_constant__ parameter. Dimension 0 is the innermost; fields and rules are those of
// cuTensorMapEncodeTiled and, with im2col, cuTensorMapEncodeIm2col (CUDA driver API, "Tensor Map Object Management"), without
// interleaved layouts, im2col::w and packed types of 4 and 6 bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "bsgen/status.h"

namespace bsgen {

enum class TensorType : std::uint8_t { kU8, kU16, kU32, kS32, kU64, kS64, kF16, kF32, kF64, kBf16, kF32Ftz, kTf32, kTf32Ftz };
// What changes places within a row of 32, 64 or 128 bytes: chunks of 16 bytes, or of as many as the atom says.
enum class TensorSwizzle : std::uint8_t { kNone, k32B, k64B, k128B, k128BAtom32B, k128BAtom64B = 6 };
// What a load gives for elements outside the tensor. kNan: each 16 bits are 0x7ff7, which fma.oob takes for zero. NVIDIA does not
// document the pattern; it is what public programs report that they saw on GPUs.
enum class TensorFill : std::uint8_t { kZeros, kNan };
enum class TensorPromotion : std::uint8_t { kNone, k64B, k128B, k256B };  // of L2 fetches: a hint
int element_bytes(TensorType type);
int swizzle_bytes(TensorSwizzle swizzle);  // of the row in which chunks change places; 0 = none

struct TensorMapConfig {
  TensorType type = TensorType::kF16;
  int rank = 2;
  std::uint64_t address = 0;
  std::uint64_t dims[5] = {};      // elements
  std::uint64_t strides[4] = {};   // bytes, of dimensions 1 .. rank - 1
  std::uint32_t box[5] = {};       // elements; im2col has none
  std::uint32_t element_strides[5] = {1, 1, 1, 1, 1};  // every how many elements of the box; [0] is not looked at
  TensorSwizzle swizzle = TensorSwizzle::kNone;
  TensorPromotion promotion = TensorPromotion::kNone;
  TensorFill fill = TensorFill::kZeros;
  // im2col: the tensor is a batch of images {channels, w, h, d, n} of rank 3 to 5. A copy takes pixels_per_column pixels in order of
  // w, h, d, n, each of channels_per_pixel elements, and goes on at the lower corner where it comes to the upper one.
  bool im2col = false;
  std::int32_t lower_corner[3] = {}, upper_corner[3] = {};  // w, h, d: first and last pixel, from the image's first and last
  std::uint32_t channels_per_pixel = 0, pixels_per_column = 0;
  Status verify() const;           // every rule of the driver, with the number that breaks it
};

struct alignas(64) TensorMap {
  std::byte bytes[128] = {};       // opaque: each device has a form of its own
};

}  // namespace bsgen
