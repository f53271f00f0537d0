#include "runtime/sim/check/atomic_checks.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/sim/check/proxy_checks.h"

namespace bsgen::sim {
namespace {

constexpr std::uint32_t kGranule = SharedShadow::kGranule;

// Granule by granule: its number in the cluster, and the bytes of it.
template <class Visit>
void each_granule(int rank, std::uint32_t offset, std::uint32_t bytes, Visit visit) {
  for (std::uint32_t granule = offset / kGranule; granule * kGranule < offset + bytes; ++granule) {
    const std::uint32_t start = granule * kGranule, from = std::max(offset, start) - start, to = std::min(offset + bytes, start + kGranule) - start;
    visit(std::uint64_t{static_cast<std::uint32_t>(rank)} << 32 | granule, static_cast<std::uint16_t>((1u << to) - (1u << from)));
  }
}

bool knows(const Warp& warp, const SharedAtomics::Entry& entry) {
  const std::uint16_t self = agent_number(warp);
  return warp.cta->cluster != nullptr ? warp.cta->cluster->shadow.knows(self, entry.by, entry.clock) : warp.cta->shadow.knows(self, entry.by, entry.clock);
}

}  // namespace

void check_shared_atomic(Warp& warp, const Op& op, int rank, std::uint32_t offset, std::uint32_t bytes, int lane) {
  if (!warp.cta->launch->checks) return;
  check_atomic_among_plain(warp, op, rank, offset, bytes, lane);
  const std::uint32_t clock = warp.strong_clock != 0 ? warp.strong_clock : clock_of(warp);
  each_granule(rank, offset, bytes, [&](std::uint64_t granule, std::uint16_t mask) { warp.cta->worker->atomics.add(granule, {agent_number(warp), mask, clock, op.index}); });
}

void check_against_atomics(Warp& warp, const Op& op, Access access, int rank, std::uint32_t offset, std::uint32_t bytes, int lane) {
  SharedAtomics& atomics = warp.cta->worker->atomics;
  bool told = false;
  each_granule(rank, offset, bytes, [&](std::uint64_t granule, std::uint16_t mask) {
    const SharedAtomics::Entry* const other = atomics.find_unknown(granule, mask, [&](const SharedAtomics::Entry& entry) { return knows(warp, entry); });
    if (other != nullptr && !told) {
      told = true;
      report(warp, op, Severity::kError, "shared_race", lane, [&] {
        const int num_warps = static_cast<int>(warp.cta->warps.size()), cta = other->by / num_warps;
        return fmt::format("{} {} bytes at shared offset {}{}, which warp {}{} ({}) atomically updated with no synchronisation in between", access == Access::kRead ? "reads" : "writes", bytes,
                           offset, rank == warp.cta->rank ? "" : fmt::format(" of cta rank {}", rank), other->by % num_warps,
                           cta == warp.cta->rank ? "" : fmt::format(" of cta rank {}", cta), lines(*warp.cta->launch->program, other->op));
      });
    }
    if (access == Access::kWrite) atomics.overwrite(granule, mask);
  });
}

}  // namespace bsgen::sim
