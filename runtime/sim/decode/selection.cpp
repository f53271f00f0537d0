// Opcodes that compare, select and move values. Syntax as in the PTX ISA.
#include "runtime/sim/decode/lane_operands.h"
#include "runtime/sim/exec/scalar_float.h"
#include "runtime/sim/exec/special_ops.h"

namespace bsgen::sim::decoding {
namespace {

using ptx::Operand;

LaneOp take_comparison(Decoder& d) {
  constexpr LaneOp kOps[] = {LaneOp::kEq, LaneOp::kNe, LaneOp::kLt, LaneOp::kLe, LaneOp::kGt, LaneOp::kGe, LaneOp::kEqu,
                             LaneOp::kNeu, LaneOp::kLtu, LaneOp::kLeu, LaneOp::kGtu, LaneOp::kGeu, LaneOp::kNum, LaneOp::kNan,
                             LaneOp::kLt, LaneOp::kLe, LaneOp::kGt, LaneOp::kGe};
  // lo, ls, hi and hs are the unsigned forms' other names.
  const int which = d.take_one_of({"eq", "ne", "lt", "le", "gt", "ge", "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan", "lo", "ls",
                                   "hi", "hs"});
  if (which < 0) d.fail(fmt::format("unknown comparison .{}", d.peek()));
  return kOps[which < 0 ? 0 : which];
}

bool is_16_bit(ScalarType type) {
  return type == ScalarType::kF16 || type == ScalarType::kBf16 || type == ScalarType::kF16x2 || type == ScalarType::kBf16x2;
}
bool is_packed(ScalarType type) { return type == ScalarType::kF16x2 || type == ScalarType::kBf16x2; }
// Op::immediate of scalar::compare_half; `yes` is what true gives.
std::int64_t half_comparison(LaneOp op, ScalarType type, bool ftz, std::int64_t yes) {
  const bool bf16 = type == ScalarType::kBf16 || type == ScalarType::kBf16x2;
  return static_cast<std::int64_t>(op) | (bf16 ? 1 << 8 : 0) | (is_packed(type) ? 1 << 9 : 0) | (ftz ? 1 << 10 : 0) | yes << 16;
}

// setp.cmp{.bool}{.ftz}.type p{|q}, a, b{, {!}c}; of packed types p is the lower half's, q the upper half's
void setp(Decoder& d) {
  const LaneOp op = take_comparison(d);
  const int join = d.take_one_of({"and", "or", "xor"});
  const bool ftz = d.take("ftz");
  const ScalarType type = d.take_type();
  if (d.failed()) return;
  const bool scalar_form = is_packed(type) || (ftz && is_16_bit(type));
  if (scalar_form) {
    d.op().handler = &compare_halves;
    d.op().immediate = half_comparison(op, type, ftz, is_packed(type) ? 0xffff : 1);
  } else {
    use(d, op, type, ftz);
  }
  d.want_operands(join < 0 ? 3 : 4, join < 0 ? 3 : 4);
  const Operand& to = d.operand(0);
  Operand sink;
  sink.kind = Operand::Kind::kSink;
  const bool pair = to.kind == Operand::Kind::kPair;
  if (is_packed(type) && !pair) return d.fail("expected p|q");
  d.destination(0, pair ? to.elements[0] : to, ScalarType::kPred);
  d.destination(3, pair ? to.elements[1] : sink, ScalarType::kPred);
  d.source(1, d.operand(1), type);
  d.source(2, d.operand(2), type);
  if (join >= 0) {
    Operand c = d.operand(3);
    d.op().flags = static_cast<std::uint8_t>((join + 1) | (c.negated ? kJoinNegated : 0));
    c.negated = false;
    d.source(4, c, ScalarType::kPred);
  }
}

// set.cmp{.bool}{.ftz}.dtype.stype d, a, b{, {!}c}: all ones or 1.0 where true.
void set(Decoder& d) {
  const LaneOp op = take_comparison(d);
  const int join = d.take_one_of({"and", "or", "xor"});
  const bool ftz = d.take("ftz");
  const ScalarType to = d.take_type();
  const ScalarType type = d.take_type();
  if (d.failed()) return;
  if (is_16_bit(type)) {
    // One 16-bit value gives ones or 1.0 of the result's width, a pair two halves, or two results of 16 bits in one word.
    const bool is_f16 = to == ScalarType::kF16 || to == ScalarType::kF16x2, is_bf16 = to == ScalarType::kBf16 || to == ScalarType::kBf16x2;
    const bool word = to == ScalarType::kU32 || to == ScalarType::kS32, narrow = to == ScalarType::kU16 || to == ScalarType::kS16;
    if (is_packed(type) ? !(is_packed(to) || word) : !(is_f16 || is_bf16 || word || narrow) || is_packed(to)) return d.fail("this combination of types does not exist");
    if (join >= 0) return d.fail("joining with a predicate is not supported for these types");
    const std::int64_t yes = is_f16 ? 0x3c00 : is_bf16 ? 0x3f80 : word && !is_packed(type) ? 0xffffffff : 0xffff;
    return scalar(d, &scalar::compare_half, half_comparison(op, type, ftz, yes), to, {type, type});
  }
  if (to != ScalarType::kU32 && to != ScalarType::kS32 && to != ScalarType::kF32) return d.fail(fmt::format("type .{} is not supported here", ptx::name(to)));
  d.op().function = reinterpret_cast<const void*>(lane_handler(op, type, ftz));
  d.op().handler = d.op().function == nullptr ? nullptr : &set_from_comparison;
  d.op().immediate = to == ScalarType::kF32 ? 0x3f800000 : 0xffffffff;
  d.want_operands(join < 0 ? 3 : 4, join < 0 ? 3 : 4);
  d.destination(0, d.operand(0), to);
  sources(d, {type, type});
  Operand sink;
  sink.kind = Operand::Kind::kSink;
  d.destination(3, sink, ScalarType::kPred);
  d.destination(5, sink, ScalarType::kPred);
  if (join < 0) return;
  Operand c = d.operand(3);
  d.op().flags = static_cast<std::uint8_t>((join + 1) | (c.negated ? kJoinNegated : 0));
  c.negated = false;
  d.source(4, c, ScalarType::kPred);
}

void selp(Decoder& d) {
  const ScalarType type = d.take_type();
  use(d, LaneOp::kSelp, type);
  d.want_operands(4, 4);
  d.destination(0, d.operand(0), type);
  d.source(1, d.operand(1), type);
  d.source(2, d.operand(2), type);
  d.source(3, d.operand(3), ScalarType::kPred);
}

// mov.type d, a: a register, a constant, an address, a special register, or packing and unpacking {a, b}.
// mov.b128 with registers of 128 bits, or two of 64 or four of 32 in braces on one side.
void move_quad(Decoder& d, const Operand& to, const Operand& from) {
  Op& op = d.op();
  op.handler = &move_128_bits;
  op.extra = static_cast<std::uint32_t>(d.program().extra.size());
  for (const bool is_definition : {true, false}) {
    const Operand& side = is_definition ? to : from;
    const bool words = side.kind == Operand::Kind::kVector && side.elements.size() == 4;
    if (words) op.flags |= is_definition ? kToWords : kFromWords;
    if (side.kind == Operand::Kind::kVector)
      d.extra(side, words ? ScalarType::kB32 : ScalarType::kB64, words ? 4 : 2, is_definition);
    else
      d.halves(side, is_definition);
  }
}

void mov(Decoder& d) {
  const ScalarType type = d.take_type();
  if (d.failed()) return;
  d.want_operands(2, 2);
  const Operand &to = d.operand(0), &from = d.operand(1);
  const auto part_type = [&](std::size_t parts) {
    const int bits = ptx::size_bits(type) / static_cast<int>(parts);
    return bits == 8 ? ScalarType::kB8 : bits == 16 ? ScalarType::kB16 : bits == 32 ? ScalarType::kB32 : ScalarType::kNone;
  };
  const bool packs = from.kind == Operand::Kind::kVector, unpacks = to.kind == Operand::Kind::kVector;
  if (packs || unpacks) {
    const std::size_t parts = packs ? from.elements.size() : to.elements.size();
    if (type == ScalarType::kB128 && (parts == 2 || parts == 4) && packs != unpacks) return move_quad(d, to, from);
    const ScalarType part = parts == 2 || parts == 4 ? part_type(parts) : ScalarType::kNone;
    if (part == ScalarType::kNone || (packs && unpacks)) return d.fail("a vector of this shape cannot be moved");
    d.op().handler = packs ? &pack_vector : &unpack_vector;
    d.op().count = static_cast<std::uint8_t>(parts);
    d.op().element_bytes = static_cast<std::uint8_t>(ptx::size_bytes(type) / static_cast<int>(parts));
    d.op().flags = ptx::size_bits(type) == 64;
    d.op().extra = static_cast<std::uint32_t>(d.program().extra.size());
    d.extra(packs ? from : to, part, parts, unpacks);
    if (packs) d.destination(0, to, type);
    if (unpacks) d.source(0, from, type);
    return;
  }
  if (type == ScalarType::kB128) return move_quad(d, to, from);
  d.destination(0, to, type);
  if (from.kind == Operand::Kind::kSpecial) {
    d.op().handler = special_handler(from.text, d.op().immediate);
    if (d.op().handler == nullptr) return d.fail(fmt::format("unknown special register {}", from.text.substr(0, 40)));
    const bool predicate = type == ScalarType::kPred && from.text == "%is_explicit_cluster";
    d.op().flags = predicate ? 2 : ptx::size_bits(type) == 64;
    if (ptx::size_bits(type) < 32 && !predicate) d.fail("special registers have 32 or 64 bits");
    return;
  }
  use(d, LaneOp::kMov, type);
  d.source(1, from, type);
}

// cvta{.to}.space.u64 d, a
void cvta(Decoder& d) {
  const bool to_space = d.take("to");
  const ptx::Space space = d.take_space();
  if (space == ptx::Space::kGeneric) return d.fail("expected a state space");
  d.take_type_of({ScalarType::kU64});
  d.op().handler = &add_immediate64;
  d.op().immediate = static_cast<std::int64_t>(window_of(space)) * (to_space ? -1 : 1);
  operands1(d, ScalarType::kU64, ScalarType::kU64);
}

}  // namespace

std::vector<OpcodeRow> selection_opcodes() {
  return {{"setp", &setp}, {"set", &set}, {"selp", &selp}, {"mov", &mov}, {"cvta", &cvta}};
}

}  // namespace bsgen::sim::decoding
