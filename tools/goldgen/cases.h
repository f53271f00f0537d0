// What is asked of a GPU, and of the simulated device after it: one instruction a case, over many drawn operands.
//
// A case is a kernel of one shape: every thread loads `inputs` 32-bit words, executes `body`, and stores `outputs` words. Warps have
// tiles of their own: word i of lane l of tile t lies at (t * count + i) * 32 + l. Nothing is drawn from clocks or libm, so that the
// same inputs exist wherever the case is replayed, and only outputs are recorded.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bsgen/dtype.h"

namespace bsgen::goldens {

// How a word of input is drawn.
enum class Draw : std::uint8_t { kBits, kF32, kTf32, kF16, kBf16, kE4m3, kE5m2, kIndex };
// kNormal: magnitudes near 1. kWide: any exponent. kEdge: zeros with huge partners, subnormals, infinities, NaN, cancellation.
enum class Spread : std::uint8_t { kNormal, kWide, kEdge };

struct Case {
  std::string name;              // "mma.m16n8k16.bf16.f32/edge"
  std::string body;              // PTX: reads %i0.., writes %o0..; %f %h %p %x <32> (f32, b16, predicate, b32) and %d<8> (b64) are its own
  std::vector<Draw> inputs;      // of each word
  int outputs = 1;
  Spread spread = Spread::kNormal;
  int tiles = 64;                // warps' worth of operands
  int min_sm = 75, max_sm = 9999;
  int ulps = 0;                  // approximate instructions: how far f32 outputs may lie apart; 0 = bit for bit
  int shared_bytes = 0;          // a static array `tile`; one warp per cta then
};

// Every case that `arch` can execute.
std::vector<Case> cases_for(const Arch& arch);

std::string kernel_of(const Case& c, const Arch& arch);  // PTX, entry "k", parameters (in, out)
std::vector<std::uint32_t> inputs_of(const Case& c);

}  // namespace bsgen::goldens
