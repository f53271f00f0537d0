#include "runtime/sim/exec/tensor_map.h"

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

}  // namespace bsgen

namespace bsgen::sim {
namespace {

constexpr std::uint32_t kMagic = 0x70616d74;  // "tmap"

struct Packed {
  std::uint32_t magic, check;
  std::uint8_t type, rank, swizzle, promotion, fill, element_strides[5];
  std::uint16_t box[5];
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
    packed.box[d] = static_cast<std::uint16_t>(config.box[d]);
    packed.last[d] = static_cast<std::uint32_t>(config.dims[d] - 1);
    if (d > 0) packed.strides[d - 1] = config.strides[d - 1];
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
    config.box[d] = packed.box[d];
    config.dims[d] = std::uint64_t{packed.last[d]} + 1;
    if (d > 0) config.strides[d - 1] = packed.strides[d - 1];
  }
  return true;
}

TensorBox::TensorBox(const TensorMapConfig& map, const std::int32_t* coordinates) : map(map) {
  for (int d = 0; d < map.rank; ++d) {
    first[d] = coordinates[d];
    extent[d] = (map.box[d] + map.element_strides[d] - 1) / map.element_strides[d];
    if (d > 0) num_rows *= extent[d];
  }
  row_bytes = extent[0] * static_cast<std::uint32_t>(element_bytes(map.type));
}

TensorBox::Row TensorBox::row(std::uint32_t index) const {
  Row made{map.address, index * row_bytes, 0, 0};
  bool inside = true;
  for (int d = 1; d < map.rank; ++d) {
    const std::int64_t at = first[d] + std::int64_t{index % extent[d]} * map.element_strides[d];
    index /= extent[d];
    inside &= at >= 0 && static_cast<std::uint64_t>(at) < map.dims[d];
    made.address += static_cast<std::uint64_t>(at) * map.strides[d - 1];
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
