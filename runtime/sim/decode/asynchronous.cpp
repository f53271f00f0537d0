// mbarrier, clusters, proxies.
#include "runtime/sim/decode/asynchronous.h"
#include "runtime/sim/decode/asynchronous_operands.h"
#include "runtime/sim/exec/cluster_ops.h"
#include "runtime/sim/exec/mbarrier_ops.h"

namespace bsgen::sim::decoding {
namespace {

using ptx::Operand;
using ptx::ScalarType;
using ptx::Space;

// mbarrier.arrive{_drop}{.expect_tx, .noComplete}{.sem.scope}{.space}.b64 {state|_,} [addr]{, count}
void arrive(Decoder& d, bool drop) {
  Op& op = d.op();
  op.handler = &mbarrier_arrive;
  const bool expect = d.take("expect_tx"), no_complete = d.take("noComplete");
  const bool relaxed = take_relaxed(d, "release");
  const bool remote = d.peek() == "shared::cluster";
  const Space space = take_shared(d);
  d.take_type_of({ScalarType::kB64});
  const bool has_state = d.num_operands() > 0 && d.operand(0).kind != Operand::Kind::kAddress;
  const std::size_t first = has_state ? 1 : 0;
  d.want_operands(first + 1 + expect + no_complete, first + 2);
  if (d.failed()) return;
  const bool wanted = has_state && d.operand(0).kind != Operand::Kind::kSink;
  if (remote && wanted) return d.fail("an arrival at .shared::cluster gives no state; write _");
  d.destination(0, has_state ? d.operand(0) : sink(), ScalarType::kB64);
  if (d.num_operands() == first + 2)
    d.source(2, d.operand(first + 1), ScalarType::kU32);
  else
    d.constant(2, 1, Width::kWord);
  main_address(d, d.operand(first), space);
  op.count = static_cast<std::uint8_t>((expect ? kExpect : 0) | (no_complete ? kNoComplete : 0) | (relaxed ? kRelaxed : 0) | (drop ? kDrop : 0) | (wanted ? kGenericState : 0));
}

// mbarrier.{test,try}_wait{.parity}{.sem.scope}{.space}.b64 p, [addr], state or parity{, time}
void wait(Decoder& d, bool may_suspend) {
  Op& op = d.op();
  op.kind = OpKind::kWait;
  op.handler = &mbarrier_test;
  const bool parity = d.take("parity");
  const bool relaxed = take_relaxed(d, "acquire");
  const Space space = take_shared(d);
  d.take_type_of({ScalarType::kB64});
  d.want_operands(3, may_suspend ? 4 : 3);
  if (d.failed()) return;
  d.destination(0, d.operand(0), ScalarType::kPred);
  d.source(2, d.operand(2), parity ? ScalarType::kU32 : ScalarType::kB64);
  if (d.num_operands() == 4) d.source(3, d.operand(3), ScalarType::kU32);
  main_address(d, d.operand(1), space);
  op.count = static_cast<std::uint8_t>((parity ? kParity : 0) | (relaxed ? kRelaxed : 0));
}

void mbarrier(Decoder& d) {
  d.need_target(80);
  d.program().uses_async = true;
  Op& op = d.op();
  if (d.take("arrive")) return arrive(d, false);
  if (d.take("arrive_drop")) return arrive(d, true);
  if (d.take("test_wait")) return wait(d, false);
  if (d.take("try_wait")) {
    d.need_target(90);
    return wait(d, true);
  }
  if (d.take("pending_count")) {
    d.take_type_of({ScalarType::kB64});
    d.want_operands(2, 2);
    op.handler = &mbarrier_pending_count;
    d.destination(0, d.operand(0), ScalarType::kU32);
    return d.source(1, d.operand(1), ScalarType::kB64);
  }
  const int which = d.take_one_of({"init", "inval", "expect_tx", "complete_tx"});
  if (which < 0) return unknown(d);
  if (which >= 2) {
    d.need_target(90);
    if (d.take("relaxed")) take_scope(d);
  }
  const Space space = take_shared(d);
  d.take_type_of({ScalarType::kB64});
  constexpr Handler kHandlers[] = {&mbarrier_init, &mbarrier_invalidate, &mbarrier_expect, &mbarrier_complete};
  op.handler = kHandlers[which];
  d.want_operands(which == 1 ? 1 : 2, which == 1 ? 1 : 2);
  if (d.failed()) return;
  if (which != 1) d.source(2, d.operand(1), ScalarType::kU32);
  main_address(d, d.operand(0), space);
}

// mapa{.shared::cluster}.type d, a, rank
void mapa(Decoder& d) {
  d.need_target(90);
  d.program().uses_async = true;
  const bool generic = !d.take("shared::cluster");
  const ScalarType type = d.take_type_of({ScalarType::kU32, ScalarType::kU64});
  d.want_operands(3, 3);
  d.op().handler = &map_address;
  d.op().flags = static_cast<std::uint8_t>((type == ScalarType::kU64 ? 1 : 0) | (generic ? 2 : 0));
  d.destination(0, d.operand(0), type);
  d.source(1, d.operand(1), type);
  d.source(2, d.operand(2), ScalarType::kU32);
}
// getctarank{.shared::cluster}.type d, a
void getctarank(Decoder& d) {
  d.need_target(90);
  d.program().uses_async = true;
  const bool generic = !d.take("shared::cluster");
  const ScalarType type = d.take_type_of({ScalarType::kU32, ScalarType::kU64});
  d.want_operands(2, 2);
  d.op().handler = &get_cta_rank;
  d.op().flags = static_cast<std::uint8_t>((type == ScalarType::kU64 ? 1 : 0) | (generic ? 2 : 0));
  d.destination(0, d.operand(0), ScalarType::kU32);
  d.source(1, d.operand(1), type);
}

// setmaxnreg.{inc,dec}.sync.aligned.u32 count
void setmaxnreg(Decoder& d) {
  d.need_target(90);
  d.program().uses_async = true;
  const int action = d.take_one_of({"inc", "dec"});
  if (action < 0) return unknown(d);
  d.require("sync");
  d.require("aligned");
  d.take_type_of({ScalarType::kU32});
  d.want_operands(1, 1);
  if (d.failed()) return;
  Op& op = d.op();
  op.immediate = d.integer(d.operand(0), 24, 256);
  if (op.immediate % 8 != 0) return d.fail("the count of registers must be a multiple of 8");
  op.handler = &set_max_registers;
  op.kind = OpKind::kWait;
  op.flags = action == 0;
  op.convergence = Convergence::kAligned;
}

}  // namespace

// cp.async.mbarrier.arrive{.noinc}{.shared{::cta}}.b64 [addr]
void copy_mbarrier_arrive(Decoder& d) {
  d.program().uses_async = true;
  d.require("arrive");
  const bool no_increment = d.take("noinc");
  const Space space = take_shared(d);
  d.take_type_of({ScalarType::kB64});
  d.want_operands(1, 1);
  if (d.failed()) return;
  d.op().handler = &mbarrier_copies_arrive;
  // Without .shared a 32-bit address, which CCCL gives, is one of shared memory all the same.
  const bool word = d.operand(0).kind == Operand::Kind::kAddress && !d.operand(0).elements.empty() && d.operand(0).elements[0].kind == Operand::Kind::kRegister &&
                    ptx::size_bits(d.function().registers[d.operand(0).elements[0].index].type) == 32;
  main_address(d, d.operand(0), word ? Space::kShared : space);
  if (no_increment) d.op().flags |= kNoIncrement;
}

// barrier.cluster.arrive{.release, .relaxed}{.aligned}; barrier.cluster.wait{.acquire}{.aligned}
void cluster_barrier(Decoder& d) {
  d.need_target(90);
  d.program().uses_async = true;
  Op& op = d.op();
  op.convergence = Convergence::kWarp;
  d.want_operands(0, 0);
  if (d.take("arrive")) {
    op.handler = &cluster_arrive;
    op.flags = d.take("relaxed");
    if (!op.flags) d.take("release");
  } else {
    d.require("wait");
    op.handler = &cluster_wait;
    op.kind = OpKind::kWait;
    d.take("acquire");
  }
  d.take("aligned");
}

int take_scope_of_order(Decoder& d) {
  const int scope = d.take_one_of({"cta", "cluster", "gpu", "sys"});
  return std::min(scope, static_cast<int>(Scope::kGpu));  // one device is all there is
}

bool is_special_fence(const Decoder& d) { return d.peek() == "proxy" || d.peek() == "mbarrier_init"; }

void special_fence(Decoder& d) {
  Op& op = d.op();
  if (d.take("mbarrier_init")) {
    d.need_target(90);
    d.require("release");
    d.require("cluster");
    d.program().uses_async = true;
    op.handler = &fence_mbarrier_init;
    return d.want_operands(0, 0);
  }
  d.require("proxy");
  if (d.take("alias")) {
    op.handler = &no_operation;
    return d.want_operands(0, 0);
  }
  d.need_target(90);
  if (d.take("async")) {
    d.program().uses_async = true;
    op.handler = &fence_async_proxy;
    op.flags = d.take("global") ? kFencesGlobal : d.take_one_of({"shared::cta", "shared::cluster"}) >= 0 ? kFencesShared : kFencesGlobal | kFencesShared;
    return d.want_operands(0, 0);
  }
  // A map that the host has made is never stale here.
  d.require("tensormap::generic");
  const int direction = d.take_one_of({"release", "acquire"});
  if (direction < 0) return unknown(d);
  take_scope(d);
  op.handler = &no_operation;
  d.want_operands(direction == 0 ? 0 : 2, direction == 0 ? 0 : 2);
  if (direction == 1 && !d.failed()) d.address(1, d.operand(0), Space::kGeneric);
}

std::vector<OpcodeRow> asynchronous_opcodes() {
  return {{"mbarrier", &mbarrier}, {"mapa", &mapa}, {"getctarank", &getctarank}, {"setmaxnreg", &setmaxnreg}};
}

}  // namespace bsgen::sim::decoding
