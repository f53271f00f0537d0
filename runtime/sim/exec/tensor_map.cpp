#include "runtime/sim/exec/tensor_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace bsgen {

int element_bytes(TensorType type) {
  switch (type) {
    case TensorType::kU8: return 1;
    case TensorType::kU16:
    case TensorType::kF16:
    case TensorType::kBf16: return 2;
    case TensorType::kU64:
    case TensorType::kS64:
    case TensorType::kF64: return 8;
    default: return 4;
  }
}

int swizzle_bytes(TensorSwizzle swizzle) {
  switch (swizzle) {
    case TensorSwizzle::kNone: return 0;
    case TensorSwizzle::k32B: return 32;
    case TensorSwizzle::k64B: return 64;
    default: return 128;
  }
}

}  // namespace bsgen

namespace bsgen::sim {
namespace {

constexpr std::uint32_t kMagic = 0x70616d74;  // "tmap"

struct Packed {
  std::uint32_t magic, check;
  std::uint8_t type, rank, swizzle, promotion, fill, element_strides[5];
  std::uint16_t is_im2col;
  union {
    std::uint16_t box[5];
    struct {
      std::int16_t lower[3], upper[3];
      std::uint16_t channels, pixels;
    } im2col;
  };
  std::uint32_t last[5];  // dims - 1, which may be 2^32 - 1
  std::uint64_t address, strides[4];
};
static_assert(sizeof(Packed) <= sizeof(TensorMap));

std::uint32_t checksum(const Packed& packed) {
  std::uint32_t sum = 2166136261u;
  Packed plain = packed;
  plain.check = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(&plain);
  for (std::size_t i = 0; i < sizeof plain; ++i) sum = (sum ^ bytes[i]) * 16777619u;
  return sum;
}

}  // namespace

TensorMap encode(const TensorMapConfig& config) {
  Packed packed;
  std::memset(&packed, 0, sizeof packed);
  packed.magic = kMagic;
  packed.type = static_cast<std::uint8_t>(config.type);
  packed.rank = static_cast<std::uint8_t>(config.rank);
  packed.swizzle = static_cast<std::uint8_t>(config.swizzle);
  packed.promotion = static_cast<std::uint8_t>(config.promotion);
  packed.fill = static_cast<std::uint8_t>(config.fill);
  packed.address = config.address;
  for (int d = 0; d < config.rank; ++d) {
    packed.element_strides[d] = static_cast<std::uint8_t>(d == 0 ? 1 : config.element_strides[d]);
    packed.last[d] = static_cast<std::uint32_t>(config.dims[d] - 1);
    if (d > 0) packed.strides[d - 1] = config.strides[d - 1];
    if (!config.im2col) packed.box[d] = static_cast<std::uint16_t>(config.box[d]);
  }
  if (config.im2col) {
    packed.is_im2col = 1;
    std::copy_n(config.lower_corner, 3, packed.im2col.lower);
    std::copy_n(config.upper_corner, 3, packed.im2col.upper);
    packed.im2col.channels = static_cast<std::uint16_t>(config.channels_per_pixel);
    packed.im2col.pixels = static_cast<std::uint16_t>(config.pixels_per_column);
  }
  packed.check = checksum(packed);
  TensorMap map;
  std::memcpy(map.bytes, &packed, sizeof packed);
  return map;
}

bool decode(const std::byte* bytes, TensorMapConfig& config) {
  Packed packed;
  std::memcpy(&packed, bytes, sizeof packed);
  if (packed.magic != kMagic || packed.check != checksum(packed)) return false;
  config.type = static_cast<TensorType>(packed.type);
  config.rank = packed.rank;
  config.swizzle = static_cast<TensorSwizzle>(packed.swizzle);
  config.promotion = static_cast<TensorPromotion>(packed.promotion);
  config.fill = static_cast<TensorFill>(packed.fill);
  config.address = packed.address;
  for (int d = 0; d < config.rank; ++d) {
    config.element_strides[d] = packed.element_strides[d];
    config.dims[d] = std::uint64_t{packed.last[d]} + 1;
    if (d > 0) config.strides[d - 1] = packed.strides[d - 1];
    if (packed.is_im2col == 0) config.box[d] = packed.box[d];
  }
  config.im2col = packed.is_im2col != 0;
  if (!config.im2col) return true;
  std::copy_n(packed.im2col.lower, 3, config.lower_corner);
  std::copy_n(packed.im2col.upper, 3, config.upper_corner);
  config.channels_per_pixel = packed.im2col.channels;
  config.pixels_per_column = packed.im2col.pixels;
  return true;
}

namespace {

// Of the box that pixels come from, without offsets.
std::int64_t last_pixel(const TensorMapConfig& map, int image_dimension) {
  return static_cast<std::int64_t>(map.dims[image_dimension + 1]) - 1 + map.upper_corner[image_dimension];
}

std::string pixel_refusal(const TensorMapConfig& map, const TensorPlace& place) {
  const int images = map.rank - 2;
  const std::uint32_t most = (images == 1 ? 1u << 16 : images == 2 ? 1u << 8 : 1u << 5) - 1;
  for (int d = 0; d < images; ++d) {
    if (place.offsets[d] > most)
      return fmt::format("gives the im2col offset {} in dimension {}, 0 to {} are possible in rank {}", place.offsets[d], d + 1, most, map.rank);
    if (place.at[d + 1] < map.lower_corner[d] || place.at[d + 1] > last_pixel(map, d))
      return fmt::format("begins at {} in dimension {}, the bounding box of the tensor map goes from {} to {}", place.at[d + 1], d + 1, map.lower_corner[d],
                         last_pixel(map, d));
  }
  return {};
}

}  // namespace

std::string refusal(const TensorMapConfig& map, const TensorPlace& place, int num_coordinates) {
  const int rank = place.mode == TensorMode::kFourRows ? 2 : num_coordinates;
  if (map.rank != rank)
    return place.mode == TensorMode::kFourRows ? fmt::format("copies rows of a matrix, the tensor map has rank {}", map.rank)
                                               : fmt::format("gives {} coordinates, the tensor map has rank {}", rank, map.rank);
  if (map.im2col != (place.mode == TensorMode::kPixels))
    return map.im2col ? "copies a box, the tensor map is one for im2col" : "copies pixels (im2col), the tensor map is one of boxes";
  if (place.mode == TensorMode::kFourRows && map.box[1] != 1) return fmt::format("copies four rows, the box of the tensor map has {} rows instead of one", map.box[1]);
  return map.im2col ? pixel_refusal(map, place) : std::string();
}

TensorBox::TensorBox(const TensorMapConfig& map, const TensorPlace& place) : map(map), place(place) {
  if (map.im2col) {
    extent[0] = map.channels_per_pixel;
    num_rows = map.pixels_per_column;
    Position at{};
    for (int d = 0; d < map.rank; ++d) at[d] = place.at[d] + (d > 0 && d < map.rank - 1 ? static_cast<std::int64_t>(place.offsets[d - 1]) : 0);
    for (std::uint32_t pixel = 0; pixel < num_rows; ++pixel) {
      pixels_.push_back(at);
      int d = 1;
      for (; d < map.rank - 1; ++d) {
        at[d] += map.element_strides[d];
        if (at[d] <= last_pixel(map, d - 1) + place.offsets[d - 1]) break;
        at[d] = map.lower_corner[d - 1] + static_cast<std::int64_t>(place.offsets[d - 1]);
      }
      if (d == map.rank - 1) ++at[d];
    }
  } else {
    for (int d = 0; d < map.rank; ++d) extent[d] = (map.box[d] + map.element_strides[d] - 1) / map.element_strides[d];
    if (place.mode == TensorMode::kFourRows) extent[1] = 4;
    for (int d = 1; d < map.rank; ++d) num_rows *= extent[d];
  }
  row_bytes = extent[0] * static_cast<std::uint32_t>(element_bytes(map.type));
}

TensorBox::Position TensorBox::position(std::uint32_t row) const {
  if (map.im2col) return pixels_[row];
  if (place.mode == TensorMode::kFourRows) return {place.at[0], place.at[1 + row]};
  Position at{place.at[0]};
  for (int d = 1; d < map.rank; ++d) {
    at[d] = place.at[d] + std::int64_t{row % extent[d]} * map.element_strides[d];
    row /= extent[d];
  }
  return at;
}

TensorBox::Row TensorBox::row(std::uint32_t index) const {
  Row made{map.address, index * row_bytes, 0, 0};
  const Position first = position(index);
  bool inside = true;
  for (int d = 1; d < map.rank; ++d) {
    inside &= first[d] >= 0 && static_cast<std::uint64_t>(first[d]) < map.dims[d];
    made.address += static_cast<std::uint64_t>(first[d]) * map.strides[d - 1];
  }
  const auto size = static_cast<std::uint32_t>(element_bytes(map.type));
  const std::int64_t begin = std::max<std::int64_t>(first[0], 0);
  const std::int64_t end = std::min<std::int64_t>(first[0] + extent[0], static_cast<std::int64_t>(map.dims[0]));
  if (!inside || begin >= end) return made;
  made.address += static_cast<std::uint64_t>(begin) * size;
  made.skip = static_cast<std::uint32_t>(begin - first[0]) * size;
  made.bytes = static_cast<std::uint32_t>(end - begin) * size;
  return made;
}

}  // namespace bsgen::sim
