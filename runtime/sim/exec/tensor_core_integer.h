// Integer mma: exact sums of 8- and 4-bit products in 32 bits, which wrap, or clamp with .satfinite; for single bits the ones of a xor b
// or a and b are counted.
#pragma once

#include "runtime/sim/exec/tensor_core.h"

namespace bsgen::sim {

struct IntegerMmaShape {
  std::uint8_t m = 16;     // 8 or 16 rows; 8 columns
  std::uint16_t k = 32;    // 16 to 256
  std::uint8_t bits = 8;   // of an operand: 8, 4 or 1
  bool a_signed = true;
  bool b_signed = true;
  bool saturate = false;
  bool conjunction = false;  // of bits: and, not xor
};

// Fragments as for floating point, with 32 / bits elements a register (tensor_core_types.h); with 8 rows A and C have every second
// register only. d may alias c.
void integer_mma(const IntegerMmaShape& shape, const Lanes* a, const Lanes* b, const Lanes* c, const MutableLanes* d);

}  // namespace bsgen::sim
