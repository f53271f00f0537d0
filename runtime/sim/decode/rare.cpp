// Opcodes that kernels rarely have, each a function of one lane, and hints.
#include "runtime/sim/decode/lane_operands.h"
#include "runtime/sim/exec/memory_ops.h"
#include "runtime/sim/exec/scalar_float.h"
#include "runtime/sim/exec/scalar_integer.h"
#include "runtime/sim/exec/special_ops.h"

namespace bsgen::sim::decoding {
namespace {

using ptx::Space;

// bmsk.mode.b32 d, position, width
void bmsk(Decoder& d) {
  const int mode = d.take_one_of({"clamp", "wrap"});
  if (mode < 0) return d.fail("expected .clamp or .wrap");
  const ScalarType type = d.take_type_of({ScalarType::kB32});
  scalar(d, &scalar::bmsk, mode * 2, type, {type, type});
}

// szext.mode.type d, a, n
void szext(Decoder& d) {
  const int mode = d.take_one_of({"clamp", "wrap"});
  if (mode < 0) return d.fail("expected .clamp or .wrap");
  const ScalarType type = d.take_type_of({ScalarType::kU32, ScalarType::kS32});
  scalar(d, &scalar::szext, mode * 2 + (type == ScalarType::kS32), type, {type, ScalarType::kU32});
}

// fns.b32 d, mask, base, offset
void fns(Decoder& d) {
  const ScalarType type = d.take_type_of({ScalarType::kB32});
  scalar(d, &scalar::fns, 0, type, {type, type, type});
}

// slct{.ftz}.dtype.{s32, f32} d, a, b, c
void slct(Decoder& d) {
  const bool ftz = d.take("ftz");
  const ScalarType type = d.take_type();
  const ScalarType condition = d.take_type_of({ScalarType::kS32, ScalarType::kF32});
  if (d.failed()) return;
  if (ftz && condition != ScalarType::kF32) return d.fail("unknown modifier .ftz for this type");
  if (ptx::size_bits(type) < 16 || ptx::size_bits(type) > 64) return d.fail("this type cannot be selected");
  scalar(d, &scalar::slct, (condition == ScalarType::kF32 ? 1 : 0) | (ftz ? 2 : 0), type, {type, type, condition});
}

// testp.op.type p, a
void testp(Decoder& d) {
  const int which = d.take_one_of({"finite", "infinite", "number", "notanumber", "normal", "subnormal"});
  if (which < 0) return d.fail(fmt::format("unknown modifier .{}", d.peek()));
  const ScalarType type = d.take_type_of({ScalarType::kF32, ScalarType::kF64});
  scalar(d, &scalar::testp, which | (type == ScalarType::kF64 ? 8 : 0), ScalarType::kPred, {type});
}

// What is in no window is global memory. Constants lie among it here, so a constant address is said to be global too.
std::uint64_t in_space(std::uint64_t address, std::uint64_t, std::uint64_t, std::int64_t space) {
  const auto inside = [&](Space which) { return address - window_of(which) < kWindowBytes; };
  const bool windowed = inside(Space::kShared) || inside(Space::kLocal) || inside(Space::kParam);
  const auto wanted = static_cast<Space>(space);
  return wanted == Space::kGlobal ? !windowed : wanted != Space::kConst && inside(wanted);
}
// isspacep.space p, a
void isspacep(Decoder& d) {
  const Space space = d.take_space();
  if (space == Space::kGeneric) return d.fail(fmt::format("unknown state space .{}", d.peek()));
  scalar(d, &in_space, static_cast<std::int64_t>(space), ScalarType::kPred, {ScalarType::kU64});
}

void hint(Decoder& d, std::size_t operands) {
  d.want_operands(operands, operands);
  if (d.address(1, d.operand(0), Space::kGlobal)) d.op().flags |= kAddress64;
  d.op().handler = &no_operation;
}
// applypriority{.global}.L2::evict_normal [a], 128
void applypriority(Decoder& d) {
  d.take("global");
  d.require("L2::evict_normal");
  d.need_target(80);
  hint(d, 2);
  d.integer(d.operand(1), 128, 128);
}
// discard{.global}.L2 [a], 128: what the 128 bytes hold is unknown afterwards.
void discard(Decoder& d) {
  d.take("global");
  d.require("L2");
  d.need_target(80);
  hint(d, 2);
  d.integer(d.operand(1), 128, 128);
  d.op().handler = &discard_lines;
}
void prefetchu(Decoder& d) {
  d.require("L1");
  hint(d, 1);
}
// pmevent a: for profilers.
void pmevent(Decoder& d) {
  d.take("mask");
  d.want_operands(1, 1);
  d.integer(d.operand(0), 0, 0xffff);
  d.op().handler = &no_operation;
}

}  // namespace

std::vector<OpcodeRow> rare_opcodes() {
  return {{"bmsk", &bmsk}, {"szext", &szext}, {"fns", &fns}, {"slct", &slct}, {"testp", &testp}, {"isspacep", &isspacep},
          {"applypriority", &applypriority}, {"discard", &discard}, {"prefetchu", &prefetchu}, {"pmevent", &pmevent}};
}

}  // namespace bsgen::sim::decoding
