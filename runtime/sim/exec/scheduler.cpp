// Runs the warps of a cluster: one after the other, each until it waits at a barrier, has waited at an mbarrier in vain, or ends. Warps
// influence each other only there and through memory, and a warp that spins on memory gives way after a while. A copy in flight lands
// when nobody can go on without it.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <numeric>

#include "runtime/sim/exec/async_operations.h"
#include "runtime/sim/exec/barrier_ops.h"
#include "runtime/sim/exec/cluster.h"
#include "runtime/sim/exec/run_warp.h"
#include "runtime/sim/exec/scheduler.h"
#include "runtime/sim/exec/shared_symbols.h"
#include "runtime/sim/exec/tracer.h"

namespace bsgen::sim {
namespace {

constexpr std::uint64_t kSlice = 1 << 18;  // warp instructions before the next warp gets its turn
constexpr std::uint64_t kShortSlice = 1 << 14, kPollingSlice = 1 << 8;  // where ctas may wait for each other, and of a warp that seems to
constexpr std::uint32_t kPolls = 4;       // reads of the same place with the same value, until a warp is taken to wait for another one
constexpr int kIdleRounds = 1000;         // of fruitless polling before it counts as a deadlock
constexpr std::uint64_t kShuffledSlice = 256;  // at most, where a seed interleaves the warps

void start_warp(Warp& warp, Cta& cta, int index, std::uint32_t threads) {
  const std::uint32_t first = static_cast<std::uint32_t>(index) * kLanes;
  const std::uint32_t lanes = std::min<std::uint32_t>(kLanes, threads - first);
  warp.active = warp.live = lanes == kLanes ? kFullMask : (1u << lanes) - 1;
  warp.pc = 0;
  warp.merge_pc = INT_MAX;
  warp.others.clear();
  warp.cta = &cta;
  warp.index = index;
  warp.done = false;
  warp.barrier = -1;
  order_lanes(warp);
  warp.lane_clock = 0;
  std::fill(std::begin(warp.committed), std::end(warp.committed), 0);
  warp.pending.clear();
  for (AsyncQueue& queue : warp.async) queue = AsyncQueue();
  warp.wgmma.start();
  warp.gives_way = warp.repeats = false;
  warp.failed_waits.clear();
  warp.strong_clock = 0;
  warp.poll = {};
  warp.cluster_arrived = warp.cluster_phase_open = warp.cluster_waits = warp.group_waits = false;
  warp.lanes_with.assign(cta.launch->program->undefined.names.size(), 0);
  for (const Program::Undefined& undefined : cta.launch->program->undefined_at_entry) std::memset(warp.registers + undefined.offset, 0, undefined.bytes);
}

}  // namespace

Worker::Worker(const LaunchState& launch, GlobalOrder& global)
    : launch(launch), ctas(launch.cluster_ctas()), counts(launch.program->ops.size()), global(global) {
  const Program& program = *launch.program;
  const std::size_t num_warps = (launch.config.threads + kLanes - 1) / kLanes;
  registers.resize(ctas.size() * num_warps * program.register_file_bytes + 256);
  std::byte* base = registers.data() + (256 - reinterpret_cast<std::uintptr_t>(registers.data()) % 256) % 256;
  if (program.uses_async) cluster = std::make_unique<Cluster>();
  for (std::size_t rank = 0; rank < ctas.size(); ++rank) {
    Cta& cta = ctas[rank];
    cta.warps.resize(num_warps);
    for (std::size_t i = 0; i < num_warps; ++i) {
      Warp& warp = cta.warps[i];
      warp.registers = base + (rank * num_warps + i) * program.register_file_bytes;
      for (const Program::Constant& constant : program.constants) {
        if (constant.bytes == 4) warp.predicate(constant.offset) = static_cast<std::uint32_t>(constant.bits);
        if (constant.bytes == 128) std::fill_n(warp.reg32(constant.offset), kLanes, static_cast<std::uint32_t>(constant.bits));
        if (constant.bytes == 256) std::fill_n(warp.reg64(constant.offset), kLanes, constant.bits);
      }
    }
    cta.launch = &launch;
    cta.worker = this;
    cta.cluster = cluster.get();
    cta.rank = static_cast<int>(rank);
    cta.shared.resize(launch.shared_bytes + 16);
    cta.shared_valid.resize(launch.shared_bytes + 16);
    const std::size_t local = num_warps * kLanes * program.local_bytes;
    cta.local.resize(local);
    cta.local_valid.resize(local);
  }
  last_allocation.assign(program.ops.size(), nullptr);
}

Worker::~Worker() = default;

std::uint64_t drawn(std::uint64_t x) {  // splitmix64 (Vigna)
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

namespace {

// Which of `count` comes at place `order`: a step that has no divisor in common with the count visits each of them once.
std::uint64_t shuffled(std::uint64_t order, std::uint64_t count, std::uint64_t seed) {
  std::uint64_t step = drawn(seed) % count;
  while (std::gcd(step, count) != 1) step = (step + 1) % count;
  return static_cast<std::uint64_t>((static_cast<unsigned __int128>(step) * order + drawn(seed + 1)) % count);
}

}  // namespace

std::uint64_t Worker::random() { return drawn(random_state++); }

CtaPlace cta_place(const LaunchState& launch, std::uint64_t order) {
  const LaunchConfig& config = launch.config;
  const std::uint64_t size = launch.cluster_ctas(), num_clusters = std::uint64_t{config.grid_x} * config.grid_y * config.grid_z / size;
  // Ctas that may wait for each other by flags come in rising order under every seed: those that come first are never waited for in vain.
  const bool may_wait = launch.program->ordered_ctas && launch.program->orders_memory;
  const std::uint64_t cluster = launch.schedule.timing == Timing::kMixed && !may_wait ? shuffled(order / size, num_clusters, launch.schedule.seed) : order / size;
  const auto rank = static_cast<std::uint32_t>(order % size);
  const std::uint32_t* dims = launch.cluster;
  CtaPlace place;
  place.index[0] = static_cast<std::uint32_t>(cluster % (config.grid_x / dims[0])) * dims[0] + rank % dims[0];
  place.index[1] = static_cast<std::uint32_t>(cluster / (config.grid_x / dims[0]) % (config.grid_y / dims[1])) * dims[1] + rank / dims[0] % dims[1];
  place.index[2] = static_cast<std::uint32_t>(cluster / (config.grid_x / dims[0]) / (config.grid_y / dims[1])) * dims[2] + rank / dims[0] / dims[1];
  place.linear = place.index[0] + std::uint64_t{config.grid_x} * (place.index[1] + std::uint64_t{config.grid_y} * place.index[2]);
  return place;
}

void Worker::start_cluster(std::uint64_t order) {
  const LaunchConfig& config = launch.config;
  for (std::uint32_t rank = 0; rank < ctas.size(); ++rank) {
    Cta& cta = ctas[rank];
    cta.order = order * ctas.size() + rank;
    const CtaPlace place = cta_place(launch, cta.order);
    std::copy(place.index.begin(), place.index.end(), cta.index);
    cta.linear = place.linear;
    cta.ended = false;
    // What shared memory holds at the start is unknown; a NaN pattern makes results that depend on it look wrong.
    std::fill(cta.shared.begin(), cta.shared.end(), std::byte{0xff});
    if (launch.checks) {
      std::fill(cta.shared_valid.begin(), cta.shared_valid.end(), std::uint8_t{0});
      std::fill(cta.local_valid.begin(), cta.local_valid.end(), std::uint8_t{0});
    }
    std::fill(std::begin(cta.barriers), std::end(cta.barriers), Barrier());
    for (WarpgroupSteps& group : cta.warpgroups) group.start();
    if (cluster == nullptr) cta.shadow.reset(launch.checks ? launch.shared_bytes : 0, static_cast<int>(cta.warps.size()));
    if (cta.lane_epochs >> 31 != 0) cta.lane_order = {}, cta.lane_epochs = 0;  // long before a number comes again
    cta.lane_order.reset(launch.checks ? launch.shared_bytes : 0);
    for (std::size_t i = 0; i < cta.warps.size(); ++i) start_warp(cta.warps[i], cta, static_cast<int>(i), config.threads);
  }
  random_state = drawn(launch.schedule.seed ^ drawn(ctas[0].linear));
  if (cluster != nullptr) cluster->reset(ctas, launch.shared_bytes);
  flags.reset(ctas.size() * ctas[0].warps.size());
  atomics.reset();
  start_instructions_ = instructions;
}

void Worker::warp_ended(Cta& cta) {
  cta.ended = std::all_of(cta.warps.begin(), cta.warps.end(), [](const Warp& warp) { return warp.done; });
  if (cluster == nullptr) return;
  check_cluster_barrier(*this);
  if (cta.ended) check_remote_uses(*this, cta);
}

// A warp that nobody but another warp or a copy can help.
static bool is_blocked(const Warp& warp) {
  return !warp.failed_waits.empty() || warp.cluster_waits || warp.group_waits || (warp.cta->cluster != nullptr && warp.cta->cluster->registers.of(warp).waits);
}

static bool polls(const Warp& warp) { return warp.poll.times >= kPolls && warp.poll.slices_ago <= 2; }

Worker::Turn Worker::go_on(bool may_poll) {
  const bool shuffles = launch.schedule.timing == Timing::kMixed;
  const std::size_t num_warps = ctas[0].warps.size(), total = ctas.size() * num_warps;
  std::vector<std::size_t> turns(total);
  std::iota(turns.begin(), turns.end(), std::size_t{0});
  for (int idle = 0;;) {
    bool ran = false, gave_way = false, all_done = true, only_polls = may_poll;
    const std::uint64_t progress = cluster != nullptr ? cluster->progress : 0;
    if (shuffles) {  // each warp's turn anew, and now and then a copy lands that nobody needs yet
      for (std::size_t i = total; i > 1; --i) std::swap(turns[i - 1], turns[random() % i]);
      if (random() % 4 == 0 && cluster != nullptr) land_a_flight(*this);
    }
    for (const std::size_t which : turns) {
      Warp& warp = ctas[which / num_warps].warps[which % num_warps];
      all_done &= warp.done;
      if (warp.done || warp.barrier >= 0) continue;
      const bool traced = launch.tracer != nullptr && launch.tracer->watches(warp);
      const std::uint64_t slice = shuffles ? 1 + random() % kShuffledSlice : !may_poll ? kSlice : polls(warp) ? kPollingSlice : kShortSlice;
      ++warp.poll.slices_ago;
      const Stop why = run_warp(warp, slice, traced);
      if (why == Stop::kAbort) return Turn::kAborted;
      if (why == Stop::kDone) warp_ended(*warp.cta);
      const bool blocked = why == Stop::kGaveWay && is_blocked(warp);
      gave_way |= blocked;
      ran |= !blocked;
      only_polls &= blocked || ((why == Stop::kSlice || why == Stop::kGaveWay) && polls(warp));
    }
    if (all_done) break;
    // With nobody able to go on, a copy in flight lands. Warps that poll may do something else after a while, so they get many turns.
    const bool moves = ran || (cluster != nullptr && (cluster->progress != progress || land_a_flight(*this)));
    idle = moves ? 0 : idle + 1;
    if (!moves && (!gave_way || idle > kIdleRounds)) {
      for (const Cta& cta : ctas)
        for (const Warp& warp : cta.warps) {
          if (warp.done) continue;
          const int at = !warp.failed_waits.empty() ? static_cast<int>(warp.failed_waits[0].op) : warp.barrier >= 0 ? warp.pc - 1 : warp.pc;
          report(const_cast<Warp&>(warp), launch.program->ops[static_cast<std::size_t>(at)], Severity::kError, "deadlock", kWholeCta,
                 [&] { return cluster != nullptr ? describe_waits(*this) : describe_barriers(cta); });
          return Turn::kAborted;
        }
    }
    if (ran && only_polls) return Turn::kPolls;
    if (instructions - start_instructions_ > launch.instruction_budget) {
      Warp* busy = &ctas[0].warps[0];
      for (Cta& cta : ctas)
        for (Warp& warp : cta.warps)
          if (!warp.done && warp.barrier < 0 && (busy->done || busy->barrier >= 0)) busy = &warp;
      report(*busy, launch.program->ops[static_cast<std::size_t>(busy->pc)], Severity::kError, "budget", kWholeWarp, [&] {
        return fmt::format("does not end; its cta has executed more than {} warp instructions, and a larger budget (SimOptions::instruction_budget, bsgen run --budget) allows more", launch.instruction_budget);
      });
      return Turn::kAborted;
    }
  }
  if (cluster != nullptr) finish_cluster(*this);
  return Turn::kEnded;
}

std::string finding_text(const LaunchState& launch, const std::array<std::uint32_t, 3>& cta, int warp, std::uint32_t op, int lane, const std::string& what) {
  const std::string z = launch.config.grid_z > 1 ? fmt::format(", {}", cta[2]) : std::string();
  const std::string who = lane == kWholeCta ? "" : lane == kWholeWarp ? fmt::format(" warp {}", warp) : fmt::format(" thread {}", warp * kLanes + lane);
  return fmt::format("sim: cta ({}, {}{}){}{} {} {}", cta[0], cta[1], z, who, lane == kWholeCta ? ":" : "", with_symbols(*launch.program, what), place(*launch.program, op));
}

}  // namespace bsgen::sim
