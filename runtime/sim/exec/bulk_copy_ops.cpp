#include "runtime/sim/exec/bulk_copy_ops.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <memory>

#include "runtime/sim/check/global_checks.h"
#include "runtime/sim/check/proxy_checks.h"
#include "runtime/sim/exec/async_operations.h"
#include "runtime/sim/exec/bulk_rows.h"
#include "runtime/sim/exec/cluster_ops.h"
#include "runtime/sim/exec/mbarrier_ops.h"
#include "runtime/sim/exec/memory_ops.h"

namespace bsgen::sim {
namespace {

std::uint64_t shared_address(const Warp& warp, const Op& op, int lane) {
  const std::uint64_t address = value64(warp, op.slot[1], op.flags & kAddress64, lane) + static_cast<std::uint64_t>(op.immediate);
  return op.flags & kAddress64 ? address : static_cast<std::uint32_t>(address);
}

void check_rows(Warp& warp, const Op& op, const BulkRows& rows, GlobalShadow::Access access, ProxyShadow::Agent agent, std::uint32_t clock, int lane) {
  for (const BulkRows::Row& row : rows.rows)
    if (row.host != nullptr) check_global_async(warp, op, *row.allocation, row.offset, row.bytes, access, agent, clock, lane);
}

// Carries out `land` now or in a flight that completes on the barrier.
void fly(Warp& warp, const Op& op, std::size_t barrier, std::function<void()> land) {
  if (warp.cta->worker->lands_early()) return land();
  warp.cta->cluster->flights.push_back({barrier, std::move(land), &warp, op.index});
}

// The barrier of a copy into `to`: it must lie in the same cta, or in either of its pair. With multicast it is the one at the same offset
// in each cta of the mask, or in that of each pair whose rank is as even or odd as the named barrier's.
Mbarrier* copy_barrier(Warp& warp, const Op& op, Cta& to, int lane) {
  const bool wide = op.element_bytes & kBarrierAddress64;
  std::uint64_t address = value64(warp, op.slot[3], wide, lane) + displacement(warp, op, 1);
  if (!wide) address = static_cast<std::uint32_t>(address);
  const auto place = shared_place(warp, op, address, 8, 8, lane, "names an mbarrier of");
  if (!place) return nullptr;
  const bool pairs = op.element_bytes & kPairBarrier;
  const int rank = op.element_bytes & kMulticast ? pairs ? (to.rank & ~1) | (place->cta->rank & 1) : to.rank : place->cta->rank;
  if (pairs ? rank / 2 != to.rank / 2 : rank != to.rank) {
    report(warp, op, Severity::kError, "mbarrier", lane, [&] {
      return fmt::format("copies into cta rank {} and names an mbarrier of cta rank {}", to.rank, place->cta->rank);
    });
    return nullptr;
  }
  return barrier_of_copy(warp, op, warp.cta->worker->ctas[static_cast<std::size_t>(rank)], place->offset, lane);
}

void load_lane(Warp& warp, const Op& op, int lane) {
  Worker& worker = *warp.cta->worker;
  auto rows = std::make_shared<BulkRows>();
  if (!plan_rows(warp, op, lane, Access::kRead, *rows)) return;
  const std::uint32_t bytes = rows->bytes();
  const bool tensor = op.element_bytes & kTensorBox;
  const auto place = shared_place(warp, op, shared_address(warp, op, lane), bytes, tensor ? 128 : kBulkChunk, lane, "copies");
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
    // Over with the phase that its bytes belong to.
    if (rest == ctas) check_rows(warp, op, *rows, GlobalShadow::Access::kAsyncRead, agent, warp.cta->cluster->agent_clock[agent % warp.cta->cluster->agent_clock.size()], lane);
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
  // Of a plain range, bytes that are not in the mask, which repeats every 16, stay as they are.
  StoreOperation(BulkRows rows, std::uint32_t offset, std::uint32_t byte_mask) : rows_(std::move(rows)), offset_(offset), byte_mask_(byte_mask) {}
  void read(Warp& warp) override {
    data_.resize(rows_.bytes());
    for (std::uint32_t at = 0; at < data_.size(); at += kBulkChunk)
      std::memcpy(data_.data() + at, warp.cta->shared.data() + swizzled(offset_ + at, rows_.swizzle), kBulkChunk);
  }
  void write(Warp&) override {
    const std::byte* from = data_.data();
    for (const BulkRows::Row& row : rows_.rows) {
      if (row.host != nullptr) write_row(row, from + row.skip);
      from += rows_.row_bytes;
    }
  }

 private:
  void write_row(const BulkRows::Row& row, const std::byte* from) const {
    if (byte_mask_ != 0xffff) {
      for (std::uint32_t i = 0; i < row.bytes; ++i)
        if (byte_mask_ >> i % kBulkChunk & 1) row.host[i] = from[i], row.valid[i] = 0xff;
      return;
    }
    if (rows_.reduce != nullptr)
      rows_.reduce(row.host, from, row.bytes);
    else
      std::memcpy(row.host, from, row.bytes);
    std::memset(row.valid, 0xff, row.bytes);
  }

  BulkRows rows_;
  std::uint32_t offset_, byte_mask_;
  std::vector<std::byte> data_;
};

void store_lane(Warp& warp, const Op& op, int lane) {
  BulkRows rows;
  if (!plan_rows(warp, op, lane, Access::kWrite, rows)) return;
  const bool tensor = op.element_bytes & kTensorBox;
  const auto place = shared_place(warp, op, shared_address(warp, op, lane), rows.bytes(), tensor ? 128 : kBulkChunk, lane, "copies");
  if (!place || rows.bytes() == 0) return;
  const std::uint32_t byte_mask = op.element_bytes & kByteMask ? warp.reg32(op.slot[5])[lane] & 0xffff : 0xffff;
  // What lies outside the tensor, or is masked off, is not stored, so it need not hold a value.
  if (byte_mask != 0xffff) {
    for (std::uint32_t i = 0; i < rows.bytes(); ++i)
      if (byte_mask >> i % kBulkChunk & 1) async_read_shared(warp, op, AsyncKind::kBulk, place->offset + i, 1, lane);
  } else if (rows.all_inside()) {
    each_shared_range(rows, place->offset, [&](std::uint32_t from, std::uint32_t size) { async_read_shared(warp, op, AsyncKind::kBulk, from, size, lane); });
  } else {
    for (std::size_t i = 0; i < rows.rows.size(); ++i) {
      const BulkRows::Row& row = rows.rows[i];
      const std::uint32_t start = place->offset + static_cast<std::uint32_t>(i) * rows.row_bytes;
      for (std::uint32_t at = row.skip; at < row.skip + row.bytes;) {
        const std::uint32_t size = std::min(kBulkChunk - at % kBulkChunk, row.skip + row.bytes - at);
        async_read_shared(warp, op, AsyncKind::kBulk, swizzled(start + at, rows.swizzle), size, lane);
        at += size;
      }
    }
  }
  if (op.function != nullptr) rows.reduce = reinterpret_cast<ReduceFunction>(const_cast<void*>(op.function));
  // Of a copy with a byte mask it is not kept which bytes it writes.
  const ProxyShadow& shadow = warp.cta->cluster->shadow;
  if (byte_mask == 0xffff)
    check_rows(warp, op, rows, rows.reduce != nullptr ? GlobalShadow::Access::kAsyncAtomic : GlobalShadow::Access::kAsyncWrite,
               shadow.of(ProxyShadow::AgentKind::kStore, agent_of(warp)), warp.async[static_cast<int>(AsyncKind::kBulk)].committed[lane] + 1, lane);
  issue_async(warp, op, AsyncKind::kBulk, lane, std::make_unique<StoreOperation>(std::move(rows), place->offset, byte_mask));
}

void between_lane(Warp& warp, const Op& op, int lane) {
  const std::uint32_t size = warp.reg32(op.slot[4])[lane];
  if (size % kBulkChunk != 0) return report(warp, op, Severity::kError, "misaligned", lane, [&] { return fmt::format("copies {} bytes, not a multiple of 16", size); });
  const bool wide = op.element_bytes & kSourceAddress64;
  std::uint64_t source = value64(warp, op.slot[2], wide, lane) + displacement(warp, op, 0);
  if (!wide) source = static_cast<std::uint32_t>(source);
  const auto to = shared_place(warp, op, shared_address(warp, op, lane), size, kBulkChunk, lane, "copies");
  const auto from = shared_place(warp, op, source, size, kBulkChunk, lane, "copies");
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
    else if (warp.cta->launch->checks)
      check_atomic_among_plain(warp, op, place->cta->rank, place->offset, bytes, lane);
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
