// Opcodes that compute lane by lane with integers and floats. Syntax as in the PTX ISA.
#include "runtime/sim/decode/lane_operands.h"
#include "runtime/sim/exec/approximate_ops.h"
#include "runtime/sim/exec/carry_ops.h"
#include "runtime/sim/exec/lane_ops.h"
#include "runtime/sim/exec/rounded_ops.h"
#include "runtime/sim/exec/scalar_float.h"
#include "runtime/sim/exec/scalar_integer.h"

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
scalar::FloatOp scalar_op(LaneOp op) {
  switch (op) {
    case LaneOp::kAdd: return scalar::FloatOp::kAdd;
    case LaneOp::kSub: return scalar::FloatOp::kSub;
    case LaneOp::kMulLo: return scalar::FloatOp::kMul;
    case LaneOp::kNeg: return scalar::FloatOp::kNeg;
    case LaneOp::kAbs: return scalar::FloatOp::kAbs;
    case LaneOp::kMin: return scalar::FloatOp::kMin;
    case LaneOp::kMax: return scalar::FloatOp::kMax;
    default: return scalar::FloatOp::kFma;
  }
}
scalar::FloatMode scalar_mode(LaneOp op, ScalarType type, const FloatMode& mode) {
  scalar::FloatMode made;
  made.op = scalar_op(op);
  made.round = mode.rounding <= 0 ? Round::kNearest : mode.rounding == 1 ? Round::kZero : mode.rounding == 2 ? Round::kDown : Round::kUp;
  made.bf16 = type == ScalarType::kBf16 || type == ScalarType::kBf16x2;
  made.packed = type == ScalarType::kF16x2 || type == ScalarType::kBf16x2;
  made.ftz = mode.ftz, made.sat = mode.sat, made.relu = mode.relu;
  return made;
}

// An instruction with `count` sources of the type: the handler for its rounding and modifiers, and the operands.
void float_operation(Decoder& d, LaneOp op, LaneOp saturating, ScalarType type, const FloatMode& mode, int count) {
  if (d.failed()) return;
  const bool bf16 = type == ScalarType::kBf16 || type == ScalarType::kBf16x2;
  if (mode.rounding > 0 && is_half(type)) return d.fail("16-bit types round to nearest only");
  if ((mode.ftz || mode.sat) && (bf16 || type == ScalarType::kF64)) return d.fail(fmt::format("unknown modifier .{} for this type", mode.ftz ? "ftz" : "sat"));
  if (mode.relu && (op != LaneOp::kFma || !is_half(type))) return d.fail("unknown modifier .relu");
  if (type == ScalarType::kF32x2 || (mode.ftz && is_half(type))) {
    if (type == ScalarType::kF32x2) d.need_target(100);
    if (mode.sat && type == ScalarType::kF32x2) return d.fail("unknown modifier .sat for this type");
    const ScalarFunction function = type == ScalarType::kF32x2 ? &scalar::single_pair : &scalar::half;
    const std::int64_t immediate = scalar_mode(op, type, mode).encode();
    if (count == 3) return scalar(d, function, immediate, type, {type, type, type});
    return scalar(d, function, immediate, type, {type, type});
  }
  if (count == 3) operands3(d, type, type, type, type);
  else operands2(d, type, type, type);
  if (mode.rounding > 0) {
    d.op().handler = rounded_handler(op, type);
    d.op().flags = static_cast<std::uint8_t>(mode.rounding | (mode.ftz ? 8 : 0) | (mode.sat ? 16 : 0));
    return;
  }
  use(d, mode.relu ? LaneOp::kFmaRelu : mode.sat ? saturating : op, type, mode.ftz);
}

// add, sub and fma of f32 with operands of 16 bits (sm_100): d = a + c, a b + c, only c in f32.
bool mixed_operation(Decoder& d, LaneOp op, ScalarType type, const FloatMode& mode) {
  if (type != ScalarType::kF32 || (d.peek() != "f16" && d.peek() != "bf16")) return false;
  const ScalarType from = d.take_type();
  if (mode.ftz || mode.relu) return d.fail("unknown modifier for these types"), true;
  d.need_target(100);
  const std::int64_t immediate = scalar_mode(op, from, mode).encode();
  if (op == LaneOp::kFma) return scalar(d, &scalar::mixed, immediate, type, {from, from, type}), true;
  d.want_operands(3, 3);
  d.op().handler = &scalar_lanes;
  d.op().function = reinterpret_cast<const void*>(static_cast<ScalarFunction>(&scalar::mixed));
  d.op().immediate = immediate;
  d.destination(0, d.operand(0), type);
  d.source(1, d.operand(1), from);
  d.constant(2, 0, Width::kWord);
  d.source(3, d.operand(2), type);
  return true;
}

