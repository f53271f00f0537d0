// The tensor core's arithmetic, bit for bit (docs/design/tensor-core.md has the model and what
// backs it).
//
// A register operand is 32 lanes x 32 bits, as the warp register file holds it; fragment ownership
// per the PTX ISA section "Matrix multiply-accumulate operation using mma instruction". All
// functions are pure and thread-safe.
#pragma once

#include <cstdint>
#include <string_view>

#include "bsgen/dtype.h"

namespace bsgen::sim {

enum class MmaType : std::uint8_t { kF16, kBf16, kTf32, kE4m3, kE5m2 };
enum class AccType : std::uint8_t { kF32, kF16 };

// mma.sync.aligned.m16n8kK.row.col.<acc>.<a>.<b>.<acc>, K = 4, 8, 16 or 32 as the type allows.
struct MmaShape {
  MmaType a = MmaType::kBf16;
  MmaType b = MmaType::kBf16;
  AccType acc = AccType::kF32;
  int k = 16;
};

// How an architecture adds up one step: fraction bits kept when addends are aligned, and
// contraction elements per inner step.
struct TensorCoreModel {
  int fraction_bits = 24;
  int step_16bit = 8;  // elements of one fused sum for f16 and bf16
  int step_tf32 = 4;
  int step_fp8 = 16;
  int fraction_bits_fp8 = 13;
  bool confirmed = false;  // recorded hardware results back it
  bool fp8_mma_by_f16 = false;  // mma.sync with fp8 operands is f16 mma (tensor_core_fp8.h)
};
TensorCoreModel tensor_core_model(const Arch& arch);

using Lanes = const std::uint32_t*;  // 32 of them
using MutableLanes = std::uint32_t*;

// Which instruction set executes it; all give the same bits. The best one is chosen once; tests
// force each.
enum class Isa : std::uint8_t { kBaseline, kAvx2, kAvx512 };
Isa best_isa();
bool isa_available(Isa isa);
std::string_view name(Isa isa);

// d = a b + c. a, b, c, d point to the fragment's registers (k16 16-bit: 4, 2, 4, 4; k8: 2, 1, 4,
// 4; tf32 k8: 4, 2, 4, 4; f16 accumulators: 2). d may alias c.
using MmaFunction = void (*)(const Lanes* a, const Lanes* b, const Lanes* c, const MutableLanes* d,
                             const TensorCoreModel& model);
// nullptr where the combination does not exist.
MmaFunction mma_function(const MmaShape& shape, Isa isa);

// One fused sum as the hardware does it: c + sum a[i] b[i], i < k <= 32, every value given as the
// float32 that equals it. For tests against recordings.
float dot_step(MmaType type, AccType acc, const float* a, const float* b, int k, float c,
               int fraction_bits);

}  // namespace bsgen::sim
