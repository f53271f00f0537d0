#include "runtime/sim/exec/register_pool.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/sim/exec/cluster.h"

namespace bsgen::sim {
namespace {

constexpr int kWarpgroup = 4;
constexpr std::uint32_t kRegistersPerSm = 65536, kMostPerThread = 256;

int first_of_group(const Warp& warp) { return warp.index / kWarpgroup * kWarpgroup; }

}  // namespace

void RegisterPool::reset(int num_ctas, int warps_per_cta, std::uint32_t threads, std::uint32_t limit) {
  warps_per_cta_ = warps_per_cta;
  launched_ = std::min(kMostPerThread, kRegistersPerSm / ((threads + 31) / 32 * 32) / 8 * 8);
  if (limit != 0) launched_ = std::min(launched_, (limit + 7) / 8 * 8);  // they are given out in eights
  warps_.assign(static_cast<std::size_t>(num_ctas * warps_per_cta), {0, launched_, 0, 0, false});
}

RegisterPool::WarpState& RegisterPool::of(const Warp& warp) { return warps_[static_cast<std::size_t>(warp.cta->rank * warps_per_cta_ + warp.index)]; }

std::uint32_t RegisterPool::in_use(const Warp& warp) const {
  std::uint32_t sum = 0;
  for (int i = 0; i < warps_per_cta_; ++i) sum += warps_[static_cast<std::size_t>(warp.cta->rank * warps_per_cta_ + i)].registers;
  return sum;
}

void set_max_registers(Warp& warp, const Op& op) {
  Cluster& cluster = *warp.cta->cluster;
  RegisterPool& pool = cluster.registers;
  RegisterPool::WarpState& own = pool.of(warp);
  const auto count = static_cast<std::uint32_t>(op.immediate);
  const bool increases = op.flags & 1;
  const auto fault = [&](const auto& what) { report(warp, op, Severity::kError, "setmaxnreg", kWholeWarp, what); };
  if (!own.waits) {
    const int first = first_of_group(warp), num_warps = static_cast<int>(warp.cta->warps.size());
    if (first + kWarpgroup > num_warps)
      fault([&] { return fmt::format("executes setmaxnreg in a warpgroup of {} warps, it takes {}", num_warps - first, kWarpgroup); });
    for (int i = first; i < std::min(first + kWarpgroup, num_warps); ++i) {
      const Warp& other = warp.cta->warps[static_cast<std::size_t>(i)];
      const RegisterPool::WarpState& state = pool.of(other);
      if (state.steps < own.steps)
        fault([&] { return fmt::format("executes setmaxnreg again before warp {} of its warpgroup has executed the last one", other.index); });
      if (state.steps == own.steps + 1 && state.last_op != op.index)
        fault([&] { return fmt::format("executes setmaxnreg where warp {} of its warpgroup executes another one ({})", other.index, lines(*warp.cta->launch->program, state.last_op)); });
      if (warp.cta->launch->checks && state.steps == own.steps && own.steps > 0 && !cluster.shadow.knows(agent_of(warp), agent_of(other), state.last_clock))
        fault([&] { return fmt::format("executes setmaxnreg again with no synchronisation with warp {} since the last one ({})", other.index, lines(*warp.cta->launch->program, state.last_op)); });
    }
    if (own.steps > 0 && (increases ? count < own.registers : count > own.registers))
      fault([&] { return fmt::format("{} its registers to {}, it has {}", increases ? "raises" : "lowers", count, own.registers); });
  }
  const std::uint32_t others = pool.in_use(warp) - own.registers;
  own.waits = increases && others + count > pool.size();
  if (own.waits) {
    warp.repeats = warp.gives_way = true;
    return;
  }
  ++own.steps;
  own.last_op = op.index;
  own.last_clock = cluster.shadow.now(agent_of(warp));
  if (own.registers > count) ++cluster.progress;
  own.registers = count;
}

void check_registers_at_exit(Warp& warp) {
  if (warp.cta->cluster == nullptr) return;
  RegisterPool& pool = warp.cta->cluster->registers;
  const int first = first_of_group(warp);
  for (int i = first; i < std::min(first + kWarpgroup, static_cast<int>(warp.cta->warps.size())); ++i) {
    Warp& other = warp.cta->warps[static_cast<std::size_t>(i)];
    Warp &less = pool.of(other).steps < pool.of(warp).steps ? other : warp, &more = &less == &other ? warp : other;
    if (pool.of(less).steps == pool.of(more).steps || !less.done) continue;
    const std::uint32_t op = pool.of(more).last_op;
    report(more, warp.cta->launch->program->ops[op], Severity::kError, "setmaxnreg", kWholeWarp, [&] { return fmt::format("executes setmaxnreg, and warp {} of its warpgroup has ended without it", less.index); });
  }
}

}  // namespace bsgen::sim
