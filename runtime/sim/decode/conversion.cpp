// cvt in all its forms.
#include "runtime/sim/decode/decoder.h"
#include "runtime/sim/exec/fp_convert.h"
#include "runtime/sim/exec/lane_ops.h"

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
  const bool packs = to == ScalarType::kF16x2 || to == ScalarType::kBf16x2;
  if (packs && from != ScalarType::kF32) return d.fail("only two .f32 values can be packed");

  // Which rounding the pair of types needs (PTX ISA, cvt): an integral one from float to integer, one where precision is lost, and
  // none where none is lost.
  const int to_bits = ptx::size_bits(to), from_bits = ptx::size_bits(from);
  const bool narrowing = packs || to == ScalarType::kTf32 || (ptx::is_float(to) && ptx::is_float(from) && to_bits < from_bits) ||
                         (is_int(from) && ptx::is_float(to));
  if (is_int(to) && ptx::is_float(from) && !rounding.integral) return d.fail("needs .rni, .rzi, .rmi or .rpi");
  if (narrowing && (rounding.mode < 0 || rounding.integral)) return d.fail("needs a rounding mode");
  if (!narrowing && !rounding.integral && rounding.mode >= 0) return d.fail("no rounding takes place between these types");
  if (is_int(to) && is_int(from) && rounding.mode >= 0) return d.fail("no rounding takes place between these types");
  if ((flags & (kConvertRelu | kConvertSatFinite)) && !(packs || to == ScalarType::kF16 || to == ScalarType::kBf16 || to == ScalarType::kTf32))
    return d.fail(".relu and .satfinite are for 16-bit and tf32 results");

  if (packs || to == ScalarType::kTf32 || to == ScalarType::kBf16) d.need_target(80);
  Op& op = d.op();
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
