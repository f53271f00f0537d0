// What opcodes that work lane by lane share: the handler for an operation, and operands one after the other.
#pragma once

#include <initializer_list>

#include "runtime/sim/decode/decoder.h"
#include "runtime/sim/exec/lane_ops.h"

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

}  // namespace bsgen::sim::decoding
