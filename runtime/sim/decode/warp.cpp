// Opcodes in which the lanes of a warp work together, and mma.
#include "runtime/sim/decode/decoder.h"
#include "runtime/sim/exec/memory_ops.h"
#include "runtime/sim/exec/tensor_core.h"
#include "runtime/sim/exec/warp_ops.h"

namespace bsgen::sim::decoding {
namespace {

using ptx::Operand;
using ptx::ScalarType;

Operand sink() {
  Operand made;
  made.kind = Operand::Kind::kSink;
  return made;
}
// The member mask: which lanes must be there.
void members(Decoder& d, int slot, const Operand& mask) {
  d.source(slot, mask, ScalarType::kB32);
  d.op().convergence = Convergence::kMembers;
  d.op().member_slot = static_cast<std::uint8_t>(slot);
}
const Operand& first_of(const Operand& operand) { return operand.kind == Operand::Kind::kPair ? operand.elements[0] : operand; }
Operand second_of(const Operand& operand) { return operand.kind == Operand::Kind::kPair ? operand.elements[1] : sink(); }

// shfl.sync.mode.b32 d{|p}, a, b, c, membermask
void shfl(Decoder& d) {
  d.require("sync");
  constexpr Shuffle kModes[] = {Shuffle::kUp, Shuffle::kDown, Shuffle::kButterfly, Shuffle::kIndex};
  const int mode = d.take_one_of({"up", "down", "bfly", "idx"});
  if (mode < 0) return d.fail(fmt::format("unknown modifier .{}", d.peek()));
  d.take_type_of({ScalarType::kB32});
  d.want_operands(5, 5);
  d.op().handler = shuffle_handler(kModes[mode]);
  d.destination(0, first_of(d.operand(0)), ScalarType::kB32);
  d.source(1, d.operand(1), ScalarType::kB32);
  d.source(2, d.operand(2), ScalarType::kB32);
  d.source(3, d.operand(3), ScalarType::kB32);
  d.destination(4, second_of(d.operand(0)), ScalarType::kPred);
  members(d, 5, d.operand(4));
}

// vote.sync.mode.type d, {!}a, membermask
void vote(Decoder& d) {
  d.require("sync");
  constexpr Vote kModes[] = {Vote::kAll, Vote::kAny, Vote::kUniform, Vote::kBallot};
  const int mode = d.take_one_of({"all", "any", "uni", "ballot"});
  if (mode < 0) return d.fail(fmt::format("unknown modifier .{}", d.peek()));
  const ScalarType type = d.take_type_of({mode == 3 ? ScalarType::kB32 : ScalarType::kPred});
  d.want_operands(3, 3);
  d.op().handler = vote_handler(kModes[mode]);
  d.destination(0, d.operand(0), type);
  Operand a = d.operand(1);
  d.op().flags = a.negated;
  a.negated = false;
  d.source(1, a, ScalarType::kPred);
  members(d, 2, d.operand(2));
}

// match.any.sync.type d, a, membermask; match.all.sync.type d{|p}, a, membermask
void match(Decoder& d) {
  const bool all = d.take("all");
  if (!all) d.require("any");
  d.require("sync");
  const ScalarType type = d.take_type_of({ScalarType::kB32, ScalarType::kB64});
  d.want_operands(3, 3);
  d.op().handler = all ? &match_all : &match_any;
  d.op().flags = type == ScalarType::kB64;
  d.destination(0, first_of(d.operand(0)), ScalarType::kB32);
  d.source(1, d.operand(1), type);
  d.destination(3, second_of(d.operand(0)), ScalarType::kPred);
  members(d, 2, d.operand(2));
}

// redux.sync.op.type d, a, membermask
void redux(Decoder& d) {
  d.require("sync");
  d.need_target(80);
  const int op = d.take_one_of({"add", "min", "max", "and", "or", "xor"});
  if (op < 0) return d.fail(fmt::format("unknown modifier .{}", d.peek()));
  const ScalarType type = op < 3 ? d.take_type_of({ScalarType::kU32, ScalarType::kS32}) : d.take_type_of({ScalarType::kB32});
  const bool is_signed = type == ScalarType::kS32;
  const Reduction kinds[] = {Reduction::kAdd, is_signed ? Reduction::kMinS : Reduction::kMinU, is_signed ? Reduction::kMaxS : Reduction::kMaxU,
                             Reduction::kAnd, Reduction::kOr, Reduction::kXor};
  d.want_operands(3, 3);
  d.op().handler = reduction_handler(kinds[op]);
  d.destination(0, d.operand(0), type);
  d.source(1, d.operand(1), type);
  members(d, 2, d.operand(2));
}

void activemask(Decoder& d) {
  d.take_type_of({ScalarType::kB32});
  d.want_operands(1, 1);
  d.op().handler = &active_mask;
  d.destination(0, d.operand(0), ScalarType::kB32);
}

// elect.sync d|p, membermask
void elect_opcode(Decoder& d) {
  d.require("sync");
  d.want_operands(2, 2);
  d.need_target(90);
  d.op().handler = &elect;
  d.destination(0, first_of(d.operand(0)), ScalarType::kB32);
  d.destination(3, second_of(d.operand(0)), ScalarType::kPred);
  members(d, 2, d.operand(1));
}

void movmatrix(Decoder& d) {
  for (std::string_view modifier : {"sync", "aligned", "m8n8", "trans"}) d.require(modifier);
  d.take_type_of({ScalarType::kB16});
  d.want_operands(2, 2);
  d.op().handler = &move_matrix;
  d.op().convergence = Convergence::kAligned;
  d.destination(0, d.operand(0), ScalarType::kB32);
  d.source(1, d.operand(1), ScalarType::kB32);
}

struct MmaTypeRow {
  std::string_view name;
  MmaType type;
  int bits;
};
constexpr MmaTypeRow kMmaTypes[] = {{"f16", MmaType::kF16, 16}, {"bf16", MmaType::kBf16, 16}, {"tf32", MmaType::kTf32, 32},
                                    {"e4m3", MmaType::kE4m3, 8}, {"e5m2", MmaType::kE5m2, 8}};
const MmaTypeRow* take_mma_type(Decoder& d) {
  for (const MmaTypeRow& row : kMmaTypes)
    if (d.take(row.name)) return &row;
  d.fail(fmt::format("operand type .{} is not supported", d.peek()));
  return nullptr;
}
AccType take_accumulator(Decoder& d) {
  if (d.take("f16")) return AccType::kF16;
  if (!d.take("f32")) d.fail(fmt::format("accumulator type .{} is not supported", d.peek()));
  return AccType::kF32;
}

// mma.sync.aligned.m16n8kK.row.col.dtype.atype.btype.ctype d, a, b, c
void mma(Decoder& d) {
  d.require("sync");
  d.require("aligned");
  constexpr int kDepths[] = {4, 8, 16, 32};
  const int depth = d.take_one_of({"m16n8k4", "m16n8k8", "m16n8k16", "m16n8k32"});
  if (depth < 0) return d.fail(fmt::format("shape .{} is not supported", d.peek()));
  d.require("row");
  d.require("col");
  const AccType result = take_accumulator(d);
  const MmaTypeRow* a = take_mma_type(d);
  const MmaTypeRow* b = take_mma_type(d);
  if (d.failed()) return;
  if (take_accumulator(d) != result) return d.fail("accumulators of two types are not supported");
  const int k = kDepths[depth];
  Op& op = d.op();
  op.function = reinterpret_cast<const void*>(mma_function({a->type, b->type, result, k}, best_isa()));
  if (op.function == nullptr) return d.fail("this combination of types does not exist");
  op.handler = &matrix_multiply;
  op.convergence = Convergence::kAligned;
  d.tensor_flops(2u * 16 * 8 * static_cast<std::uint32_t>(k));
  // Registers of a: 16 x K elements over 32 lanes; of b: K x 8.
  const auto num_a = static_cast<std::uint32_t>(16 * k * a->bits / 1024), num_b = static_cast<std::uint32_t>(8 * k * b->bits / 1024);
  const std::uint32_t num_c = result == AccType::kF32 ? 4 : 2;
  d.want_operands(4, 4);
  op.extra = static_cast<std::uint32_t>(d.program().extra.size());
  const ScalarType acc_type = result == AccType::kF32 ? ScalarType::kF32 : ScalarType::kB32;
  d.extra(d.operand(0), acc_type, num_c, true);
  d.extra(d.operand(1), ScalarType::kB32, num_a, false);
  d.extra(d.operand(2), ScalarType::kB32, num_b, false);
  d.extra(d.operand(3), acc_type, num_c, false);
  // The arithmetic reads a and b while it writes d, so a d that names their registers goes through a buffer.
  for (std::uint32_t i = 0; i < num_c; ++i)
    for (std::uint32_t j = num_c; j < num_c + num_a + num_b; ++j)
      if (!d.failed() && d.program().extra[op.extra + i] == d.program().extra[op.extra + j]) op.flags |= 1;
  if (k == 16 || a->type == MmaType::kBf16 || a->type == MmaType::kTf32) d.need_target(80);
  if (a->bits == 8) d.need_target(89);
  op.slot[0] = op.slot[3] = num_c;
  op.slot[1] = num_a;
  op.slot[2] = num_b;
}

}  // namespace

std::vector<OpcodeRow> warp_opcodes() {
  return {{"shfl", &shfl}, {"vote", &vote}, {"match", &match}, {"redux", &redux}, {"activemask", &activemask}, {"elect", &elect_opcode},
          {"movmatrix", &movmatrix}, {"mma", &mma}};
}

}  // namespace bsgen::sim::decoding
