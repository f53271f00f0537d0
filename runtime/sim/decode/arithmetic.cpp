// Opcodes that compute lane by lane: integers, bits, floats, comparisons, mov. Syntax as in the PTX ISA.
#include "runtime/sim/decode/decoder.h"
#include "runtime/sim/exec/approximate_ops.h"
#include "runtime/sim/exec/lane_ops.h"
#include "runtime/sim/exec/rounded_ops.h"
#include "runtime/sim/exec/special_ops.h"

namespace bsgen::sim::decoding {
namespace {

using ptx::Operand;
using ptx::ScalarType;

void use(Decoder& d, LaneOp op, ScalarType type, bool ftz = false) { d.op().handler = lane_handler(op, type, ftz); }

void sources(Decoder& d, std::initializer_list<ScalarType> types) {
  int slot = 1;
  for (ScalarType type : types) {
    d.source(slot, d.operand(static_cast<std::size_t>(slot)), type);
    ++slot;
  }
}
void operands1(Decoder& d, ScalarType to, ScalarType a) {
  d.want_operands(2, 2);
  d.destination(0, d.operand(0), to);
  sources(d, {a});
}
void operands2(Decoder& d, ScalarType to, ScalarType a, ScalarType b) {
  d.want_operands(3, 3);
  d.destination(0, d.operand(0), to);
  sources(d, {a, b});
}
void operands3(Decoder& d, ScalarType to, ScalarType a, ScalarType b, ScalarType c) {
  d.want_operands(4, 4);
  d.destination(0, d.operand(0), to);
  sources(d, {a, b, c});
}

ScalarType wide(ScalarType type) {
  switch (type) {
    case ScalarType::kU16: return ScalarType::kU32;
    case ScalarType::kS16: return ScalarType::kS32;
    case ScalarType::kU32: return ScalarType::kU64;
    case ScalarType::kS32: return ScalarType::kS64;
    default: return ScalarType::kNone;
  }
}

bool is_half(ScalarType type) {
  return type == ScalarType::kF16 || type == ScalarType::kBf16 || type == ScalarType::kF16x2 || type == ScalarType::kBf16x2;
}

// What add, sub, mul and fma share: {.rnd}{.ftz}{.sat}.type.
struct FloatMode {
  int rounding;  // 0 rn, 1 rz, 2 rm, 3 rp, -1 not given
  bool ftz, sat, relu;
};
FloatMode take_float_mode(Decoder& d) {
  FloatMode mode{};
  mode.rounding = d.take_one_of({"rn", "rz", "rm", "rp"});
  mode.ftz = d.take("ftz");
  d.take("noftz");
  mode.sat = d.take("sat");
  mode.relu = d.take("relu");
  return mode;
}
void use_float(Decoder& d, LaneOp op, LaneOp saturating, ScalarType type, const FloatMode& mode) {
  if (mode.ftz && type != ScalarType::kF32) {
    if (!is_half(type)) return d.fail("unknown modifier .ftz for this type");
    return d.fail(".ftz of 16-bit types is not supported");
  }
  if (mode.rounding > 0) {
    d.op().handler = rounded_handler(op, type);
    d.op().flags = static_cast<std::uint8_t>(mode.rounding | (mode.ftz ? 8 : 0) | (mode.sat ? 16 : 0));
    if (mode.sat && type != ScalarType::kF32) d.fail(".sat is not supported with this rounding");
    return;
  }
  if (mode.relu && op != LaneOp::kFma) return d.fail("unknown modifier .relu");
  use(d, mode.relu ? LaneOp::kFmaRelu : mode.sat ? saturating : op, type, mode.ftz);
}

template <LaneOp kOp, LaneOp kSaturating>
void add_or_sub(Decoder& d) {
  const FloatMode mode = take_float_mode(d);
  d.take("cc") ? d.fail("carry chains are not supported") : void();
  const ScalarType type = d.take_type();
  if (d.failed()) return;
  if (ptx::is_float(type)) {
    use_float(d, kOp, kSaturating, type, mode);
  } else {
    if (mode.rounding >= 0 || mode.ftz) return d.fail("a rounding mode for an integer type");
    use(d, mode.sat ? kSaturating : kOp, type);
  }
  operands2(d, type, type, type);
}

void mul(Decoder& d) {
  const int part = d.take_one_of({"lo", "hi", "wide"});
  if (part < 0) {
    const FloatMode mode = take_float_mode(d);
    const ScalarType type = d.take_type();
    if (!d.failed() && !ptx::is_float(type)) return d.fail("expected .lo, .hi or .wide");
    use_float(d, LaneOp::kMulLo, LaneOp::kMulSat, type, mode);
    return operands2(d, type, type, type);
  }
  const ScalarType type = d.take_type();
  use(d, part == 0 ? LaneOp::kMulLo : part == 1 ? LaneOp::kMulHi : LaneOp::kMulWide, type);
  operands2(d, part == 2 ? wide(type) : type, type, type);
}

void fma(Decoder& d) {
  const FloatMode mode = take_float_mode(d);
  if (mode.rounding < 0) return d.fail("a rounding mode is needed");
  const ScalarType type = d.take_type();
  if (!d.failed() && !ptx::is_float(type)) return d.fail("fma is for floats");
  use_float(d, LaneOp::kFma, LaneOp::kFmaSat, type, mode);
  operands3(d, type, type, type, type);
}

void mad(Decoder& d) {
  const int part = d.take_one_of({"lo", "hi", "wide"});
  if (part < 0) return fma(d);  // mad.rn.f32 is fma.rn.f32 on every architecture we know
  const ScalarType type = d.take_type();
  const ScalarType result = part == 2 ? wide(type) : type;
  use(d, part == 0 ? LaneOp::kMadLo : part == 1 ? LaneOp::kMadHi : LaneOp::kMadWide, type);
  operands3(d, result, type, type, result);
}

void mul24(Decoder& d) {
  d.require("lo");
  const ScalarType type = d.take_type_of({ScalarType::kU32, ScalarType::kS32});
  use(d, LaneOp::kMul24, type);
  operands2(d, type, type, type);
}

void sad(Decoder& d) {
  const ScalarType type = d.take_type();
  use(d, LaneOp::kSad, type);
  operands3(d, type, type, type, type);
}

void div(Decoder& d) {
  const int accuracy = d.take_one_of({"approx", "full"});
  const FloatMode mode = take_float_mode(d);
  const ScalarType type = d.take_type();
  if (d.failed()) return;
  operands2(d, type, type, type);
  if (accuracy >= 0) {
    d.op().handler = approximate_handler(accuracy == 0 ? Approximate::kDivApprox : Approximate::kDivFull, type);
    d.op().flags = mode.ftz ? 1 : 0;
  } else if (ptx::is_float(type)) {
    if (mode.rounding < 0) return d.fail("a rounding mode is needed");
    use_float(d, LaneOp::kDiv, LaneOp::kDiv, type, mode);
  } else {
    use(d, LaneOp::kDiv, type);
  }
}

void rem(Decoder& d) {
  const ScalarType type = d.take_type();
  use(d, LaneOp::kRem, type);
  operands2(d, type, type, type);
}

template <LaneOp kOp>
void unary_arithmetic(Decoder& d) {
  const bool ftz = d.take("ftz");
  const ScalarType type = d.take_type();
  if (ftz && type != ScalarType::kF32) return d.fail("unknown modifier .ftz for this type");
  use(d, kOp, type, ftz);
  operands1(d, type, type);
}

template <LaneOp kOp, LaneOp kNan, LaneOp kRelu>
void min_or_max(Decoder& d) {
  const bool ftz = d.take("ftz");
  const bool nan = d.take("NaN");
  const bool relu = d.take("relu");
  const ScalarType type = d.take_type();
  if (ftz && type != ScalarType::kF32) return d.fail("unknown modifier .ftz for this type");
  use(d, nan ? kNan : relu ? kRelu : kOp, type, ftz);
  operands2(d, type, type, type);
}

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
  use(d, LaneOp::kPrmt, ScalarType::kB32);
  if (!d.peek().empty()) return d.fail("the modes of prmt are not supported");
  operands3(d, ScalarType::kB32, ScalarType::kB32, ScalarType::kB32, ScalarType::kB32);
}
void lop3(Decoder& d) {
  d.take_type_of({ScalarType::kB32});
  use(d, LaneOp::kLop3, ScalarType::kB32);
  d.want_operands(5, 5);
  d.destination(0, d.operand(0), ScalarType::kB32);
  sources(d, {ScalarType::kB32, ScalarType::kB32, ScalarType::kB32});
  d.op().immediate = d.integer(d.operand(4), 0, 255);
}
void dp4a(Decoder& d) {
  const ScalarType a = d.take_type_of({ScalarType::kU32, ScalarType::kS32});
  const ScalarType b = d.take_type_of({ScalarType::kU32, ScalarType::kS32});
  const bool sa = a == ScalarType::kS32, sb = b == ScalarType::kS32;
  use(d, sa ? (sb ? LaneOp::kDp4aSS : LaneOp::kDp4aSU) : (sb ? LaneOp::kDp4aUS : LaneOp::kDp4aUU), ScalarType::kU32);
  operands3(d, ScalarType::kU32, ScalarType::kU32, ScalarType::kU32, ScalarType::kU32);
}
void copysign(Decoder& d) {
  const ScalarType type = d.take_type_of({ScalarType::kF32, ScalarType::kF64});
  use(d, LaneOp::kCopysign, type);
  operands2(d, type, type, type);
}

LaneOp take_comparison(Decoder& d, ScalarType& type_hint) {
  (void)type_hint;
  constexpr LaneOp kOps[] = {LaneOp::kEq, LaneOp::kNe, LaneOp::kLt, LaneOp::kLe, LaneOp::kGt, LaneOp::kGe, LaneOp::kEqu,
                             LaneOp::kNeu, LaneOp::kLtu, LaneOp::kLeu, LaneOp::kGtu, LaneOp::kGeu, LaneOp::kNum, LaneOp::kNan,
                             LaneOp::kLt, LaneOp::kLe, LaneOp::kGt, LaneOp::kGe};
  // lo, ls, hi and hs are the unsigned forms' other names.
  const int which = d.take_one_of({"eq", "ne", "lt", "le", "gt", "ge", "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan", "lo", "ls",
                                   "hi", "hs"});
  if (which < 0) d.fail(fmt::format("unknown comparison .{}", d.peek()));
  return kOps[which < 0 ? 0 : which];
}

// setp.cmp{.bool}{.ftz}.type p{|q}, a, b{, {!}c}
void setp(Decoder& d) {
  ScalarType hint = ScalarType::kNone;
  const LaneOp op = take_comparison(d, hint);
  const int join = d.take_one_of({"and", "or", "xor"});
  const bool ftz = d.take("ftz");
  const ScalarType type = d.take_type();
  if (d.failed()) return;
  use(d, op, type, ftz);
  d.want_operands(join < 0 ? 3 : 4, join < 0 ? 3 : 4);
  const Operand& to = d.operand(0);
  Operand sink;
  sink.kind = Operand::Kind::kSink;
  const bool pair = to.kind == Operand::Kind::kPair;
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

// set.cmp{.ftz}.dtype.stype d, a, b: all ones or 1.0 where true.
void set(Decoder& d) {
  ScalarType hint = ScalarType::kNone;
  const LaneOp op = take_comparison(d, hint);
  const bool ftz = d.take("ftz");
  const ScalarType to = d.take_type_of({ScalarType::kU32, ScalarType::kS32, ScalarType::kF32});
  const ScalarType type = d.take_type();
  if (d.failed()) return;
  d.op().function = reinterpret_cast<const void*>(lane_handler(op, type, ftz));
  d.op().handler = d.op().function == nullptr ? nullptr : &set_from_comparison;
  d.op().immediate = to == ScalarType::kF32 ? 0x3f800000 : 0xffffffff;
  operands2(d, to, type, type);
  Operand sink;
  sink.kind = Operand::Kind::kSink;
  d.destination(3, sink, ScalarType::kPred);
  d.destination(4, sink, ScalarType::kPred);
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
  d.destination(0, to, type);
  if (from.kind == Operand::Kind::kSpecial) {
    d.op().handler = special_handler(from.text, d.op().immediate);
    if (d.op().handler == nullptr) return d.fail(fmt::format("unknown special register {}", from.text.substr(0, 40)));
    d.op().flags = ptx::size_bits(type) == 64;
    if (ptx::size_bits(type) < 32) d.fail("special registers have 32 or 64 bits");
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

template <Approximate kOp, LaneOp kExact>
void transcendental(Decoder& d) {
  const bool approx = d.take("approx");
  const int rounding = approx ? -1 : d.take_one_of({"rn", "rz", "rm", "rp"});
  const bool ftz = d.take("ftz");
  const ScalarType type = d.take_type();
  if (d.failed()) return;
  operands1(d, type, type);
  if (approx) {
    d.op().handler = approximate_handler(kOp, type);
    d.op().flags = ftz ? 1 : 0;
  } else if (rounding == 0 && kExact != LaneOp::kMov) {
    use(d, kExact, type, ftz);
  } else if (rounding > 0 && kExact != LaneOp::kMov) {
    d.op().handler = rounded_handler(kExact, type);
    d.op().flags = static_cast<std::uint8_t>(rounding | (ftz ? 8 : 0));
  }
}

}  // namespace

std::vector<OpcodeRow> arithmetic_opcodes() {
  return {
      {"add", &add_or_sub<LaneOp::kAdd, LaneOp::kAddSat>},
      {"sub", &add_or_sub<LaneOp::kSub, LaneOp::kSubSat>},
      {"mul", &mul},
      {"fma", &fma},
      {"mad", &mad},
      {"mul24", &mul24},
      {"sad", &sad},
      {"div", &div},
      {"rem", &rem},
      {"neg", &unary_arithmetic<LaneOp::kNeg>},
      {"abs", &unary_arithmetic<LaneOp::kAbs>},
      {"min", &min_or_max<LaneOp::kMin, LaneOp::kMinNan, LaneOp::kMinRelu>},
      {"max", &min_or_max<LaneOp::kMax, LaneOp::kMaxNan, LaneOp::kMaxRelu>},
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
      {"copysign", &copysign},
      {"setp", &setp},
      {"set", &set},
      {"selp", &selp},
      {"mov", &mov},
      {"cvta", &cvta},
      {"ex2", &transcendental<Approximate::kEx2, LaneOp::kMov>},
      {"lg2", &transcendental<Approximate::kLg2, LaneOp::kMov>},
      {"rcp", &transcendental<Approximate::kRcp, LaneOp::kRcp>},
      {"rsqrt", &transcendental<Approximate::kRsqrt, LaneOp::kMov>},
      {"sqrt", &transcendental<Approximate::kSqrt, LaneOp::kSqrt>},
      {"tanh", &transcendental<Approximate::kTanh, LaneOp::kMov>},
      {"sin", &transcendental<Approximate::kSin, LaneOp::kMov>},
      {"cos", &transcendental<Approximate::kCos, LaneOp::kMov>},
  };
}

}  // namespace bsgen::sim::decoding
