#include "runtime/sim/exec/bulk_copy_ops.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <memory>

#include "runtime/sim/check/proxy_checks.h"
#include "runtime/sim/exec/access.h"
#include "runtime/sim/exec/async_operations.h"
#include "runtime/sim/exec/cluster_ops.h"
#include "runtime/sim/exec/mbarrier_ops.h"
#include "runtime/sim/exec/memory_ops.h"
#include "runtime/sim/exec/tensor_map.h"

namespace bsgen::sim {
namespace {

constexpr std::uint32_t kChunk = 16;
constexpr std::uint32_t kMaxRowBytes = 256 * 8;

std::uint64_t value64(const Warp& warp, std::uint32_t slot, bool wide, int lane) { return wide ? warp.reg64(slot)[lane] : warp.reg32(slot)[lane]; }
std::uint64_t displacement(const Warp& warp, const Op& op, std::uint32_t which) {
  return static_cast<std::uint64_t>(warp.cta->launch->program->displacements[op.target + which]);
}
std::uint64_t shared_address(const Warp& warp, const Op& op, int lane) {
  const std::uint64_t address = value64(warp, op.slot[1], op.flags & kAddress64, lane) + static_cast<std::uint64_t>(op.immediate);
  return op.flags & kAddress64 ? address : static_cast<std::uint32_t>(address);
}

// The global side of a copy: rows of bytes in host memory, each with what of it lies inside the tensor.
struct Rows {
  struct Row {
    std::byte* host;       // nullptr: nothing inside, or refused
    std::uint8_t* valid;
    std::uint32_t skip, bytes;
  };
  std::vector<Row> rows;
  std::uint32_t row_bytes = 0;
  TensorSwizzle swizzle = TensorSwizzle::kNone;
  std::byte fill[8] = {};  // of elements outside, of fill_bytes each
  std::uint32_t fill_bytes = 1;
  std::uint32_t bytes() const { return row_bytes * static_cast<std::uint32_t>(rows.size()); }
  ReduceFunction reduce = nullptr;
  bool all_inside() const {
    return std::all_of(rows.begin(), rows.end(), [&](const Row& row) { return row.host != nullptr && row.bytes == row_bytes; });
  }
};

// One row of global memory, checked like any access.
Rows::Row global_row(Warp& warp, const Op& op, int lane, std::uint64_t address, std::uint32_t skip, std::uint32_t bytes, Access access) {
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
    return {nullptr, nullptr, skip, 0};
  }
  last = allocation;
  const std::uint64_t offset = address - allocation->base;
  std::uint8_t* const valid = allocation->valid.get() + offset;
  if (access == Access::kWrite && !allocation->writable) {
    report(warp, op, Severity::kError, "read_only", lane, [&] { return fmt::format("writes to constant memory ({})", allocation->name); });
    return {nullptr, nullptr, skip, 0};
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
  return {allocation->data.get() + offset, valid, skip, bytes};
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
  if (map.rank != op.count) {
    report(warp, op, Severity::kError, "tensor_map", lane, [&] { return fmt::format("gives {} coordinates, the tensor map has rank {}", op.count, map.rank); });
    return false;
  }
  return true;
}

void set_fill(const TensorMapConfig& map, Rows& rows) {
  rows.fill_bytes = static_cast<std::uint32_t>(element_bytes(map.type));
  if (map.fill == TensorFill::kZeros) return;
  std::memset(rows.fill, 0xff, sizeof rows.fill);  // the canonical NaN of each type: all ones but the sign
  rows.fill[rows.fill_bytes - 1] = std::byte{0x7f};
}

// The reduction of a tensor takes its type from the map; bitwise ones take any integer.
bool set_reduction(Warp& warp, const Op& op, int lane, TensorType type, Rows& rows) {
  using ptx::ScalarType;
  constexpr ScalarType kTypes[] = {ScalarType::kU8, ScalarType::kU16, ScalarType::kU32, ScalarType::kS32, ScalarType::kU64, ScalarType::kS64, ScalarType::kF16,
                                   ScalarType::kF32, ScalarType::kF64, ScalarType::kBf16, ScalarType::kF32, ScalarType::kF32, ScalarType::kF32};
  const auto reduction = static_cast<BulkReduction>(op.member_slot - 1);
  ScalarType scalar = kTypes[static_cast<int>(type)];
  if (reduction >= BulkReduction::kAnd && !ptx::is_float(scalar)) scalar = ptx::size_bits(scalar) == 64 ? ScalarType::kB64 : ptx::size_bits(scalar) == 32 ? ScalarType::kB32 : ScalarType::kNone;
  rows.reduce = reduce_function(reduction, scalar);
  if (rows.reduce == nullptr)
    report(warp, op, Severity::kError, "tensor_map", lane, [&] { return fmt::format("reduces a tensor of type .{}, for which this operation does not exist", ptx::name(kTypes[static_cast<int>(type)])); });
  return rows.reduce != nullptr;
}

// Rows of what the lane copies; false where it copies nothing.
bool plan(Warp& warp, const Op& op, int lane, Access access, Rows& rows) {
  if (op.element_bytes & kTensorBox) {
    TensorMapConfig map;
    if (!fetch_map(warp, op, lane, map)) return false;
    const std::uint32_t* registers = warp.cta->launch->program->extra.data() + op.extra;
    std::int32_t coordinates[5] = {};
    for (int d = 0; d < op.count; ++d) coordinates[d] = static_cast<std::int32_t>(warp.reg32(registers[d])[lane]);
    const TensorBox box(map, coordinates);
    rows.row_bytes = box.row_bytes;
    rows.swizzle = map.swizzle;
    set_fill(map, rows);
    if (op.member_slot != 0 && !set_reduction(warp, op, lane, map.type, rows)) return false;
    rows.rows.reserve(box.num_rows);
    for (std::uint32_t i = 0; i < box.num_rows; ++i) {
      const TensorBox::Row row = box.row(i);
      rows.rows.push_back(row.bytes == 0 ? Rows::Row{nullptr, nullptr, 0, 0} : global_row(warp, op, lane, row.address, row.skip, row.bytes, access));
    }
    return true;
  }
  const std::uint32_t size = warp.reg32(op.slot[4])[lane];
  const std::uint64_t address = warp.reg64(op.slot[2])[lane] + displacement(warp, op, 0);
  if (size % kChunk != 0 || address % kChunk != 0) {
    report(warp, op, Severity::kError, "misaligned", lane, [&] {
      return size % kChunk != 0 ? fmt::format("copies {} bytes, not a multiple of 16", size)
                                : fmt::format("copies {} bytes at global {}, not a multiple of 16", size, warp.cta->launch->memory_map->describe(address));
    });
    return false;
  }
  rows.row_bytes = size;
  rows.rows.push_back(size == 0 ? Rows::Row{nullptr, nullptr, 0, 0} : global_row(warp, op, lane, address, 0, size, access));
  return true;
}

// The lines that a box touches are those it spans; with a swizzle its last ones may be touched in part.
template <class Visit>
void each_shared_range(const Rows& rows, std::uint32_t offset, Visit visit) {
  if (rows.swizzle == TensorSwizzle::kNone || rows.bytes() % 128 == 0) return visit(offset, rows.bytes());
  for (std::uint32_t at = 0; at < rows.bytes(); at += kChunk) visit(swizzled(offset + at, rows.swizzle), kChunk);
}

void copy_in(Cta& cta, const Rows& rows, std::uint32_t offset) {
  std::byte line[kMaxRowBytes];
  std::uint32_t start = offset;
  for (const Rows::Row& row : rows.rows) {
    if (row.bytes == rows.row_bytes && row.host != nullptr && rows.swizzle == TensorSwizzle::kNone) {
      std::memcpy(cta.shared.data() + start, row.host, rows.row_bytes);
      std::memset(cta.shared_valid.data() + start, 0xff, rows.row_bytes);
    } else {
      const bool partial = row.host == nullptr || row.bytes < rows.row_bytes;
      for (std::uint32_t i = 0; partial && i < rows.row_bytes; ++i) line[i] = rows.fill[i % rows.fill_bytes];
      if (row.host != nullptr) std::memcpy(line + row.skip, row.host, row.bytes);
      for (std::uint32_t at = 0; at < rows.row_bytes; at += kChunk) {
        const std::uint32_t to = swizzled(start + at, rows.swizzle);
        std::memcpy(cta.shared.data() + to, line + at, kChunk);
        std::memset(cta.shared_valid.data() + to, 0xff, kChunk);
      }
    }
    start += rows.row_bytes;
  }
}

// Carries out `land` now or in a flight that completes on the barrier.
void fly(Warp& warp, const Op& op, std::size_t barrier, std::function<void()> land) {
  if (warp.cta->worker->lands_early()) return land();
  warp.cta->cluster->flights.push_back({barrier, std::move(land), &warp, op.index});
}

// The barrier of a copy into `place`: it must lie in the same cta. With multicast it is the one at the same offset in each.
Mbarrier* copy_barrier(Warp& warp, const Op& op, Cta& to, int lane) {
  const bool wide = op.element_bytes & kBarrierAddress64;
  std::uint64_t address = value64(warp, op.slot[3], wide, lane) + displacement(warp, op, 1);
  if (!wide) address = static_cast<std::uint32_t>(address);
  const auto place = shared_place(warp, op, address, 8, 8, lane, "names an mbarrier of");
  if (!place) return nullptr;
  if (!(op.element_bytes & kMulticast) && place->cta != &to) {
    report(warp, op, Severity::kError, "mbarrier", lane, [&] {
      return fmt::format("copies into cta rank {} and names an mbarrier of cta rank {}", to.rank, place->cta->rank);
    });
    return nullptr;
  }
  return barrier_of_copy(warp, op, to, place->offset, lane);
}

void load_lane(Warp& warp, const Op& op, int lane) {
  Worker& worker = *warp.cta->worker;
  auto rows = std::make_shared<Rows>();
  if (!plan(warp, op, lane, Access::kRead, *rows)) return;
  const std::uint32_t bytes = rows->bytes();
  const bool tensor = op.element_bytes & kTensorBox;
  const auto place = shared_place(warp, op, shared_address(warp, op, lane), bytes, tensor ? 128 : kChunk, lane, "copies");
  if (!place) return;
  std::uint32_t ctas = std::uint32_t{1} << place->cta->rank;
  if (op.element_bytes & kMulticast) {
    ctas = warp.reg32(op.slot[5])[lane] & 0xffff;
    if (ctas == 0 || ctas >> worker.ctas.size() != 0) {
      report(warp, op, Severity::kError, "out_of_bounds", lane, [&] { return fmt::format("copies to the ctas {:#x} of a cluster of {}", ctas, worker.ctas.size()); });
      return;
    }
  }
  for (std::uint32_t rest = ctas; rest != 0; rest &= rest - 1) {
    Cta& to = worker.ctas[static_cast<std::size_t>(std::countr_zero(rest))];
    if (to.ended) {
      report(warp, op, Severity::kError, "use_after_exit", lane, [&] { return fmt::format("copies into cta rank {}, which has ended", to.rank); });
      continue;
    }
    Mbarrier* const barrier = copy_barrier(warp, op, to, lane);
    if (barrier == nullptr) continue;
    const ProxyShadow::Agent agent = barrier->agent;
    const std::uint32_t offset = place->offset;
    each_shared_range(*rows, offset, [&](std::uint32_t from, std::uint32_t size) {
      check_async_access(warp, op, ProxyShadow::Access::kAsyncWrite, agent, ProxyShadow::kInFlight, to.rank, from, size, lane);
    });
    const auto number = static_cast<std::size_t>(barrier - warp.cta->cluster->mbarriers.data());
    fly(warp, op, number, [self = &warp, at = &op, target = &to, rows, offset, number, agent, bytes, lane] {
      Cluster& cluster = *self->cta->cluster;
      copy_in(*target, *rows, offset);
      const std::uint32_t clock = cluster.agent_clock[agent % cluster.agent_clock.size()];
      each_shared_range(*rows, offset, [&](std::uint32_t from, std::uint32_t size) { cluster.shadow.land(agent, clock, target->rank, from, size); });
      complete_transactions(*self, *at, cluster.mbarriers[number], bytes, lane);
    });
  }
}

class StoreOperation final : public AsyncOperation {
 public:
  StoreOperation(Rows rows, std::uint32_t offset) : rows_(std::move(rows)), offset_(offset) {}
  void read(Warp& warp) override {
    data_.resize(rows_.bytes());
    for (std::uint32_t at = 0; at < data_.size(); at += kChunk)
      std::memcpy(data_.data() + at, warp.cta->shared.data() + swizzled(offset_ + at, rows_.swizzle), kChunk);
  }
  void write(Warp&) override {
    const std::byte* from = data_.data();
    for (const Rows::Row& row : rows_.rows) {
      if (row.host != nullptr && rows_.reduce != nullptr) rows_.reduce(row.host, from + row.skip, row.bytes);
      if (row.host != nullptr && rows_.reduce == nullptr) std::memcpy(row.host, from + row.skip, row.bytes);
      if (row.host != nullptr) std::memset(row.valid, 0xff, row.bytes);
      from += rows_.row_bytes;
    }
  }

