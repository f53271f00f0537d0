// What opcodes that work lane by lane share: the handler for an operation, and operands one after the other.
#pragma once

#include <initializer_list>

#include "runtime/sim/decode/decoder.h"
#include "runtime/sim/exec/lane_ops.h"
#include "runtime/sim/exec/scalar_ops.h"

namespace bsgen::sim::decoding {

using ptx::ScalarType;

inline void use(Decoder& d, LaneOp op, ScalarType type, bool ftz = false) { d.op().handler = lane_handler(op, type, ftz); }

inline void sources(Decoder& d, std::initializer_list<ScalarType> types) {
  int slot = 1;
  for (ScalarType type : types) {
    d.source(slot, d.operand(static_cast<std::size_t>(slot)), type);
    ++slot;
  }
}
inline void operands1(Decoder& d, ScalarType to, ScalarType a) {
  d.want_operands(2, 2);
  d.destination(0, d.operand(0), to);
  sources(d, {a});
}
inline void operands2(Decoder& d, ScalarType to, ScalarType a, ScalarType b) {
  d.want_operands(3, 3);
  d.destination(0, d.operand(0), to);
  sources(d, {a, b});
}
inline void operands3(Decoder& d, ScalarType to, ScalarType a, ScalarType b, ScalarType c) {
  d.want_operands(4, 4);
  d.destination(0, d.operand(0), to);
  sources(d, {a, b, c});
}


// A rare instruction: `function` of up to three operands (exec/scalar_ops.h).
inline void scalar(Decoder& d, ScalarFunction function, std::int64_t immediate, ScalarType to, std::initializer_list<ScalarType> from) {
  d.op().handler = &scalar_lanes;
  d.op().function = reinterpret_cast<const void*>(function);
  d.op().immediate = immediate;
  d.op().flags = to == ScalarType::kPred ? kPredicateResult : ptx::size_bits(to) == 64 ? kLongResult : 0;
  std::uint8_t flag = kLongA;
  for (ScalarType type : from) {
    if (ptx::size_bits(type) == 64) d.op().flags |= flag;
    flag = static_cast<std::uint8_t>(flag << 1);
  }
  d.want_operands(1 + from.size(), 1 + from.size());
  d.destination(0, d.operand(0), to);
  sources(d, from);
}

}  // namespace bsgen::sim::decoding
