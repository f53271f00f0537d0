// Words and operands that the asynchronous opcodes share.
#pragma once

#include <fmt/format.h>

#include "runtime/sim/decode/decoder.h"
#include "runtime/sim/exec/memory_map.h"
#include "runtime/sim/exec/memory_ops.h"

namespace bsgen::sim::decoding {

inline void unknown(Decoder& d) { d.fail(d.peek().empty() ? "incomplete" : fmt::format("unknown modifier .{}", d.peek())); }

// .shared, .shared::cta, .shared::cluster or none (generic): all of them are shared memory of the cluster.
inline ptx::Space take_shared(Decoder& d) { return d.take_one_of({"shared::cta", "shared::cluster", "shared"}) >= 0 ? ptx::Space::kShared : ptx::Space::kGeneric; }
inline void take_scope(Decoder& d) {
  if (d.take_one_of({"cta", "cluster", "gpu", "sys"}) < 0) d.fail("needs a scope");
}
// {.sem.scope}; true where the operation orders no memory.
inline bool take_relaxed(Decoder& d, std::string_view strong) {
  const bool relaxed = d.take("relaxed");
  if (relaxed || d.take(strong)) take_scope(d);
  return relaxed;
}

// An address beside the main one: its displacement goes to Program::displacements. Returns whether its register has 64 bits.
inline bool second_address(Decoder& d, int slot, const ptx::Operand& operand, ptx::Space space, std::int64_t& displacement) {
  const bool wide = d.address(slot, operand, space);
  displacement = d.op().immediate;
  if (operand.kind == ptx::Operand::Kind::kAddress && operand.elements[0].kind == ptx::Operand::Kind::kParameter) displacement += static_cast<std::int64_t>(kParamWindow);
  return wide;
}
inline void main_address(Decoder& d, const ptx::Operand& operand, ptx::Space space) {
  if (d.address(1, operand, space)) d.op().flags |= kAddress64;
}
inline void put_displacements(Decoder& d, std::int64_t second, std::int64_t third) {
  d.op().target = static_cast<std::uint32_t>(d.program().displacements.size());
  d.program().displacements.push_back(second);
  d.program().displacements.push_back(third);
}

inline ptx::Operand sink() {
  ptx::Operand made;
  made.kind = ptx::Operand::Kind::kSink;
  return made;
}

}  // namespace bsgen::sim::decoding
