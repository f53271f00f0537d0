#include "runtime/sim/exec/run_warp.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "runtime/sim/exec/barrier_ops.h"
#include "runtime/sim/exec/memory_ops.h"
#include "runtime/sim/exec/register_pool.h"
#include "runtime/sim/exec/tracer.h"
#include "runtime/sim/exec/wgmma_ops.h"

namespace bsgen::sim {
namespace {

// Going straight on, the running split must stop for a look where it comes to another one.
void update_merge_pc(Warp& warp) {
  warp.merge_pc = INT_MAX;
  for (const Split& split : warp.others)
    if (split.pc > warp.pc) warp.merge_pc = std::min(warp.merge_pc, split.pc);
}

// Joins the splits at the running program counter and lets the lowest one that can run go first.
void reconverge(Warp& warp) {
  for (;;) {
    for (std::size_t i = 0; i < warp.others.size();) {
      if (warp.others[i].pc == warp.pc && warp.active != 0) {
        warp.active |= warp.others[i].mask;
        warp.others[i] = warp.others.back();
        warp.others.pop_back();
      } else {
        ++i;
      }
    }
    std::size_t lowest = warp.others.size();
    for (std::size_t i = 0; i < warp.others.size(); ++i)
      if (!warp.others[i].parked && !warp.others[i].deferred && (lowest == warp.others.size() || warp.others[i].pc < warp.others[lowest].pc)) lowest = i;
    const bool other_first = lowest < warp.others.size() && (warp.active == 0 || warp.others[lowest].pc < warp.pc);
    if (!other_first) break;
    Split& other = warp.others[lowest];
    if (warp.active == 0) {
      warp.pc = other.pc;
      warp.active = other.mask;
      other = warp.others.back();
      warp.others.pop_back();
    } else {
      std::swap(other.pc, warp.pc);
      std::swap(other.mask, warp.active);
    }
  }
  update_merge_pc(warp);
}

// Splits that waited in vain may try again. False where there is none.
bool wake_deferred(Warp& warp) {
  bool any = false;
  for (Split& split : warp.others) any |= split.deferred, split.deferred = false;
  return any;
}

// The running split cannot execute its instruction before other lanes come. True where another split runs meanwhile.
bool park(Warp& warp) {
  const bool other_can_run = std::any_of(warp.others.begin(), warp.others.end(), [](const Split& split) { return !split.parked; });
  if (!other_can_run) return false;
  const bool at_once = std::any_of(warp.others.begin(), warp.others.end(), [](const Split& split) { return !split.parked && !split.deferred; });
  if (!at_once) wake_deferred(warp);
  warp.others.push_back({warp.pc, warp.active, true});
  warp.active = 0;
  reconverge(warp);
  return true;
}

// The running split has waited in vain. True where another split of the warp goes on; else it is other warps' turn.
bool give_way(Warp& warp) {
  const bool other_can_run = std::any_of(warp.others.begin(), warp.others.end(), [](const Split& split) { return !split.parked && !split.deferred; });
  if (other_can_run) {
    warp.others.push_back({warp.pc, warp.active, false, true});
    warp.active = 0;
  } else {
    wake_deferred(warp);
  }
  reconverge(warp);
  return other_can_run;
}

// With nothing else to run, parked splits get their turn (and are reported by what parked them).
void unpark_all(Warp& warp) {
  for (Split& split : warp.others) split.parked = false;
}

std::uint32_t wanted_lanes(const Warp& warp, const Op& op) {
  switch (op.convergence) {
    case Convergence::kAligned: return kFullMask;
    case Convergence::kWarp: return warp.live;
    case Convergence::kMembers: return warp.reg32(op.slot[op.member_slot])[std::countr_zero(warp.mask)] & warp.live;
    default: return 0;
  }
}

void report_divergence(Warp& warp, const Op& op, std::uint32_t wanted) {
  const Program& program = *warp.cta->launch->program;
  report(warp, op, Severity::kError, "divergence", std::countr_zero(warp.mask), [&] {
    const std::uint32_t exited = wanted & ~warp.live, missing = wanted & ~warp.mask & ~exited;
    std::string text = fmt::format("executes {} in a diverged warp: lanes {:#010x} take part", program.opcodes[op.index], warp.mask);
    if (missing != 0) text += fmt::format(", {:#010x} are elsewhere", missing);
    if (exited != 0) text += fmt::format(", {:#010x} have exited", exited);
    return text;
  });
}

void branch(Warp& warp, int target, std::uint32_t taken) {
  const std::uint32_t stays = warp.active & ~taken;
  if (stays == 0) {
    warp.pc = target;
  } else if (taken == 0) {
    ++warp.pc;
  } else {
    warp.others.push_back({target, taken, false});
    warp.active = stays;
    ++warp.pc;
    // The side that stands lower goes first, so that both meet at their join. A seed may let the other one go on, until something needs
    // all lanes or the warp's turn ends.
    Split& other = warp.others.back();
    Worker& worker = *warp.cta->worker;
    if (worker.launch.schedule.timing != Timing::kMixed || (worker.random() & 1)) return;
    if (other.pc > warp.pc) std::swap(other.pc, warp.pc), std::swap(other.mask, warp.active);
    other.deferred = true;
  }
}

void branch_table(Warp& warp, const Op& op) {
  const Program& program = *warp.cta->launch->program;
  const std::uint32_t* index = warp.reg32(op.slot[1]);
  std::uint32_t rest = warp.mask;
  while (rest != 0) {
    const int lane = std::countr_zero(rest);
    const std::uint32_t which = index[lane];
    std::uint32_t same = 0;
    for (std::uint32_t lanes = rest; lanes != 0; lanes &= lanes - 1)
      if (index[std::countr_zero(lanes)] == which) same |= lanes & (0 - lanes);
    rest &= ~same;
    if (which >= static_cast<std::uint64_t>(op.immediate)) {
      report(warp, op, Severity::kError, "out_of_bounds", lane, [&] { return fmt::format("branches to entry {} of a table of {}", which, op.immediate); });
      warp.live &= ~same;
    } else {
      warp.others.push_back({static_cast<int>(program.extra[op.target + which]), same, false});
    }
    warp.active &= ~same;
  }
  if (warp.active != 0) ++warp.pc;
}

template <bool kTraced>
Stop execute(Warp& warp, std::uint64_t limit) {
  Worker& worker = *warp.cta->worker;
  std::uint64_t* executions = worker.counts.executions.data();
  const Op* ops = warp.cta->launch->program->ops.data();
  std::uint64_t executed = 0;
  const auto stop = [&](Stop why) {
    worker.instructions += executed;
    if constexpr (kTraced) warp.cta->launch->tracer->stopped(warp);
    return why;
  };
  if (worker.launch.schedule.timing == Timing::kMixed && wake_deferred(warp)) reconverge(warp);
  for (;;) {
    if (warp.pc >= warp.merge_pc) [[unlikely]] reconverge(warp);
    const Op& op = ops[warp.pc];
    std::uint32_t mask = warp.active;
    if (op.guard != kNoGuard) {
      const std::uint32_t guard = warp.predicate(op.guard);
      mask &= op.guard_negated ? ~guard : guard;
    }
    warp.mask = mask;
    if (op.convergence != Convergence::kNone && mask != kFullMask && mask != 0) {
      const std::uint32_t wanted = wanted_lanes(warp, op);
      if ((wanted & ~mask) != 0) [[unlikely]] {
        if (park(warp)) continue;
        // Nobody else can run: the lanes that are missing never come, unless they are parked at instructions of their own.
        report_divergence(warp, op, wanted);
        unpark_all(warp);
      }
    }
    if (++executed > limit) {
      --executed;
      return stop(Stop::kSlice);
    }
    ++executions[warp.pc];
    if (mask != kFullMask) worker.counts.ops[op.index].not_all_lanes(mask);
    if constexpr (kTraced) warp.cta->launch->tracer->before(warp);
    switch (op.kind) {
      case OpKind::kPlain:
        if (mask != 0) op.handler(warp, op);
        ++warp.pc;
        continue;
      case OpKind::kBranch:
        branch(warp, static_cast<int>(op.target), mask);
        if (!warp.others.empty()) reconverge(warp);
        continue;
      case OpKind::kBranchTable:
        if (mask != 0) branch_table(warp, op);
        else ++warp.pc;
        reconverge(warp);
        break;
      case OpKind::kExit:
        warp.live &= ~mask;
        warp.active &= ~mask;
        ++warp.pc;
        if (!warp.others.empty() || warp.active == 0) reconverge(warp);
        break;
      case OpKind::kBarrier:
        ++warp.pc;
        if (mask != 0 && reach_barrier(warp, op)) {
          ++worker.counts.ops[op.index].waits;
          return stop(Stop::kBarrier);
        }
        continue;
      case OpKind::kWait:
        if (mask != 0) op.handler(warp, op);
        warp.pc += warp.repeats ? 0 : 1;
        warp.repeats = false;
        if (!warp.gives_way) continue;
        warp.gives_way = false;
        if (!give_way(warp)) return stop(Stop::kGaveWay);
        continue;
      case OpKind::kTrap:
        if (mask != 0) {
          report(warp, op, Severity::kError, "trap", std::countr_zero(mask), [] { return std::string("executes trap"); });
          return stop(Stop::kAbort);
        }
        ++warp.pc;
        continue;
    }
    if (warp.active == 0) {
      if (!warp.others.empty()) {
        const bool waited = wake_deferred(warp);
        if (!waited) unpark_all(warp);
        reconverge(warp);
        if (waited) return stop(Stop::kGaveWay);
        continue;
      }
      warp.done = true;
      check_wgmma_at_exit(warp);
      check_copies_at_exit(warp);
      check_registers_at_exit(warp);
      return stop(Stop::kDone);
    }
  }
}

}  // namespace

Stop run_warp(Warp& warp, std::uint64_t limit, bool traced) { return traced ? execute<true>(warp, limit) : execute<false>(warp, limit); }

}  // namespace bsgen::sim
