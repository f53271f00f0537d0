#include "runtime/sim/exec/warp_ops.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "runtime/sim/exec/tensor_core.h"
#include "runtime/sim/exec/cluster.h"
#include "runtime/sim/exec/scalar_float.h"
#include "runtime/sim/exec/scheduler.h"
#include "runtime/sim/exec/warp.h"

namespace bsgen::sim {
namespace {

// PTX ISA, "shfl.sync": c holds the clamp in bits 0-4 and the segment mask in bits 8-12.
template <Shuffle kMode>
void shuffle(Warp& warp, const Op& op) {
  order_lanes(warp);
  std::uint32_t source[kLanes], result[kLanes];
  std::memcpy(source, warp.reg32(op.slot[1]), sizeof source);
  const std::uint32_t *b = warp.reg32(op.slot[2]), *c = warp.reg32(op.slot[3]);
  std::uint32_t in_range = 0, undefined = 0;
  // Whose register a lane reads; beyond the segment or the clamp its own.
  const auto source_of = [&](int lane) {
    const int delta = static_cast<int>(b[lane] & 31), clamp = static_cast<int>(c[lane] & 31), segment = static_cast<int>(c[lane] >> 8 & 31);
    const int highest = (lane & segment) | (clamp & ~segment), lowest = lane & segment;
    int from = lane;
    switch (kMode) {
      case Shuffle::kUp: from = lane - delta; break;
      case Shuffle::kDown: from = lane + delta; break;
      case Shuffle::kButterfly: from = lane ^ delta; break;
      case Shuffle::kIndex: from = lowest | (delta & ~segment); break;
    }
    const bool good = kMode == Shuffle::kUp ? from >= highest : from <= highest;
    in_range |= static_cast<std::uint32_t>(good) << lane;
    return good ? from : lane;
  };
  if (warp.mask == kFullMask) {
    for (int lane = 0; lane < kLanes; ++lane) result[lane] = source[source_of(lane)];
  } else {
    for (std::uint32_t rest = warp.mask; rest != 0; rest &= rest - 1) {
      const int lane = std::countr_zero(rest), from = source_of(lane);
      result[lane] = source[from];
      if (!(warp.mask >> from & 1)) undefined |= std::uint32_t{1} << lane;
    }
  }
  if (undefined != 0)
    report(warp, op, Severity::kError, "divergence", std::countr_zero(undefined), [] { return std::string("reads the register of a lane that does not take part in the shuffle"); });
  std::uint32_t* d = warp.reg32(op.slot[0]);
  for (int lane = 0; lane < kLanes; ++lane)
    if (warp.mask >> lane & 1) d[lane] = result[lane];
  std::uint32_t& p = warp.predicate(op.slot[4]);
  p = (p & ~warp.mask) | (in_range & warp.mask);
}

template <Vote kMode>
void vote(Warp& warp, const Op& op) {
  order_lanes(warp);
  std::uint32_t votes = warp.predicate(op.slot[1]);
  if (op.flags & 1) votes = ~votes;
  votes &= warp.mask;
  if (kMode == Vote::kBallot) {
    std::uint32_t* d = warp.reg32(op.slot[0]);
    for (int lane = 0; lane < kLanes; ++lane)
      if (warp.mask >> lane & 1) d[lane] = votes;
    return;
  }
  const bool all = votes == warp.mask, any = votes != 0;
  const bool result = kMode == Vote::kAll ? all : kMode == Vote::kAny ? any : all || !any;
  std::uint32_t& p = warp.predicate(op.slot[0]);
  p = (p & ~warp.mask) | (result ? warp.mask : 0);
}

std::uint64_t match_value(const Warp& warp, const Op& op, int lane) {
  return op.flags & 1 ? warp.reg64(op.slot[1])[lane] : warp.reg32(op.slot[1])[lane];
}

template <Reduction kReduction>
void reduce(Warp& warp, const Op& op) {
  order_lanes(warp);
  const std::uint32_t* a = warp.reg32(op.slot[1]);
  std::uint32_t sum = a[std::countr_zero(warp.mask)];
  for (std::uint32_t rest = warp.mask & (warp.mask - 1); rest != 0; rest &= rest - 1) {
    const std::uint32_t x = a[std::countr_zero(rest)];
    const auto sx = static_cast<std::int32_t>(x), ssum = static_cast<std::int32_t>(sum);
    switch (kReduction) {
      case Reduction::kAdd: sum += x; break;
      case Reduction::kMinU: sum = std::min(sum, x); break;
      case Reduction::kMaxU: sum = std::max(sum, x); break;
      case Reduction::kMinS: sum = static_cast<std::uint32_t>(std::min(ssum, sx)); break;
      case Reduction::kMaxS: sum = static_cast<std::uint32_t>(std::max(ssum, sx)); break;
      case Reduction::kAnd: sum &= x; break;
      case Reduction::kOr: sum |= x; break;
      case Reduction::kXor: sum ^= x; break;
    }
  }
  std::uint32_t* d = warp.reg32(op.slot[0]);
  for (int lane = 0; lane < kLanes; ++lane)
    if (warp.mask >> lane & 1) d[lane] = sum;
}

void put_all(Warp& warp, std::uint32_t slot, std::uint32_t value) {
  std::uint32_t* d = warp.reg32(slot);
  for (int lane = 0; lane < kLanes; ++lane)
    if (warp.mask >> lane & 1) d[lane] = value;
}

}  // namespace

Handler shuffle_handler(Shuffle mode) {
  switch (mode) {
    case Shuffle::kUp: return &shuffle<Shuffle::kUp>;
    case Shuffle::kDown: return &shuffle<Shuffle::kDown>;
    case Shuffle::kButterfly: return &shuffle<Shuffle::kButterfly>;
    case Shuffle::kIndex: return &shuffle<Shuffle::kIndex>;
  }
  return nullptr;
}

Handler vote_handler(Vote mode) {
  switch (mode) {
    case Vote::kAll: return &vote<Vote::kAll>;
    case Vote::kAny: return &vote<Vote::kAny>;
    case Vote::kUniform: return &vote<Vote::kUniform>;
    case Vote::kBallot: return &vote<Vote::kBallot>;
  }
  return nullptr;
}

Handler reduction_handler(Reduction reduction) {
  switch (reduction) {
    case Reduction::kAdd: return &reduce<Reduction::kAdd>;
    case Reduction::kMinU: return &reduce<Reduction::kMinU>;
    case Reduction::kMaxU: return &reduce<Reduction::kMaxU>;
    case Reduction::kMinS: return &reduce<Reduction::kMinS>;
    case Reduction::kMaxS: return &reduce<Reduction::kMaxS>;
    case Reduction::kAnd: return &reduce<Reduction::kAnd>;
    case Reduction::kOr: return &reduce<Reduction::kOr>;
    case Reduction::kXor: return &reduce<Reduction::kXor>;
  }
  return nullptr;
}

void reduce_floats(Warp& warp, const Op& op) {
  order_lanes(warp);
  scalar::FloatMode mode;
  mode.op = op.flags & 1 ? scalar::FloatOp::kMax : scalar::FloatOp::kMin;
  mode.abs = op.flags & 2;
  mode.nan = op.flags & 4;
  const std::uint32_t* a = warp.reg32(op.slot[1]);
  const std::uint32_t first = a[std::countr_zero(warp.mask)];
  std::uint64_t sum = first;
  for (std::uint32_t rest = warp.mask; rest != 0; rest &= rest - 1) sum = scalar::single(sum, a[std::countr_zero(rest)], 0, mode.encode());
  put_all(warp, op.slot[0], static_cast<std::uint32_t>(sum));
}

void match_any(Warp& warp, const Op& op) {
  order_lanes(warp);
  std::uint32_t result[kLanes] = {};
  for (int lane = 0; lane < kLanes; ++lane)
    for (std::uint32_t rest = warp.mask; rest != 0; rest &= rest - 1)
      if (match_value(warp, op, lane) == match_value(warp, op, std::countr_zero(rest))) result[lane] |= rest & (0 - rest);
  std::uint32_t* d = warp.reg32(op.slot[0]);
  for (int lane = 0; lane < kLanes; ++lane)
    if (warp.mask >> lane & 1) d[lane] = result[lane];
}

void match_all(Warp& warp, const Op& op) {
  order_lanes(warp);
  bool all = true;
  const std::uint64_t value = match_value(warp, op, std::countr_zero(warp.mask));
  for (std::uint32_t rest = warp.mask; rest != 0; rest &= rest - 1) all &= match_value(warp, op, std::countr_zero(rest)) == value;
  put_all(warp, op.slot[0], all ? warp.mask : 0);
  std::uint32_t& p = warp.predicate(op.slot[3]);
  p = (p & ~warp.mask) | (all ? warp.mask : 0);
}

void synchronize_lanes(Warp& warp, const Op&) {
  order_lanes(warp);
  if (Cluster* const cluster = warp.cta->cluster; cluster != nullptr) warp.lane_clock = cluster->shadow.begin(agent_of(warp));
}

void active_mask(Warp& warp, const Op& op) { put_all(warp, op.slot[0], warp.mask); }

void elect(Warp& warp, const Op& op) {
  order_lanes(warp);
  // Which lane is the hardware's choice; the same members always elect the same one (PTX ISA, "elect.sync").
  const Schedule& schedule = warp.cta->launch->schedule;
  std::uint32_t leader = schedule.timing == Timing::kLate ? std::bit_floor(warp.mask) : warp.mask & (0 - warp.mask);
  if (schedule.timing == Timing::kMixed) {
    std::uint32_t rest = warp.mask;
    for (std::uint64_t skip = drawn(schedule.seed ^ std::uint64_t{warp.mask} << 32) % static_cast<std::uint64_t>(std::popcount(rest)); skip > 0; --skip) rest &= rest - 1;
    leader = rest & (0 - rest);
  }
  put_all(warp, op.slot[0], static_cast<std::uint32_t>(std::countr_zero(leader)));
  std::uint32_t& p = warp.predicate(op.slot[3]);
  p = (p & ~warp.mask) | leader;
}

void move_matrix(Warp& warp, const Op& op) {
  std::uint16_t matrix[8][8];
  std::memcpy(matrix, warp.reg32(op.slot[1]), sizeof matrix);
  std::uint32_t* d = warp.reg32(op.slot[0]);
  for (int lane = 0; lane < kLanes; ++lane) {
    const int column = lane / 4, row = 2 * (lane % 4);
    if (warp.mask >> lane & 1) d[lane] = matrix[row][column] | std::uint32_t{matrix[row + 1][column]} << 16;
  }
}

void matrix_multiply(Warp& warp, const Op& op) {
  const LaunchState& launch = *warp.cta->launch;
  const std::uint32_t* registers = launch.program->extra.data() + op.extra;
  MutableLanes d[4];
  Lanes a[4], b[4], c[4];
  std::uint32_t at = 0;
  for (std::uint32_t i = 0; i < op.slot[0]; ++i) d[i] = warp.reg32(registers[at++]);
  for (std::uint32_t i = 0; i < op.slot[1]; ++i) a[i] = warp.reg32(registers[at++]);
  for (std::uint32_t i = 0; i < op.slot[2]; ++i) b[i] = warp.reg32(registers[at++]);
  for (std::uint32_t i = 0; i < op.slot[3]; ++i) c[i] = warp.reg32(registers[at++]);
  const auto multiply = reinterpret_cast<MmaFunction>(const_cast<void*>(op.function));
  if (op.flags & 1) {
    alignas(64) std::uint32_t result[4][kLanes];
    const MutableLanes buffer[4] = {result[0], result[1], result[2], result[3]};
    multiply(a, b, c, buffer, launch.model);
    for (std::uint32_t i = 0; i < op.slot[0]; ++i) std::memcpy(d[i], result[i], sizeof result[i]);
  } else {
    multiply(a, b, c, d, launch.model);
  }
}

}  // namespace bsgen::sim
