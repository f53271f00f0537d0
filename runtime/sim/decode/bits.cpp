// Opcodes on bits: logic, shifts, counting, fields, permutations, dot products of bytes. Syntax as in the PTX ISA.
#include "runtime/sim/decode/lane_operands.h"
#include "runtime/sim/exec/scalar_integer.h"

namespace bsgen::sim::decoding {
namespace {

using ptx::Operand;
using ptx::ScalarType;

template <LaneOp kOp>
void logic2(Decoder& d) {
  const ScalarType type = d.take_type_of({ScalarType::kPred, ScalarType::kB16, ScalarType::kB32, ScalarType::kB64});
  use(d, kOp, type);
  operands2(d, type, type, type);
}
template <LaneOp kOp>
void logic1(Decoder& d) {
  const ScalarType type = d.take_type_of({ScalarType::kPred, ScalarType::kB16, ScalarType::kB32, ScalarType::kB64});
  use(d, kOp, type);
  operands1(d, type, type);
}
template <LaneOp kOp>
void shift(Decoder& d) {
  const ScalarType type = d.take_type();
  use(d, kOp, type);
  operands2(d, type, type, ScalarType::kU32);
}
template <LaneOp kWrap, LaneOp kClamp>
void funnel(Decoder& d) {
  const int mode = d.take_one_of({"wrap", "clamp"});
  if (mode < 0) return d.fail("expected .wrap or .clamp");
  d.take_type_of({ScalarType::kB32});
  use(d, mode == 0 ? kWrap : kClamp, ScalarType::kB32);
  operands3(d, ScalarType::kB32, ScalarType::kB32, ScalarType::kB32, ScalarType::kU32);
}
void shf(Decoder& d) {
  if (d.take("l")) return funnel<LaneOp::kShfLeftWrap, LaneOp::kShfLeftClamp>(d);
  d.require("r");
  funnel<LaneOp::kShfRightWrap, LaneOp::kShfRightClamp>(d);
}

template <LaneOp kOp>
void count_bits(Decoder& d) {
  const ScalarType type = d.take_type();
  use(d, kOp, type);
  operands1(d, ScalarType::kU32, type);
}
void bfind(Decoder& d) {
  const bool shift_amount = d.take("shiftamt");
  const ScalarType type = d.take_type();
  use(d, shift_amount ? LaneOp::kBfindShift : LaneOp::kBfind, type);
  operands1(d, ScalarType::kU32, type);
}
void brev(Decoder& d) {
  const ScalarType type = d.take_type();
  use(d, LaneOp::kBrev, type);
  operands1(d, type, type);
}
void bfe(Decoder& d) {
  const ScalarType type = d.take_type();
  use(d, LaneOp::kBfe, type);
  operands3(d, type, type, ScalarType::kU32, ScalarType::kU32);
}
void bfi(Decoder& d) {
  const ScalarType type = d.take_type();
  use(d, LaneOp::kBfi, type);
  d.want_operands(5, 5);
  d.destination(0, d.operand(0), type);
  sources(d, {type, type, ScalarType::kU32, ScalarType::kU32});
}
void prmt(Decoder& d) {
  d.take_type_of({ScalarType::kB32});
  const int mode = d.take_one_of({"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"});
  if (mode >= 0) return scalar(d, &scalar::prmt, mode + 1, ScalarType::kB32, {ScalarType::kB32, ScalarType::kB32, ScalarType::kB32});
  use(d, LaneOp::kPrmt, ScalarType::kB32);
  operands3(d, ScalarType::kB32, ScalarType::kB32, ScalarType::kB32, ScalarType::kB32);
}

// lop3.b32 d, a, b, c, table; lop3.{and, or}.b32 {d, _}|p, a, b, c, table, q: p = (d != 0) joined with q
void lop3(Decoder& d) {
  const int join = d.take_one_of({"or", "and"});
  d.take_type_of({ScalarType::kB32});
  use(d, LaneOp::kLop3, ScalarType::kB32);
  d.want_operands(join < 0 ? 5 : 6, join < 0 ? 5 : 6);
  const Operand& to = d.operand(0);
  if (join >= 0 && to.kind != Operand::Kind::kPair) return d.fail("expected d|p");
  d.destination(0, join < 0 ? to : to.elements[0], ScalarType::kB32);
  sources(d, {ScalarType::kB32, ScalarType::kB32, ScalarType::kB32});
  d.op().immediate = d.integer(d.operand(4), 0, 255);
  if (join < 0) return;
  d.op().function = reinterpret_cast<const void*>(d.op().handler);
  d.op().handler = &join_with_predicate;
  d.destination(4, to.elements[1], ScalarType::kPred);
  Operand q = d.operand(5);
  d.op().flags = static_cast<std::uint8_t>((join == 1 ? 1 : 0) | (q.negated ? 2 : 0));
  q.negated = false;
  d.source(5, q, ScalarType::kPred);
}
void dp4a(Decoder& d) {
  const ScalarType a = d.take_type_of({ScalarType::kU32, ScalarType::kS32});
  const ScalarType b = d.take_type_of({ScalarType::kU32, ScalarType::kS32});
  const bool sa = a == ScalarType::kS32, sb = b == ScalarType::kS32;
  use(d, sa ? (sb ? LaneOp::kDp4aSS : LaneOp::kDp4aSU) : (sb ? LaneOp::kDp4aUS : LaneOp::kDp4aUU), ScalarType::kU32);
  operands3(d, ScalarType::kU32, ScalarType::kU32, ScalarType::kU32, ScalarType::kU32);
}
// dp2a.{lo, hi}.atype.btype d, a, b, c
void dp2a(Decoder& d) {
  const int part = d.take_one_of({"lo", "hi"});
  if (part < 0) return d.fail("expected .lo or .hi");
  const ScalarType a = d.take_type_of({ScalarType::kU32, ScalarType::kS32});
  const ScalarType b = d.take_type_of({ScalarType::kU32, ScalarType::kS32});
  const std::int64_t mode = (a == ScalarType::kS32 ? 1 : 0) | (b == ScalarType::kS32 ? 2 : 0) | (part == 1 ? 4 : 0);
  scalar(d, &scalar::dp2a, mode, ScalarType::kU32, {ScalarType::kU32, ScalarType::kU32, ScalarType::kU32});
}

}  // namespace

std::vector<OpcodeRow> bit_opcodes() {
  return {
      {"and", &logic2<LaneOp::kAnd>},
      {"or", &logic2<LaneOp::kOr>},
      {"xor", &logic2<LaneOp::kXor>},
      {"not", &logic1<LaneOp::kNot>},
      {"cnot", &logic1<LaneOp::kCnot>},
      {"shl", &shift<LaneOp::kShl>},
      {"shr", &shift<LaneOp::kShr>},
      {"shf", &shf},
      {"popc", &count_bits<LaneOp::kPopc>},
      {"clz", &count_bits<LaneOp::kClz>},
      {"bfind", &bfind},
      {"brev", &brev},
      {"bfe", &bfe},
      {"bfi", &bfi},
      {"prmt", &prmt},
      {"lop3", &lop3},
      {"dp4a", &dp4a},
      {"dp2a", &dp2a},
  };
}

}  // namespace bsgen::sim::decoding
