#include "runtime/sim/exec/async_operations.h"

#include <fmt/format.h>

#include <bit>

#include "runtime/sim/exec/access.h"

namespace bsgen::sim {

AsyncQueue::AsyncQueue() = default;
AsyncQueue::~AsyncQueue() = default;
AsyncQueue::AsyncQueue(AsyncQueue&&) noexcept = default;
AsyncQueue& AsyncQueue::operator=(AsyncQueue&&) noexcept = default;

void issue_async(Warp& warp, const Op& op, AsyncKind kind, int lane, std::unique_ptr<AsyncOperation> operation) {
  AsyncQueue& queue = warp.async[static_cast<int>(kind)];
  QueuedOperation queued{queue.committed[lane], static_cast<std::uint32_t>(&op - warp.cta->launch->program->ops.data()), lane, false, false, nullptr};
  if (warp.cta->worker->lands_early()) {
    operation->read(warp);
    operation->write(warp);
    queued.has_read = queued.has_written = true;
  } else {
    queued.operation = std::move(operation);
  }
  queue.pending.push_back(std::move(queued));
}

void commit_async(Warp& warp, AsyncKind kind) {
  AsyncQueue& queue = warp.async[static_cast<int>(kind)];
  for (std::uint32_t rest = warp.mask; rest != 0; rest &= rest - 1) ++queue.committed[std::countr_zero(rest)];
}

void wait_async(Warp& warp, AsyncKind kind, std::uint32_t groups_left, bool only_reads) {
  AsyncQueue& queue = warp.async[static_cast<int>(kind)];
  std::size_t kept = 0;
  for (std::size_t i = 0; i < queue.pending.size(); ++i) {
    QueuedOperation& queued = queue.pending[i];
    const bool waited = (warp.mask >> queued.lane & 1) && std::uint64_t{queued.group} + groups_left < queue.committed[queued.lane];
    if (waited && !queued.has_read) {
      queued.operation->read(warp);
      queued.has_read = true;
    }
    if (waited && !only_reads) {
      if (!queued.has_written) queued.operation->write(warp);
      continue;
    }
    if (kept != i) queue.pending[kept] = std::move(queued);
    ++kept;
  }
  queue.pending.resize(kept);
}

bool async_read_shared(Warp& warp, const Op& op, AsyncKind, std::uint64_t offset, std::uint32_t bytes, int lane) {
  const Cta& cta = *warp.cta;
  const std::uint64_t size = cta.launch->shared_bytes;
  if (offset > size || size - offset < bytes) {
    report(warp, op, Severity::kError, "out_of_bounds", lane, [&] {
      return fmt::format("reads {} bytes at shared offset {}, the allocation ends at {}", bytes, static_cast<std::int64_t>(offset), size);
    });
    return false;
  }
  const std::uint8_t* valid = cta.shared_valid.data() + offset;
  std::uint8_t all = 0xff;
  for (std::uint32_t i = 0; i < bytes; ++i) all &= valid[i];
  if (all != 0xff) {
    report(warp, op, Severity::kError, "uninitialized", lane, [&] {
      std::uint32_t first = 0;
      while (valid[first] == 0xff) ++first;
      return fmt::format("reads {} bytes at shared offset {}; byte {} was never written", bytes, offset, offset + first);
    });
  }
  return true;
}

}  // namespace bsgen::sim
