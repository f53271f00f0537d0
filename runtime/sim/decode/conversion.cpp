// cvt in all its forms.
#include "runtime/sim/decode/lane_operands.h"
#include "runtime/sim/exec/fp_convert.h"
#include "runtime/sim/exec/lane_ops.h"
#include "runtime/sim/exec/scalar_convert.h"

namespace bsgen::sim::decoding {
namespace {

using ptx::ScalarType;

struct Rounding {
  int mode = -1;          // a Round, -1 where none is given
  bool integral = false;  // .rni and its sisters
};
Rounding take_rounding(Decoder& d) {
  constexpr Round kModes[] = {Round::kNearest, Round::kZero, Round::kDown, Round::kUp, Round::kNearestAway};
  const int whole = d.take_one_of({"rni", "rzi", "rmi", "rpi"});
  if (whole >= 0) return {static_cast<int>(kModes[whole]), true};
  const int plain = d.take_one_of({"rn", "rz", "rm", "rp", "rna"});
  return {plain < 0 ? -1 : static_cast<int>(kModes[plain]), false};
}

bool is_int(ScalarType type) { return type >= ScalarType::kU8 && type <= ScalarType::kS64; }

bool is_half(ScalarType type) { return type == ScalarType::kF16 || type == ScalarType::kBf16; }
bool is_fp8_pair(ScalarType type) { return type == ScalarType::kE4m3x2 || type == ScalarType::kE5m2x2; }

// cvt.rn.satfinite{.relu}.{e4m3x2, e5m2x2}.{f32 d, a, b; f16x2 d, a} and cvt.rn{.relu}.f16x2.{e4m3x2, e5m2x2} d, a
void fp8(Decoder& d, const Rounding& rounding, std::uint8_t flags, ScalarType to, ScalarType from) {
  d.need_target(89);
  if (rounding.mode != static_cast<int>(Round::kNearest) || rounding.integral || (flags & (kConvertFtz | kConvertSat))) return d.fail("expected .rn");
  std::int64_t mode = 0;
  if (flags & kConvertRelu) mode |= scalar::kWithRelu;
  if (to == ScalarType::kE5m2x2 || from == ScalarType::kE5m2x2) mode |= scalar::kE5m2;
  if (is_fp8_pair(from)) {
    if (to != ScalarType::kF16x2 || (flags & kConvertSatFinite)) return d.fail("this combination of types does not exist");
    return scalar(d, &scalar::from_fp8_pair, mode, ScalarType::kB32, {ScalarType::kB16});
  }
  if (!(flags & kConvertSatFinite)) return d.fail("needs .satfinite");
  if (from == ScalarType::kF32) return scalar(d, &scalar::to_fp8_pair, mode, ScalarType::kB16, {ScalarType::kF32, ScalarType::kF32});
  if (from != ScalarType::kF16x2) return d.fail("this combination of types does not exist");
  scalar(d, &scalar::to_fp8_pair, mode | scalar::kFromF16, ScalarType::kB16, {ScalarType::kB32});
}

// Forms that the loops over lanes do not know, or not with these modifiers.
bool needs_scalar(ScalarType to, ScalarType from, const Rounding& rounding, std::uint8_t flags) {
  const bool plain = (flags & (kConvertSat | kConvertFtz)) == 0;
  if (is_int(from)) return to == ScalarType::kF64 && (rounding.mode != 0 || !plain);
  if (is_int(to)) return false;
  if (is_half(from)) return !(to == ScalarType::kF32 || to == from) || !plain || (flags & (kConvertRelu | kConvertSatFinite));
  if (from == ScalarType::kF64) return to != ScalarType::kF32;
  return to == ScalarType::kF64 && !plain;
}

// cvt{.rnd}{.ftz}{.relu}{.satfinite}{.sat}.dtype.atype d, a{, b}
void cvt(Decoder& d) {
  const Rounding rounding = take_rounding(d);
  std::uint8_t flags = 0;
  if (d.take("ftz")) flags |= kConvertFtz;
  if (d.take("satfinite")) flags |= kConvertSatFinite;
  if (d.take("relu")) flags |= kConvertRelu;
  if (d.take("satfinite")) flags |= kConvertSatFinite;
  if (d.take("sat")) flags |= kConvertSat;
  const ScalarType to = d.take_type();
  const ScalarType from = d.take_type();
  if (d.failed()) return;
  if (is_fp8_pair(to) || is_fp8_pair(from)) return fp8(d, rounding, flags, to, from);
  const bool packs = to == ScalarType::kF16x2 || to == ScalarType::kBf16x2;
  if (packs && from != ScalarType::kF32) return d.fail("only two .f32 values can be packed");

  // Which rounding the pair of types needs (PTX ISA, cvt): an integral one from float to integer, one where precision is lost, and
  // none where none is lost.
  const int to_bits = ptx::size_bits(to), from_bits = ptx::size_bits(from);
  const bool other_half = is_half(to) && is_half(from) && to != from;
  const bool narrowing = packs || to == ScalarType::kTf32 || other_half || (ptx::is_float(to) && ptx::is_float(from) && to_bits < from_bits) ||
                         (is_int(from) && ptx::is_float(to));
  if (is_int(to) && ptx::is_float(from) && !rounding.integral) return d.fail("needs .rni, .rzi, .rmi or .rpi");
  if (narrowing && (rounding.mode < 0 || rounding.integral)) return d.fail("needs a rounding mode");
  if (!narrowing && !rounding.integral && rounding.mode >= 0) return d.fail("no rounding takes place between these types");
  if (is_int(to) && is_int(from) && rounding.mode >= 0) return d.fail("no rounding takes place between these types");
  if ((flags & (kConvertRelu | kConvertSatFinite)) && !(packs || to == ScalarType::kF16 || to == ScalarType::kBf16 || to == ScalarType::kTf32))
    return d.fail(".relu and .satfinite are for 16-bit and tf32 results");

  if (packs || to == ScalarType::kTf32 || to == ScalarType::kBf16) d.need_target(80);
  Op& op = d.op();
  if (needs_scalar(to, from, rounding, flags)) {
    const scalar::Conversion how{to, from, static_cast<Round>(rounding.mode < 0 ? 0 : rounding.mode), rounding.integral, (flags & kConvertFtz) != 0,
                                 (flags & kConvertSat) != 0, (flags & kConvertRelu) != 0, (flags & kConvertSatFinite) != 0};
    const int word = is_int(from) && d.operand(1).kind == ptx::Operand::Kind::kRegister ? ptx::size_bits(d.function().registers[d.operand(1).index].type) : 0;
    return scalar(d, &scalar::convert, how.encode(), to, {word > ptx::size_bits(from) && word <= 32 ? (word == 32 ? ScalarType::kB32 : ScalarType::kB16) : from});
  }
  op.handler = convert_handler(to, from);
  op.flags = static_cast<std::uint8_t>(flags | (rounding.mode < 0 ? 0 : rounding.mode));
  op.immediate = rounding.integral && ptx::is_float(to) ? 1 : 0;
  d.want_operands(packs ? 3 : 2, packs ? 3 : 2);
  if (to == ScalarType::kU8 || to == ScalarType::kS8) {
    // Registers have at least 16 bits: the value lies extended in a wider one.
    const bool word = d.operand(0).kind == ptx::Operand::Kind::kRegister &&
                      ptx::size_bits(d.function().registers[d.operand(0).index].type) == 16;
    d.destination(0, d.operand(0), word ? ScalarType::kB16 : ScalarType::kB32);
  } else {
    d.destination(0, d.operand(0), to);
  }
  // A source register may be wider than its type; the low bits count.
  const auto register_type = [&](const ptx::Operand& operand) {
    if (operand.kind != ptx::Operand::Kind::kRegister || !is_int(from)) return from;
    const ScalarType have = d.function().registers[operand.index].type;
    return ptx::size_bits(have) > from_bits && ptx::size_bits(have) <= 32 ? have : from;
  };
  d.source(1, d.operand(1), register_type(d.operand(1)));
  if (packs) d.source(2, d.operand(2), from);
}

}  // namespace

std::vector<OpcodeRow> conversion_opcodes() { return {{"cvt", &cvt}}; }

}  // namespace bsgen::sim::decoding