// The condition code: `in` reads the carry, .cc writes it.
void carry_operation(Decoder& d, CarryOp op, bool in, bool out, ScalarType type) {
  d.op().handler = carry_handler(op, type);
  d.op().flags = static_cast<std::uint8_t>((in ? kCarryIn : 0) | (out ? kCarryOut : 0));
  if (op == CarryOp::kAdd || op == CarryOp::kSub) {
    operands2(d, type, type, type);
    d.constant(3, 0, width_of(type));
  } else {
    operands3(d, type, type, type, type);
  }
  if (in) d.carry(4, false);
  if (out) d.carry(5, true);
}
template <CarryOp kOp>
void add_with_carry(Decoder& d) {
  const bool out = d.take("cc");
  carry_operation(d, kOp, true, out, d.take_type());
}

bool is_pair(ScalarType type) { return type == ScalarType::kU16x2 || type == ScalarType::kS16x2; }
void pair_operation(Decoder& d, scalar::PairOp op, ScalarType type, bool relu) {
  d.need_target(90);
  const bool is_signed = type == ScalarType::kS16x2;
  if (relu && !is_signed) return d.fail("unknown modifier .relu");
  scalar(d, &scalar::pair, scalar::pair_mode(op, is_signed, relu), type, {type, type});
}

template <LaneOp kOp, LaneOp kSaturating>
void add_or_sub(Decoder& d) {
  const FloatMode mode = take_float_mode(d);
  const bool carries = d.take("cc");
  const ScalarType type = d.take_type();
  if (d.failed() || mixed_operation(d, kOp, type, mode)) return;
  if (ptx::is_float(type) || type == ScalarType::kF32x2) {
    if (carries) return d.fail("unknown modifier .cc");
    return float_operation(d, kOp, kSaturating, type, mode, 2);
  }
  if (mode.rounding >= 0 || mode.ftz || mode.relu) return d.fail("a rounding mode for an integer type");
  if (carries) return carry_operation(d, kOp == LaneOp::kAdd ? CarryOp::kAdd : CarryOp::kSub, false, true, type);
  if (is_pair(type) && kOp == LaneOp::kAdd && !mode.sat) return pair_operation(d, scalar::PairOp::kAdd, type, false);
  use(d, mode.sat ? kSaturating : kOp, type);
  operands2(d, type, type, type);
}

void mul(Decoder& d) {
  const int part = d.take_one_of({"lo", "hi", "wide"});
  if (part < 0) {
    const FloatMode mode = take_float_mode(d);
    const ScalarType type = d.take_type();
    if (!d.failed() && !ptx::is_float(type) && type != ScalarType::kF32x2) return d.fail("expected .lo, .hi or .wide");
    return float_operation(d, LaneOp::kMulLo, LaneOp::kMulSat, type, mode, 2);
  }
  const ScalarType type = d.take_type();
  use(d, part == 0 ? LaneOp::kMulLo : part == 1 ? LaneOp::kMulHi : LaneOp::kMulWide, type);
  operands2(d, part == 2 ? wide(type) : type, type, type);
}

void fma(Decoder& d) {
  const FloatMode mode = take_float_mode(d);
  if (mode.rounding < 0) return d.fail("a rounding mode is needed");
  const ScalarType type = d.take_type();
  if (d.failed() || mixed_operation(d, LaneOp::kFma, type, mode)) return;
  if (!ptx::is_float(type) && type != ScalarType::kF32x2) return d.fail("fma is for floats");
  float_operation(d, LaneOp::kFma, LaneOp::kFmaSat, type, mode, 3);
}

template <bool kCarryIn>
void mad(Decoder& d) {
  const int part = d.take_one_of({"lo", "hi", "wide"});
  if (part < 0 && kCarryIn) return d.fail("expected .lo or .hi");
  if (part < 0) return fma(d);  // mad.rn.f32 is fma.rn.f32 on every architecture we know
  const bool carries = d.take("cc"), saturates = d.take("sat");
  const ScalarType type = d.take_type();
  if (d.failed()) return;
  if (kCarryIn || carries) {
    if (part == 2 || saturates) return d.fail("unknown modifier for a carry chain");
    return carry_operation(d, part == 0 ? CarryOp::kMadLo : CarryOp::kMadHi, kCarryIn, carries, type);
  }
  if (saturates) {
    if (part != 1 || type != ScalarType::kS32) return d.fail("unknown modifier .sat");
    return scalar(d, &scalar::mad_hi_saturated, 0, type, {type, type, type});
  }
  const ScalarType result = part == 2 ? wide(type) : type;
  use(d, part == 0 ? LaneOp::kMadLo : part == 1 ? LaneOp::kMadHi : LaneOp::kMadWide, type);
  operands3(d, result, type, type, result);
}