 private:
  Rows rows_;
  std::uint32_t offset_;
  std::vector<std::byte> data_;
};

void store_lane(Warp& warp, const Op& op, int lane) {
  Rows rows;
  if (!plan(warp, op, lane, Access::kWrite, rows)) return;
  const bool tensor = op.element_bytes & kTensorBox;
  const auto place = shared_place(warp, op, shared_address(warp, op, lane), rows.bytes(), tensor ? 128 : kChunk, lane, "copies");
  if (!place || rows.bytes() == 0) return;
  // What lies outside the tensor is not stored, so it need not hold a value.
  if (rows.all_inside()) {
    each_shared_range(rows, place->offset, [&](std::uint32_t from, std::uint32_t size) { async_read_shared(warp, op, AsyncKind::kBulk, from, size, lane); });
  } else {
    for (std::size_t i = 0; i < rows.rows.size(); ++i) {
      const Rows::Row& row = rows.rows[i];
      const std::uint32_t start = place->offset + static_cast<std::uint32_t>(i) * rows.row_bytes;
      for (std::uint32_t at = row.skip; at < row.skip + row.bytes;) {
        const std::uint32_t size = std::min(kChunk - at % kChunk, row.skip + row.bytes - at);
        async_read_shared(warp, op, AsyncKind::kBulk, swizzled(start + at, rows.swizzle), size, lane);
        at += size;
      }
    }
  }
  if (op.function != nullptr) rows.reduce = reinterpret_cast<ReduceFunction>(const_cast<void*>(op.function));
  issue_async(warp, op, AsyncKind::kBulk, lane, std::make_unique<StoreOperation>(std::move(rows), place->offset));
}

void between_lane(Warp& warp, const Op& op, int lane) {
  const std::uint32_t size = warp.reg32(op.slot[4])[lane];
  if (size % kChunk != 0) return report(warp, op, Severity::kError, "misaligned", lane, [&] { return fmt::format("copies {} bytes, not a multiple of 16", size); });
  const bool wide = op.element_bytes & kSourceAddress64;
  std::uint64_t source = value64(warp, op.slot[2], wide, lane) + displacement(warp, op, 0);
  if (!wide) source = static_cast<std::uint32_t>(source);
  const auto to = shared_place(warp, op, shared_address(warp, op, lane), size, kChunk, lane, "copies");
  const auto from = shared_place(warp, op, source, size, kChunk, lane, "copies");
  if (!to || !from || size == 0) return;
  Mbarrier* const barrier = copy_barrier(warp, op, *to->cta, lane);
  if (barrier == nullptr) return;
  const ProxyShadow::Agent agent = barrier->agent;
  check_async_access(warp, op, ProxyShadow::Access::kAsyncRead, agent, ProxyShadow::kInFlight, from->cta->rank, from->offset, size, lane);
  check_async_access(warp, op, ProxyShadow::Access::kAsyncWrite, agent, ProxyShadow::kInFlight, to->cta->rank, to->offset, size, lane);
  const auto number = static_cast<std::size_t>(barrier - warp.cta->cluster->mbarriers.data());
  const auto reduce = reinterpret_cast<ReduceFunction>(const_cast<void*>(op.function));
  fly(warp, op, number, [self = &warp, at = &op, target = *to, origin = *from, size, number, agent, lane, reduce] {
    Cluster& cluster = *self->cta->cluster;
    std::byte* const host = target.cta->shared.data() + target.offset;
    const std::byte* const data = origin.cta->shared.data() + origin.offset;
    if (reduce != nullptr)
      reduce(host, data, size);
    else
      std::memmove(host, data, size);
    std::memmove(target.cta->shared_valid.data() + target.offset, origin.cta->shared_valid.data() + origin.offset, size);
    const std::uint32_t clock = cluster.agent_clock[agent % cluster.agent_clock.size()];
    cluster.shadow.land(agent, clock, target.cta->rank, target.offset, size);
    cluster.shadow.land(agent, clock, origin.cta->rank, origin.offset, size);
    complete_transactions(*self, *at, cluster.mbarriers[number], size, lane);
  });
}

}  // namespace

void bulk_load(Warp& warp, const Op& op) {
  for (std::uint32_t rest = warp.mask; rest != 0; rest &= rest - 1) load_lane(warp, op, std::countr_zero(rest));
}
void bulk_store(Warp& warp, const Op& op) {
  for (std::uint32_t rest = warp.mask; rest != 0; rest &= rest - 1) store_lane(warp, op, std::countr_zero(rest));
}
void bulk_between(Warp& warp, const Op& op) {
  for (std::uint32_t rest = warp.mask; rest != 0; rest &= rest - 1) between_lane(warp, op, std::countr_zero(rest));
}
void bulk_commit(Warp& warp, const Op&) { commit_async(warp, AsyncKind::kBulk); }
void bulk_wait(Warp& warp, const Op& op) { wait_async(warp, AsyncKind::kBulk, static_cast<std::uint32_t>(op.immediate), op.flags & 1); }

void store_async(Warp& warp, const Op& op) {
  const std::uint32_t* registers = warp.cta->launch->program->extra.data() + op.extra;
  const std::uint32_t bytes = static_cast<std::uint32_t>(op.element_bytes) * op.count;
  for (std::uint32_t rest = warp.mask; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    const auto place = shared_place(warp, op, shared_address(warp, op, lane), bytes, bytes, lane, "writes");
    std::uint64_t address = value64(warp, op.slot[3], op.slot[5] != 0, lane) + displacement(warp, op, 1);
    if (op.slot[5] == 0) address = static_cast<std::uint32_t>(address);
    const auto where = shared_place(warp, op, address, 8, 8, lane, "names an mbarrier of");
    if (!place || !where) continue;
    if (where->cta != place->cta) {
      report(warp, op, Severity::kError, "mbarrier", lane, [&] { return fmt::format("writes into cta rank {} and names an mbarrier of cta rank {}", place->cta->rank, where->cta->rank); });
      continue;
    }
    Mbarrier* const barrier = barrier_of_copy(warp, op, *place->cta, where->offset, lane);
    if (barrier == nullptr) continue;
    const ProxyShadow::Agent agent = barrier->agent;
    if (op.function == nullptr)
      check_async_access(warp, op, ProxyShadow::Access::kAsyncWrite, agent, ProxyShadow::kInFlight, place->cta->rank, place->offset, bytes, lane);
    std::byte values[16] = {};
    for (int i = 0; i < op.count; ++i)
      std::memcpy(values + i * op.element_bytes, warp.registers + registers[i] + lane * (op.flags & kWideRegisters ? 8 : 4), op.element_bytes);
    const auto number = static_cast<std::size_t>(barrier - warp.cta->cluster->mbarriers.data());
    const auto reduce = reinterpret_cast<ReduceFunction>(const_cast<void*>(op.function));
    fly(warp, op, number, [self = &warp, at = &op, target = *place, bytes, number, agent, lane, reduce, data = std::to_array(values)] {
      Cluster& cluster = *self->cta->cluster;
      std::byte* const host = target.cta->shared.data() + target.offset;
      if (reduce != nullptr)
        reduce(host, data.data(), bytes);
      else
        std::memcpy(host, data.data(), bytes);
      std::memset(target.cta->shared_valid.data() + target.offset, 0xff, bytes);
      if (reduce == nullptr) cluster.shadow.land(agent, cluster.agent_clock[agent % cluster.agent_clock.size()], target.cta->rank, target.offset, bytes);
      complete_transactions(*self, *at, cluster.mbarriers[number], bytes, lane);
    });
  }
}

}  // namespace bsgen::sim
