// Opcodes that touch memory. Cache operators, eviction hints and prefetch sizes are known and have no effect here.
#include "runtime/sim/decode/asynchronous.h"
#include "runtime/sim/decode/decoder.h"
#include "runtime/sim/exec/atomic_ops.h"
#include "runtime/sim/exec/byte_matrix_ops.h"
#include "runtime/sim/exec/cluster_ops.h"
#include "runtime/sim/exec/memory_map.h"
#include "runtime/sim/exec/memory_ops.h"

namespace bsgen::sim::decoding {
namespace {

using ptx::Operand;
using ptx::ScalarType;
using ptx::Space;

// {.weak, .volatile, .relaxed.scope, .acquire.scope, .release.scope}: how the access orders memory, as OrderedAccess. Values come from
// one interleaving of all warps.
std::uint8_t take_ordering(Decoder& d, bool load) {
  const std::uint8_t kind = kStrong | (load ? kReads : kWrites);
  if (d.take("mmio")) {  // mmio.relaxed.sys
    d.require("relaxed");
    d.require("sys");
    return kind;
  }
  const int ordering = load ? d.take_one_of({"weak", "volatile", "relaxed", "acquire"}) : d.take_one_of({"weak", "volatile", "relaxed", "release"});
  if (ordering < 1) return 0;
  const int scope = ordering >= 2 ? take_scope_of_order(d) : static_cast<int>(Scope::kGpu);
  if (scope < 0) d.fail("needs a scope");
  return static_cast<std::uint8_t>(kind | (ordering == 3 ? (load ? kAcquires : kReleases) : 0) | std::max(scope, 0) << kScopeShift);
}
struct Hints {
  bool policy = false;    // an operand follows
  bool read_only = false; // .nc
};
// Behind the state space.
Hints take_hints(Decoder& d, bool load) {
  Hints hints;
  if (load) {
    d.take_one_of({"ca", "cg", "cs", "lu", "cv"});
    hints.read_only = d.take("nc");
  } else {
    d.take_one_of({"wb", "cg", "cs", "wt"});
  }
  d.take_one_of({"L1::evict_normal", "L1::evict_unchanged", "L1::evict_first", "L1::evict_last", "L1::no_allocate"});
  d.take_one_of({"L2::evict_normal", "L2::evict_first", "L2::evict_last"});
  hints.policy = d.take("L2::cache_hint");
  d.take_one_of({"L2::64B", "L2::128B", "L2::256B"});
  return hints;
}

// The access is one of those that synchronise: through ordered_access. What meets at such addresses in global memory meets in one order.
void order(Decoder& d, std::uint8_t ordering, Space space) {
  Op& op = d.op();
  if (ordering == 0 || op.handler == nullptr) return;
  if (space == Space::kGlobal || space == Space::kGeneric) d.program().ordered_ctas = true;
  if (ordering & (kAcquires | kReleases)) d.program().orders_memory = true;
  op.function = reinterpret_cast<const void*>(op.handler);
  op.handler = &ordered_access;
  op.member_slot = ordering;
}

void load_or_store(Decoder& d, bool load) {
  std::uint8_t ordering = take_ordering(d, load);
  const bool cluster = d.take("shared::cluster");
  Space space = cluster ? Space::kShared : d.take_space();
  ordering |= take_ordering(d, load);  // NVRTC passes inline assembly on that has it behind the space, and ptxas takes it
  const auto [policy, read_only] = take_hints(d, load);
  const std::size_t count = d.take("v2") ? 2 : d.take("v4") ? 4 : d.take("v8") ? 8 : 1;
  const ScalarType type = d.take_type();
  if (d.failed()) return;
  const int bytes = ptx::size_bytes(type);
  const bool quad = type == ScalarType::kB128;
  const bool plain_type = ptx::size_bits(type) >= 8 && type != ScalarType::kF16x2 && type != ScalarType::kBf16x2;
  if (!plain_type) return d.fail("this type cannot be loaded or stored");
  if (bytes * static_cast<int>(count) > 32 || (count == 8 && bytes != 4)) return d.fail("a vector of this size does not exist");
  d.want_operands(2, policy ? 3 : 2);
  if (policy && d.num_operands() != 3) return d.fail("needs the cache policy as last operand");
  const Operand &where = d.operand(load ? 1 : 0), &what = d.operand(load ? 0 : 1);
  if (d.failed()) return;
  // The parameters of a call lie in the thread's frame, not in the kernel's parameters.
  if (space == Space::kParam && where.kind == Operand::Kind::kAddress && where.elements[0].kind == Operand::Kind::kVariable) space = Space::kLocal;
  Op& op = d.op();
  op.handler = load ? load_handler(space) : store_handler(space);
  if (op.handler == nullptr) return d.fail(fmt::format("{} memory cannot be written", ptx::name(space)));
  if (cluster) {
    d.need_target(90);
    d.program().uses_async = true;
    op.handler = load ? &load_cluster : &store_cluster;
  }
  if (space != Space::kLocal && space != Space::kParam && space != Space::kConst) order(d, ordering, cluster ? Space::kShared : space);
  op.element_bytes = static_cast<std::uint8_t>(quad ? 8 : bytes);
  op.count = static_cast<std::uint8_t>(quad ? 2 : count);
  op.flags = static_cast<std::uint8_t>((d.address(1, where, space) ? kAddress64 : 0) | (ptx::is_signed(type) ? kSigned : 0) | (read_only ? kReadOnly : 0));
  op.extra = static_cast<std::uint32_t>(d.program().extra.size());
  if (quad) {
    op.flags |= kWideRegisters;
    return d.halves(what, load);
  }
  if (d.extra(what, type, count, load, true) == Width::kLong) op.flags |= kWideRegisters;
}
void ld(Decoder& d) { load_or_store(d, true); }
void st(Decoder& d) {
  if (d.take("async")) return st_async(d);
  load_or_store(d, false);
}

// Several neighbouring values at once (sm_90): each element is an atomic operation of its own.
void vector_atomic(Decoder& d, AtomicOp kind, ScalarType type, Space space, std::size_t count, bool returns, bool policy) {
  const bool half = type == ScalarType::kF16 || type == ScalarType::kBf16 || type == ScalarType::kF16x2 || type == ScalarType::kBf16x2;
  const bool exists = type == ScalarType::kF32 ? kind == AtomicOp::kAdd : half && (kind == AtomicOp::kAdd || kind == AtomicOp::kMin || kind == AtomicOp::kMax);
  if (!exists || (space != Space::kGlobal && space != Space::kGeneric) || count * static_cast<std::size_t>(ptx::size_bytes(type)) > 16)
    return d.fail("this combination of types does not exist");
  d.need_target(90);
  d.want_operands(2 + returns + policy, 2 + returns + policy);
  Op& op = d.op();
  op.handler = &atomic_vector;
  op.count = static_cast<std::uint8_t>(count);
  op.element_bytes = static_cast<std::uint8_t>(ptx::size_bytes(type));
  op.target = vector_atomic_mode(kind, type, returns);
  if (d.address(1, d.operand(returns), Space::kGlobal)) op.flags |= kAddress64;
  op.extra = static_cast<std::uint32_t>(d.program().extra.size());
  d.extra(d.operand(1 + static_cast<std::size_t>(returns)), type, count, false);
  if (returns) d.extra(d.operand(0), type, count, true);
  d.program().ordered_ctas = true;
}

// {.sem}{.scope}{.space}.op{.noftz}{.level::cache_hint}{.vec}.type; the first four in any order, as ptxas takes them and CCCL writes them.
void atomic(Decoder& d, bool returns) {
  constexpr AtomicOp kOps[] = {AtomicOp::kAdd, AtomicOp::kMin, AtomicOp::kMax, AtomicOp::kInc, AtomicOp::kDec,
                               AtomicOp::kAnd, AtomicOp::kOr, AtomicOp::kXor, AtomicOp::kExch, AtomicOp::kCas};
  int semantics = -1, scope = -1, which = -1;
  bool cluster = false;
  Space space = Space::kGeneric;
  for (bool more = true; more;) {
    more = false;
    if (semantics < 0) more |= (semantics = d.take_one_of({"relaxed", "acquire", "release", "acq_rel"})) >= 0;
    if (scope < 0) more |= (scope = take_scope_of_order(d)) >= 0;
    if (which < 0) more |= (which = d.take_one_of({"add", "min", "max", "inc", "dec", "and", "or", "xor", "exch", "cas"})) >= 0;
    if (space != Space::kGeneric) continue;
    cluster = d.take("shared::cluster");
    space = cluster ? Space::kShared : d.take_space();
    more |= space != Space::kGeneric;
  }
  if (which < 0) return d.fail(fmt::format("unknown operation .{}", d.peek()));
  d.take("noftz");
  bool policy = d.take("L2::cache_hint");
  const std::size_t count = d.take("v2") ? 2 : d.take("v4") ? 4 : d.take("v8") ? 8 : 1;
  const ScalarType type = d.take_type();
  policy |= d.take("L2::cache_hint");
  if (d.failed()) return;
  const AtomicOp kind = kOps[which];
  Op& op = d.op();
  if (count > 1) return vector_atomic(d, kind, type, space, count, returns, policy);
  op.handler = cluster ? cluster_atomic_handler(kind, type) : atomic_handler(kind, type, space);
  if (cluster) {
    d.need_target(90);
    d.program().uses_async = true;
  }
  order(d, static_cast<std::uint8_t>(kStrong | kReads | kWrites | (semantics == 1 || semantics == 3 ? kAcquires : 0) | (semantics >= 2 ? kReleases : 0) |
                                     (scope < 0 ? static_cast<int>(Scope::kGpu) : scope) << kScopeShift), space);
  const std::size_t sources = kind == AtomicOp::kCas ? 2 : 1;
  d.want_operands(1 + sources + returns + policy, 1 + sources + returns + policy);
  if (type == ScalarType::kB128) {
    d.need_target(90);
    if (!returns) return d.fail("this combination of types does not exist");
    if (d.address(1, d.operand(1), space)) op.flags |= kAddress64;
    op.extra = static_cast<std::uint32_t>(d.program().extra.size());
    for (const std::size_t which : {0, 2, 3})
      if (which < 2 + sources) d.halves(d.operand(which), which == 0);
    return;
  }
  Operand sink;
  sink.kind = Operand::Kind::kSink;
  d.destination(0, returns ? d.operand(0) : sink, type);
  if (d.address(1, d.operand(returns), space)) op.flags |= kAddress64;
  d.source(2, d.operand(1 + static_cast<std::size_t>(returns)), type);
  if (sources == 2)
    d.source(3, d.operand(2 + static_cast<std::size_t>(returns)), type);
  else
    d.constant(3, 0, width_of(type));
}
void atom(Decoder& d) { atomic(d, true); }
void red(Decoder& d) {
  if (d.take("async")) return red_async(d);
  atomic(d, false);
}

// cp.async.{ca,cg}.shared{::cta}.global{hints} [dst], [src], size{, src-size}{, policy}
void cp(Decoder& d) {
  if (d.take("reduce")) return reduce_bulk(d);
  d.require("async");
  d.need_target(80);
  if (d.failed()) return;
  if (d.take("bulk")) return copy_bulk(d);
  if (d.take("mbarrier")) return copy_mbarrier_arrive(d);
  Op& op = d.op();
  if (d.take("commit_group")) {
    op.handler = &copy_async_commit;
    return d.want_operands(0, 0);
  }
  if (d.take("wait_all")) {
    op.handler = &copy_async_wait;
    op.immediate = -1;
    return d.want_operands(0, 0);
  }
  if (d.take("wait_group")) {
    op.handler = &copy_async_wait;
    d.want_operands(1, 1);
    op.immediate = d.integer(d.operand(0), 0, 1 << 20);
    return;
  }
  const int cache = d.take_one_of({"ca", "cg"});
  if (cache < 0) return d.fail(fmt::format("unknown modifier .{}", d.peek()));
  if (d.take_space() != Space::kShared) return d.fail("expected .shared");
  d.require("global");
  const bool policy = d.take("L2::cache_hint");
  d.take_one_of({"L2::64B", "L2::128B", "L2::256B"});
  d.want_operands(3, 4 + static_cast<std::size_t>(policy));
  const std::int64_t size = d.integer(d.operand(2), 4, 16);
  if (d.failed()) return;
  if (size != 16 && (cache == 1 || (size != 4 && size != 8))) return d.fail(fmt::format("copies of {} bytes do not exist", size));
  op.handler = &copy_async;
  op.element_bytes = static_cast<std::uint8_t>(size);
  d.address(2, d.operand(1), Space::kGlobal);
  op.target = static_cast<std::uint32_t>(d.program().displacements.size());
  d.program().displacements.push_back(op.immediate);
  if (d.address(1, d.operand(0), Space::kShared)) op.flags |= kAddress64;
  const std::size_t given = d.num_operands() - (policy ? 1 : 0);
  if (given == 4 && d.operand(3).kind == Operand::Kind::kRegister &&
      d.function().registers[d.operand(3).index].type == ScalarType::kPred)
  {
    Operand ignored = d.operand(3);
    op.handler = &copy_async_ignoring;
    op.count = ignored.negated;
    ignored.negated = false;
    d.source(4, ignored, ScalarType::kPred);
    return d.scratch(3);
  }
  if (given == 4)
    d.source(3, d.operand(3), ScalarType::kU32);
  else
    d.constant(3, static_cast<std::uint64_t>(size), Width::kWord);
}

// Of sm_100: ldmatrix.m16n16.{x1,x2}.trans.{b8, b8x16.b6x16_p32, b8x16.b4x16_p64}, ldmatrix.m8n16.{x1,x2,x4}.b8x16.{...} without .trans,
// stmatrix.m16n8.{x1,x2,x4}.trans.b8. Returns how many registers a matrix takes.
int byte_matrix(Decoder& d, bool load, std::string_view shape, int number, bool transposed) {
  Op& op = d.op();
  d.need_target(100);
  const bool square = shape == "m16n16", packed = d.take("b8x16");
  if (packed) {
    const int format = d.take_one_of({"b6x16_p32", "b4x16_p64"});
    if (format < 0) d.fail(fmt::format("unknown modifier .{}", d.peek()));
    op.element_bytes = static_cast<std::uint8_t>(format == 0 ? kPackedB6 : kPackedB4);
  } else {
    d.require("b8");
    op.element_bytes = kPlainB8;
  }
  const bool exists = load ? square ? transposed && number < 2 : packed && !transposed : !packed && transposed;
  if (!exists) d.fail("this combination of shape, number and type does not exist");
  op.handler = !load ? &store_byte_matrix : square ? &load_byte_matrix : &load_packed_matrix;
  return square ? 2 : 1;
}

// {ld,st}matrix.sync.aligned.m8n8.{x1,x2,x4}{.trans}{.shared{::cta}}.b16, and matrices of bytes. The number may come before the shape and
// .trans last, which ptxas takes and some write.
void matrix(Decoder& d, bool load) {
  d.require("sync");
  d.require("aligned");
  int number = d.take_one_of({"x1", "x2", "x4"});
  const std::string_view shape = d.peek();
  if (!d.take("m8n8") && (load ? d.take_one_of({"m16n16", "m8n16"}) < 0 : !d.take("m16n8"))) return d.fail(fmt::format("unknown modifier .{}", shape));
  if (number < 0) number = d.take_one_of({"x1", "x2", "x4"});
  if (number < 0) return d.fail(fmt::format("unknown modifier .{}", d.peek()));
  bool transposed = d.take("trans");
  const Space space = d.take_space();
  if (space != Space::kShared && space != Space::kGeneric) return d.fail("expected .shared");
  Op& op = d.op();
  op.handler = load ? &load_matrix : &store_matrix;
  int registers = 1;
  if (shape == "m8n8") {
    d.take_type_of({ScalarType::kB16});
    transposed |= d.take("trans");
  } else {
    registers = byte_matrix(d, load, shape, number, transposed);
  }
  d.want_operands(2, 2);
  if (d.failed()) return;
  if (!load) d.need_target(90);
  op.convergence = Convergence::kAligned;
  op.count = static_cast<std::uint8_t>(1 << number);
  if (d.address(1, d.operand(load ? 1 : 0), space)) op.flags |= kAddress64;
  if (space == Space::kGeneric) op.immediate -= static_cast<std::int64_t>(kSharedWindow);  // it must point into the window
  if (transposed) op.flags |= kTransposed;
  op.extra = static_cast<std::uint32_t>(d.program().extra.size());
  d.extra(d.operand(load ? 0 : 1), ScalarType::kB32, static_cast<std::size_t>(op.count * registers), load);
}
void ldmatrix(Decoder& d) { matrix(d, true); }
void stmatrix(Decoder& d) { matrix(d, false); }

// prefetch{.space}.level, prefetchu: hints.
void prefetch(Decoder& d) {
  const Space space = d.take_space();
  if (d.take_one_of({"L1", "L2", "L2::evict_last", "L2::evict_normal", "tensormap"}) < 0) return d.fail(fmt::format("unknown modifier .{}", d.peek()));
  d.want_operands(1, 1);
  if (d.address(1, d.operand(0), space)) d.op().flags |= kAddress64;
  d.op().handler = &no_operation;
}

// createpolicy: a value that only hints take, so its bits do not matter.
//   .fractional.primary{.secondary}.b64 d{, fraction};  .range{.global}.primary{.secondary}.b64 d, [a], bytes, bytes;  .cvt.L2.b64 d, a
void createpolicy(Decoder& d) {
  const int form = d.take_one_of({"fractional", "range", "cvt"});
  if (form < 0) return d.fail(fmt::format("unknown modifier .{}", d.peek()));
  d.need_target(80);
  if (form == 1) d.take("global");
  if (form == 2) {
    d.require("L2");
  } else {
    if (d.take_one_of({"L2::evict_last", "L2::evict_normal", "L2::evict_first", "L2::evict_unchanged"}) < 0)
      return d.fail(fmt::format("unknown modifier .{}", d.peek()));
    d.take_one_of({"L2::evict_first", "L2::evict_unchanged"});
  }
  d.take_type_of({ScalarType::kB64});
  d.want_operands(form == 0 ? 1 : form == 1 ? 4 : 2, form == 1 ? 4 : 2);
  d.destination(0, d.operand(0), ScalarType::kB64);
  if (form == 1) {
    d.address(1, d.operand(1), Space::kGlobal);
    d.source(2, d.operand(2), ScalarType::kU32);
    d.source(3, d.operand(3), ScalarType::kU32);
  }
  if (form == 2) d.source(1, d.operand(1), ScalarType::kB64);
  d.op().handler = &set_zero64;
}

}  // namespace

std::vector<OpcodeRow> memory_opcodes() {
  return {{"ld", &ld}, {"ldu", &ld}, {"st", &st}, {"atom", &atom}, {"red", &red}, {"cp", &cp}, {"ldmatrix", &ldmatrix},
          {"stmatrix", &stmatrix}, {"prefetch", &prefetch}, {"createpolicy", &createpolicy}};
}

}  // namespace bsgen::sim::decoding
