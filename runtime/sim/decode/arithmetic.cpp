// Opcodes that compute lane by lane: integers, bits, floats. Syntax as in the PTX ISA.
#include "runtime/sim/decode/lane_operands.h"
#include "runtime/sim/exec/approximate_ops.h"
#include "runtime/sim/exec/lane_ops.h"
#include "runtime/sim/exec/rounded_ops.h"

namespace bsgen::sim::decoding {
namespace {

using ptx::Operand;
using ptx::ScalarType;

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