template <bool kAdds>
void mul24(Decoder& d) {
  const int part = d.take_one_of({"lo", "hi"});
  if (part < 0) return d.fail("expected .lo or .hi");
  const ScalarType type = d.take_type_of({ScalarType::kU32, ScalarType::kS32});
  const std::int64_t mode = (type == ScalarType::kS32 ? 1 : 0) | (part == 1 ? 2 : 0) | (kAdds ? 4 : 0);
  if (kAdds) return scalar(d, &scalar::mul24, mode, type, {type, type, type});
  scalar(d, &scalar::mul24, mode, type, {type, type});
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
  if (accuracy >= 0) {
    operands2(d, type, type, type);
    d.op().handler = approximate_handler(accuracy == 0 ? Approximate::kDivApprox : Approximate::kDivFull, type);
    d.op().flags = mode.ftz ? 1 : 0;
  } else if (ptx::is_float(type)) {
    if (mode.rounding < 0) return d.fail("a rounding mode is needed");
    if (is_half(type) || mode.sat || mode.relu) return d.fail("this combination does not exist");
    float_operation(d, LaneOp::kDiv, LaneOp::kDiv, type, mode, 2);
  } else {
    operands2(d, type, type, type);
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
  if (ftz && (type == ScalarType::kF16 || type == ScalarType::kF16x2)) {
    FloatMode mode{};
    mode.ftz = true;
    return scalar(d, &scalar::half, scalar_mode(kOp, type, mode).encode(), type, {type});
  }
  if (ftz && type != ScalarType::kF32) return d.fail("unknown modifier .ftz for this type");
  use(d, kOp, type, ftz);
  operands1(d, type, type);
}

// {min, max}{.ftz}{.NaN}{.xorsign.abs}.type d, a, b; {.abs} and three operands for f32 on sm_100; .relu for s32 and pairs
template <LaneOp kOp, LaneOp kNan, LaneOp kRelu>
void min_or_max(Decoder& d) {
  const bool ftz = d.take("ftz");
  const bool nan = d.take("NaN");
  const bool xorsign = d.take("xorsign"), abs = d.take("abs");
  const bool relu = d.take("relu");
  const ScalarType type = d.take_type();
  if (d.failed()) return;
  if (is_pair(type)) {
    if (ftz || nan || abs) return d.fail("unknown modifier for this type");
    return pair_operation(d, kOp == LaneOp::kMin ? scalar::PairOp::kMin : scalar::PairOp::kMax, type, relu);
  }
  if (ftz && type != ScalarType::kF32 && type != ScalarType::kF16 && type != ScalarType::kF16x2) return d.fail("unknown modifier .ftz for this type");
  if ((nan || abs) && (!ptx::is_float(type) || type == ScalarType::kF64)) return d.fail("unknown modifier for this type");
  if (relu && type != ScalarType::kS32) return d.fail("unknown modifier .relu");
  if (xorsign && !abs) return d.fail("expected .abs");
  if (nan && type == ScalarType::kF32) d.need_target(80);
  if (xorsign) d.need_target(86);
  const bool three = d.num_operands() == 4;
  if (abs || three || (ftz && is_half(type))) {
    if ((three || !xorsign) && (abs || three)) {  // min{.ftz}{.NaN}{.abs}.f32
      d.need_target(100);
      if (type != ScalarType::kF32 || xorsign) return d.fail("this combination does not exist");
    }
    FloatMode given{};
    given.ftz = ftz;
    scalar::FloatMode mode = scalar_mode(kOp, type, given);
    mode.nan = nan, mode.xorsign = xorsign, mode.abs = abs && !xorsign, mode.three = three;
    if (type == ScalarType::kF32 && three) return scalar(d, &scalar::single, mode.encode(), type, {type, type, type});
    return scalar(d, type == ScalarType::kF32 ? &scalar::single : &scalar::half, mode.encode(), type, {type, type});
  }
  use(d, nan ? kNan : relu ? kRelu : kOp, type, ftz);
  operands2(d, type, type, type);
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
  if (approx && type == ScalarType::kF64 && (kOp == Approximate::kRcp || kOp == Approximate::kRsqrt)) {
    if (kOp == Approximate::kRcp && !ftz) return d.fail("needs .ftz");
    return scalar(d, &scalar::approximate_f64, (kOp == Approximate::kRsqrt ? 1 : 0) | (ftz ? 2 : 0), type, {type});
  }
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
      {"mad", &mad<false>},
      {"madc", &mad<true>},
      {"addc", &add_with_carry<CarryOp::kAdd>},
      {"subc", &add_with_carry<CarryOp::kSub>},
      {"mul24", &mul24<false>},
      {"mad24", &mul24<true>},
      {"sad", &sad},
      {"div", &div},
      {"rem", &rem},
      {"neg", &unary_arithmetic<LaneOp::kNeg>},
      {"abs", &unary_arithmetic<LaneOp::kAbs>},
      {"min", &min_or_max<LaneOp::kMin, LaneOp::kMinNan, LaneOp::kMinRelu>},
      {"max", &min_or_max<LaneOp::kMax, LaneOp::kMaxNan, LaneOp::kMaxRelu>},
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
