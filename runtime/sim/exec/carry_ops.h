// Extended-precision integer arithmetic: add, sub and mad with carry (PTX ISA, "Extended-Precision Integer Arithmetic"). The condition
// code's carry is a predicate of the warp, slot[4] where it is read and slot[5] where it is written.
#pragma once

#include "runtime/sim/exec/program.h"

namespace bsgen::sim {

enum class CarryOp : std::uint8_t { kAdd, kSub, kMadLo, kMadHi };
enum CarryFlags : std::uint8_t { kCarryIn = 1, kCarryOut = 2 };  // Op::flags
// nullptr where the type has none.
Handler carry_handler(CarryOp op, ptx::ScalarType type);

}  // namespace bsgen::sim
