// Branches, ends, barriers, fences.
#include "runtime/sim/decode/asynchronous.h"
#include "runtime/sim/decode/decoder.h"
#include "runtime/sim/exec/barrier_ops.h"
#include "runtime/sim/exec/cluster_ops.h"
#include "runtime/sim/exec/host_calls.h"
#include "runtime/sim/exec/memory_ops.h"
#include "runtime/sim/exec/warp_ops.h"

namespace bsgen::sim::decoding {
namespace {

using ptx::Operand;
using ptx::ScalarType;

void bra(Decoder& d) {
  d.take("uni");
  d.want_operands(1, 1);
  d.op().kind = OpKind::kBranch;
  d.op().target = static_cast<std::uint32_t>(d.label(d.operand(0)));
}

// brx.idx{.uni} index, table
void brx(Decoder& d) {
  d.require("idx");
  d.take("uni");
  d.want_operands(2, 2);
  const Operand& table = d.operand(1);
  if (table.kind != Operand::Kind::kLabel || !table.module) return d.fail("expected a .branchtargets label");
  d.op().kind = OpKind::kBranchTable;
  d.source(1, d.operand(0), ScalarType::kU32);
  d.op().target = static_cast<std::uint32_t>(d.program().extra.size());
  const std::vector<int>& targets = d.function().branch_tables[table.index];
  d.op().immediate = static_cast<std::int64_t>(targets.size());
  for (int target : targets) d.program().extra.push_back(static_cast<std::uint32_t>(target));
}

void leave(Decoder& d) {
  d.take("uni");
  d.want_operands(0, 0);
  d.op().kind = OpKind::kExit;
}

void trap(Decoder& d) {
  d.want_operands(0, 0);
  d.op().kind = OpKind::kTrap;
}
void nothing(Decoder& d) {
  d.want_operands(0, 0);
  d.op().handler = &no_operation;
}

void memory_fence(Decoder& d, Scope scope) {
  d.program().orders_memory = true;
  d.op().handler = &fence_memory;
  d.op().flags = static_cast<std::uint8_t>(scope);
}

// bar.warp.sync membermask
void warp_barrier(Decoder& d) {
  d.require("sync");
  d.want_operands(1, 1);
  d.op().handler = &synchronize_lanes;
  d.source(1, d.operand(0), ScalarType::kB32);
  d.op().convergence = Convergence::kMembers;
  d.op().member_slot = 1;
}

// bar{.cta}.{sync,arrive}{.aligned} a{, b}; bar.red.{and,or,pred}: slots: [0] d, [1] a, [2] b, [3] predicate.
void barrier(Decoder& d) {
  if (d.take("cluster")) return cluster_barrier(d);
  if (d.take("warp")) return warp_barrier(d);
  d.take("cta");
  Op& op = d.op();
  op.kind = OpKind::kBarrier;
  op.convergence = Convergence::kWarp;
  const int kind = d.take_one_of({"sync", "arrive", "red"});
  if (kind < 0) return d.fail(fmt::format("unknown modifier .{}", d.peek()));
  op.count = static_cast<std::uint8_t>(kind == 0 ? BarrierKind::kSync : BarrierKind::kArrive);
  std::size_t first = 0;
  if (kind == 2) {
    const int reduction = d.take_one_of({"popc", "and", "or"});
    if (reduction < 0) return d.fail(fmt::format("unknown modifier .{}", d.peek()));
    op.count = static_cast<std::uint8_t>(reduction == 0 ? BarrierKind::kPopc : reduction == 1 ? BarrierKind::kAnd : BarrierKind::kOr);
  }
  d.take("aligned");
  if (kind == 2) {
    const ScalarType type = d.take_type_of({op.count == static_cast<std::uint8_t>(BarrierKind::kPopc) ? ScalarType::kU32 : ScalarType::kPred});
    d.destination(0, d.operand(0), type);
    first = 1;
  }
  const std::size_t tail = kind == 2 ? 1 : 0, have = d.num_operands();
  d.want_operands(first + 1 + tail + (kind == 1), first + 2 + tail);
  if (d.failed()) return;
  d.source(1, d.operand(first), ScalarType::kU32);
  if (have == first + 2 + tail)
    d.source(2, d.operand(first + 1), ScalarType::kU32);
  else
    d.constant(2, 0, Width::kWord);
  if (kind == 2) {
    Operand vote = d.operand(have - 1);
    op.flags = vote.negated;
    vote.negated = false;
    d.source(3, vote, ScalarType::kPred);
  }
}

void membar(Decoder& d) {
  const int scope = d.take_one_of({"cta", "gl", "sys"});
  if (scope < 0) return d.fail(fmt::format("unknown modifier .{}", d.peek()));
  nothing(d);
  memory_fence(d, scope == 0 ? Scope::kCta : Scope::kGpu);
}
void fence(Decoder& d) {
  if (is_special_fence(d)) return special_fence(d);
  if (d.take_one_of({"sc", "acq_rel", "acquire", "release"}) < 0) return d.fail(fmt::format("unknown modifier .{}", d.peek()));
  const int scope = take_scope_of_order(d);
  if (scope < 0) return d.fail("needs a scope");
  nothing(d);
  memory_fence(d, static_cast<Scope>(scope));
}
// A grid starts when the one before it has ended, so there is nothing to wait for.
void griddepcontrol(Decoder& d) {
  if (d.take_one_of({"wait", "launch_dependents"}) < 0) return d.fail(fmt::format("unknown modifier .{}", d.peek()));
  nothing(d);
}
void nanosleep(Decoder& d) {
  d.take_type_of({ScalarType::kU32});
  d.want_operands(1, 1);
  d.source(1, d.operand(0), ScalarType::kU32);
  d.op().handler = &sleep_a_while;
  d.op().kind = OpKind::kWait;
}

// What is left of a call through a pointer that no function answers.
void stray_call(Decoder& d) {
  d.want_operands(2, 2);
  d.op().handler = &report_stray_call;
  d.source(1, d.operand(0), ScalarType::kU64);
  d.op().immediate = d.integer(d.operand(1), 0, 1 << 20);
}

// Calls of functions of our own are expanded before (ptx/inline_calls.h); these the host answers. Arguments are variables of the frame.
void call(Decoder& d) {
  if (d.take("stray")) return stray_call(d);
  const bool prints = d.take("vprintf");
  if (!prints) d.require("assertfail");
  d.want_operands(prints ? 3 : 5, prints ? 3 : 5);
  if (d.failed()) return;
  d.op().handler = prints ? &host_printf : &host_assert;
  for (int i = 0; i < (prints ? 1 : 4); ++i) {
    if (d.operand(static_cast<std::size_t>(i)).kind != Operand::Kind::kVariable) return d.fail("expected a .param variable");
    d.source(i + 1, d.operand(static_cast<std::size_t>(i)), ScalarType::kU64);
  }
}

}  // namespace

std::vector<OpcodeRow> control_opcodes() {
  return {{"bra", &bra}, {"brx", &brx}, {"ret", &leave}, {"exit", &leave}, {"call", &call}, {"trap", &trap}, {"brkpt", &nothing}, {"bar", &barrier},
          {"barrier", &barrier}, {"membar", &membar}, {"fence", &fence}, {"griddepcontrol", &griddepcontrol}, {"nanosleep", &nanosleep}};
}

}  // namespace bsgen::sim::decoding
