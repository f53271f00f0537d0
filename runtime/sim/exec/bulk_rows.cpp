#include "runtime/sim/exec/bulk_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace bsgen::sim {
namespace {

// One row of global memory, checked like any access.
BulkRows::Row global_row(Warp& warp, const Op& op, int lane, std::uint64_t address, std::uint32_t skip, std::uint32_t bytes, Access access) {
  Worker& worker = *warp.cta->worker;
  const LaunchState& launch = worker.launch;
  Allocation*& last = worker.last_allocation[op.index];
  Allocation* allocation = last;
  if (allocation == nullptr || !allocation->contains(address, bytes)) allocation = find(launch.memory, address);
  const std::string_view verb = access == Access::kRead ? "reads" : "writes";
  if (allocation == nullptr || !allocation->contains(address, bytes)) {
    report(warp, op, Severity::kError, "out_of_bounds", lane, [&] {
      if (allocation != nullptr && address - allocation->base < allocation->bytes + 4096)
        return fmt::format("{} {} bytes at byte {} of {}, which ends at {}", verb, bytes, address - allocation->base,
                           allocation->name.empty() ? "an allocation" : "variable " + allocation->name, allocation->bytes);
      return fmt::format("{} {} bytes at {}", verb, bytes, launch.memory_map->describe(address));
    });
    return {nullptr, nullptr, skip, 0, nullptr, 0};
  }
  last = allocation;
  const std::uint64_t offset = address - allocation->base;
  std::uint8_t* const valid = allocation->valid.get() + offset;
  if (access == Access::kWrite && !allocation->writable) {
    report(warp, op, Severity::kError, "read_only", lane, [&] { return fmt::format("writes to constant memory ({})", allocation->name); });
    return {nullptr, nullptr, skip, 0, nullptr, 0};
  }
  if (access == Access::kRead && !allocation->all_valid.load(std::memory_order_relaxed)) {
    const std::uint8_t* const bad = std::find_if(valid, valid + bytes, [](std::uint8_t byte) { return byte != 0xff; });
    if (bad != valid + bytes)
      report(warp, op, Severity::kError, "uninitialized", lane, [&] {
        return fmt::format("reads {} bytes at byte {} of {} of {} bytes; byte {} was never written", bytes, offset,
                           allocation->name.empty() ? "an allocation" : "variable " + allocation->name, allocation->bytes, offset + static_cast<std::uint64_t>(bad - valid));
      });
  }
  OpCounts& counters = counts_of(warp, op);
  const std::uint64_t sectors = (address + bytes + 31) / 32 - address / 32;
  (access == Access::kRead ? counters.global_read_bytes : counters.global_write_bytes) += sectors * 32;
  counters.requested_bytes += bytes;
  return {allocation->data.get() + offset, valid, skip, bytes, allocation, offset};
}

// The tensor map that the lane names; false (reported) where there is none.
bool fetch_map(Warp& warp, const Op& op, int lane, TensorMapConfig& map) {
  const std::uint64_t address = warp.reg64(op.slot[2])[lane] + displacement(warp, op, 0);
  const LaunchState& launch = *warp.cta->launch;
  const std::byte* bytes = nullptr;
  std::string where = launch.memory_map->describe(address);
  if (address - kParamWindow < kWindowBytes) {
    const std::uint64_t offset = address - kParamWindow;
    where = fmt::format("byte {} of the parameters", offset);
    if (offset + sizeof(TensorMap) <= launch.parameters.size()) bytes = launch.parameters.data() + offset;
  } else if (address - kLocalWindow < kWindowBytes || address - kSharedWindow < kWindowBytes) {
    report(warp, op, Severity::kError, "tensor_map", lane, [] {
      return std::string("takes a tensor map from local or shared memory; it must be a __grid_constant__ parameter or lie in constant or global memory");
    });
    return false;
  } else if (Allocation* const allocation = find(launch.memory, address); allocation != nullptr && allocation->contains(address, sizeof(TensorMap))) {
    bytes = allocation->data.get() + (address - allocation->base);
  }
  if (bytes == nullptr || !decode(bytes, map)) {
    report(warp, op, Severity::kError, "tensor_map", lane, [&] { return fmt::format("takes a tensor map at {}, where there is none", where); });
    return false;
  }
  if (address % 64 != 0) {
    report(warp, op, Severity::kError, "misaligned", lane, [&] { return fmt::format("takes a tensor map at {}, not a multiple of 64", where); });
  }
  return true;
}

// The reduction of a tensor takes its type from the map; bitwise ones take any integer.
bool set_reduction(Warp& warp, const Op& op, int lane, TensorType type, BulkRows& rows) {
  using ptx::ScalarType;
  constexpr ScalarType kTypes[] = {ScalarType::kU8, ScalarType::kU16, ScalarType::kU32, ScalarType::kS32, ScalarType::kU64, ScalarType::kS64, ScalarType::kF16,
                                   ScalarType::kF32, ScalarType::kF64, ScalarType::kBf16, ScalarType::kF32, ScalarType::kTf32, ScalarType::kTf32};
  const auto reduction = static_cast<BulkReduction>(op.member_slot - 1);
  const ScalarType element = kTypes[static_cast<int>(type)];
  ScalarType scalar = element;
  if (reduction >= BulkReduction::kAnd && !ptx::is_float(scalar)) scalar = ptx::size_bits(scalar) == 64 ? ScalarType::kB64 : ptx::size_bits(scalar) == 32 ? ScalarType::kB32 : ScalarType::kNone;
  rows.reduce = reduce_function(reduction, scalar, type == TensorType::kF32Ftz);
  if (rows.reduce == nullptr)
    report(warp, op, Severity::kError, "tensor_map", lane, [&] { return fmt::format("reduces a tensor of type .{}, for which this operation does not exist", ptx::name(element)); });
  return rows.reduce != nullptr;
}

bool plan_tensor(Warp& warp, const Op& op, int lane, Access access, BulkRows& rows) {
  TensorMapConfig map;
  if (!fetch_map(warp, op, lane, map)) return false;
  const std::uint32_t* registers = warp.cta->launch->program->extra.data() + op.extra;
  TensorPlace place;
  place.mode = op.element_bytes & kFourRows ? TensorMode::kFourRows : op.element_bytes & kPixels ? TensorMode::kPixels : TensorMode::kTile;
  for (int d = 0; d < op.count; ++d) place.at[d] = static_cast<std::int32_t>(warp.reg32(registers[d])[lane]);
  for (int d = 0; op.element_bytes & kPixelOffsets && d < op.count - 2; ++d) place.offsets[d] = warp.reg32(registers[op.count + d])[lane] & 0xffff;
  if (const std::string wrong = refusal(map, place, op.count); !wrong.empty()) {
    report(warp, op, Severity::kError, "tensor_map", lane, [&] { return wrong; });
    return false;
  }
  if (op.member_slot != 0 && !set_reduction(warp, op, lane, map.type, rows)) return false;
  const TensorBox box(map, place);
  rows.row_bytes = box.row_bytes;
  rows.swizzle = map.swizzle;
  rows.fill = map.fill;
  rows.rounds_to_tf32 = map.type == TensorType::kTf32 || map.type == TensorType::kTf32Ftz;
  rows.rows.reserve(box.num_rows);
  bool clipped = false;
  for (std::uint32_t i = 0; i < box.num_rows; ++i) {
    const TensorBox::Row row = box.row(i);
    clipped |= row.bytes < box.row_bytes;
    rows.rows.push_back(row.bytes == 0 ? BulkRows::Row{nullptr, nullptr, 0, 0, nullptr, 0} : global_row(warp, op, lane, row.address, row.skip, row.bytes, access));
  }
  if (clipped && access == Access::kRead && map.fill == TensorFill::kNan)
    report(warp, op, Severity::kWarning, "unconfirmed", lane, [] {
      return std::string("fills what lies outside the tensor with the NaN 0x7ff7, a pattern that public programs report and NVIDIA does not document");
    });
  return true;
}

// To the nearest of 10 fraction bits, ties to even (PTX ISA, "Tensors": .tf32); NaN is canonical.
std::uint32_t rounded_to_tf32(std::uint32_t bits) {
  if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fffe000u;
  return (bits + 0xfff + (bits >> 13 & 1)) & 0xffffe000u;
}

}  // namespace

