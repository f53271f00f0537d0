// Opcodes in which the lanes of a warp work together.
#include "runtime/sim/decode/decoder.h"
#include "runtime/sim/exec/memory_ops.h"
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

// redux.sync.op{.abs}{.NaN}.f32 d, a, membermask
void redux_float(Decoder& d, bool is_max) {
  const bool abs = d.take("abs"), nan = d.take("NaN");
  d.take_type_of({ScalarType::kF32});
  d.need_target(100);
  d.want_operands(3, 3);
  d.op().handler = &reduce_floats;
  d.op().flags = static_cast<std::uint8_t>((is_max ? 1 : 0) | (abs ? 2 : 0) | (nan ? 4 : 0));
  d.destination(0, d.operand(0), ScalarType::kF32);
  d.source(1, d.operand(1), ScalarType::kF32);
  members(d, 2, d.operand(2));
}

// redux.sync.op.type d, a, membermask
void redux(Decoder& d) {
  d.require("sync");
  d.need_target(80);
  const int op = d.take_one_of({"add", "min", "max", "and", "or", "xor"});
  if (op < 0) return d.fail(fmt::format("unknown modifier .{}", d.peek()));
  if ((op == 1 || op == 2) && (d.peek() == "abs" || d.peek() == "NaN" || d.peek() == "f32")) return redux_float(d, op == 2);
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

}  // namespace

std::vector<OpcodeRow> warp_opcodes() {
  return {{"shfl", &shfl}, {"vote", &vote}, {"match", &match}, {"redux", &redux}, {"activemask", &activemask}, {"elect", &elect_opcode},
          {"movmatrix", &movmatrix}};
}

}  // namespace bsgen::sim::decoding
