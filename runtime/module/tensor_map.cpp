// The rules of cuTensorMapEncodeTiled and cuTensorMapEncodeIm2col, checked before any device is asked (CUDA driver API).
#include "bsgen/tensor_map.h"

#include <fmt/format.h>

#include "bsgen/device.h"

namespace bsgen {
namespace {

Status bad(std::string message) { return Status(ErrorCode::kInvalidArgument, "tensor map: " + std::move(message)); }

constexpr std::uint64_t kMaxDim = std::uint64_t{1} << 32, kMaxStride = std::uint64_t{1} << 40;
constexpr std::uint32_t kMaxBox = 256, kMaxElementStride = 8, kMaxPixels = 1024;

Status check_dimension(const TensorMapConfig& map, int d) {
  if (map.dims[d] == 0 || map.dims[d] > kMaxDim) return bad(fmt::format("dimension {} has {} elements, 1 to {} are possible", d, map.dims[d], kMaxDim));
  if (!map.im2col && (map.box[d] == 0 || map.box[d] > kMaxBox)) return bad(fmt::format("the box has {} elements in dimension {}, 1 to {} are possible", map.box[d], d, kMaxBox));
  if (d == 0) return {};
  if (map.element_strides[d] == 0 || map.element_strides[d] > kMaxElementStride)
    return bad(fmt::format("the element stride of dimension {} is {}, 1 to {} are possible", d, map.element_strides[d], kMaxElementStride));
  const std::uint64_t stride = map.strides[d - 1];
  if (stride % 16 != 0) return bad(fmt::format("the stride of dimension {} is {} bytes, not a multiple of 16", d, stride));
  if (stride >= kMaxStride) return bad(fmt::format("the stride of dimension {} is {} bytes, the limit is {}", d, stride, kMaxStride - 1));
  const std::uint64_t below = d == 1 ? map.dims[0] * static_cast<std::uint64_t>(element_bytes(map.type)) : map.dims[d - 1] * map.strides[d - 2];
  if (stride < below) return bad(fmt::format("the stride of dimension {} is {} bytes, dimension {} takes {}", d, stride, d - 1, below));
  return {};
}

// Corners take 16 bits of the map in all, which the dimensions of an image share.
Status check_im2col(const TensorMapConfig& map) {
  if (map.rank < 3) return bad(fmt::format("rank {}, 3 to 5 are possible with im2col", map.rank));
  const int images = map.rank - 2, limit = images == 1 ? 32768 : images == 2 ? 128 : 16;
  for (int d = 0; d < images; ++d) {
    const std::int32_t low = map.lower_corner[d], high = map.upper_corner[d];
    for (const std::int32_t corner : {low, high})
      if (corner < -limit || corner >= limit)
        return bad(fmt::format("a corner of dimension {} is {}, {} to {} are possible in rank {}", d + 1, corner, -limit, limit - 1, map.rank));
    const std::int64_t last = static_cast<std::int64_t>(map.dims[d + 1]) - 1 + high;
    if (last < low) return bad(fmt::format("the bounding box of dimension {} goes from {} to {}, it must not be empty", d + 1, low, last));
  }
  if (map.channels_per_pixel == 0 || map.channels_per_pixel > kMaxBox)
    return bad(fmt::format("{} channels per pixel, 1 to {} are possible", map.channels_per_pixel, kMaxBox));
  if (map.pixels_per_column == 0 || map.pixels_per_column > kMaxPixels)
    return bad(fmt::format("{} pixels per column, 1 to {} are possible", map.pixels_per_column, kMaxPixels));
  return {};
}

}  // namespace

Status TensorMapConfig::verify() const {
  if (rank < 1 || rank > 5) return bad(fmt::format("rank {}, 1 to 5 are possible", rank));
  if (address == 0 || address % 16 != 0) return bad(fmt::format("address {:#x} is not a multiple of 16", address));
  for (int d = 0; d < rank; ++d) BSGEN_TRY(check_dimension(*this, d));
  if (im2col) BSGEN_TRY(check_im2col(*this));
  const std::uint32_t width = im2col ? channels_per_pixel : box[0];
  const std::uint32_t inner = width * static_cast<std::uint32_t>(element_bytes(type));
  if (inner % 16 != 0) return bad(fmt::format("the box is {} bytes wide ({} elements), not a multiple of 16", inner, width));
  const auto span = static_cast<std::uint32_t>(swizzle_bytes(swizzle));
  if (span != 0 && inner > span) return bad(fmt::format("the box is {} bytes wide, a swizzle of {} bytes takes no more; use boxes of {} elements", inner, span, span / static_cast<std::uint32_t>(element_bytes(type))));
  const bool is_float = type == TensorType::kF16 || type >= TensorType::kF32;
  if (fill == TensorFill::kNan && !is_float) return bad("elements outside can be filled with NaN in floating-point tensors only");
  return {};
}

Expected<TensorMap> Device::encode_tensor_map(const TensorMapConfig& config) {
  BSGEN_TRY(config.verify());
  if (info().arch.number < 90)
    return Status(ErrorCode::kUnsupported, fmt::format("tensor map: {} is {}, tensor maps need sm_90", info().name, info().arch.name()));
  return encode_verified(config);
}

}  // namespace bsgen