bool BulkRows::all_inside() const {
  return std::all_of(rows.begin(), rows.end(), [&](const Row& row) { return row.host != nullptr && row.bytes == row_bytes; });
}

bool plan_rows(Warp& warp, const Op& op, int lane, Access access, BulkRows& rows) {
  if (op.element_bytes & kTensorBox) return plan_tensor(warp, op, lane, access, rows);
  const std::uint32_t size = warp.reg32(op.slot[4])[lane];
  const std::uint64_t address = warp.reg64(op.slot[2])[lane] + displacement(warp, op, 0);
  if (size % kBulkChunk != 0 || address % kBulkChunk != 0) {
    report(warp, op, Severity::kError, "misaligned", lane, [&] {
      return size % kBulkChunk != 0 ? fmt::format("copies {} bytes, not a multiple of 16", size)
                                    : fmt::format("copies {} bytes at global {}, not a multiple of 16", size, warp.cta->launch->memory_map->describe(address));
    });
    return false;
  }
  rows.row_bytes = size;
  rows.rows.push_back(size == 0 ? BulkRows::Row{nullptr, nullptr, 0, 0, nullptr, 0} : global_row(warp, op, lane, address, 0, size, access));
  return true;
}

void copy_in(Cta& cta, const BulkRows& rows, std::uint32_t offset) {
  std::byte outside[kBulkChunk] = {};
  for (std::uint32_t i = 0; rows.fill == TensorFill::kNan && i < kBulkChunk; i += 2) outside[i] = std::byte{0xf7}, outside[i + 1] = std::byte{0x7f};
  for (const BulkRows::Row& row : rows.rows) {
    const bool whole = row.host != nullptr && row.bytes == rows.row_bytes && rows.swizzle == TensorSwizzle::kNone && !rows.rounds_to_tf32;
    if (whole) {
      std::memcpy(cta.shared.data() + offset, row.host, rows.row_bytes);
      std::memset(cta.shared_valid.data() + offset, 0xff, rows.row_bytes);
    }
    for (std::uint32_t at = 0; !whole && at < rows.row_bytes; at += kBulkChunk) {
      std::byte* const to = cta.shared.data() + swizzled(offset + at, rows.swizzle);
      std::memcpy(to, outside, kBulkChunk);
      std::memset(cta.shared_valid.data() + (to - cta.shared.data()), 0xff, kBulkChunk);
      const std::uint32_t begin = std::max(at, row.skip), end = std::min(at + kBulkChunk, row.skip + row.bytes);
      if (row.host == nullptr || begin >= end) continue;
      std::memcpy(to + (begin - at), row.host + (begin - row.skip), end - begin);
      for (std::uint32_t i = begin; rows.rounds_to_tf32 && i < end; i += 4) {
        std::uint32_t element;
        std::memcpy(&element, to + (i - at), 4);
        element = rounded_to_tf32(element);
        std::memcpy(to + (i - at), &element, 4);
      }
    }
    offset += rows.row_bytes;
  }
}

}  // namespace bsgen::sim
