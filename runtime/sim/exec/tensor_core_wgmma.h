// One warp's part of a wgmma.mma_async: 16 rows of D (+)= A B, over all N columns and one K step of 32 bytes of operands.
//
// The arithmetic is that of mma.sync of the same types with a whole-K sum (docs/design/tensor-core.md); what differs is that A is
// unpacked once for all columns. All instruction sets give the same bits.
#pragma once

#include "runtime/sim/exec/tensor_core.h"

namespace bsgen::sim {

struct WgmmaShape {
  MmaType a = MmaType::kBf16;
  MmaType b = MmaType::kBf16;
  AccType acc = AccType::kF32;
};
constexpr int wgmma_depth(MmaType type) { return type == MmaType::kTf32 ? 8 : type == MmaType::kE4m3 || type == MmaType::kE5m2 ? 32 : 16; }

// Registers as mma.sync has them: a[0..3] the fragment of A, b[j][0..1] the fragment of B's columns 8 j .. 8 j + 7, d[4 j ..] (f32)
// or d[2 j ..] (f16) the fragment of D there. D starts at zero unless `accumulate`.
using FragmentLanes = std::uint32_t[32];
using WgmmaFunction = void (*)(const FragmentLanes* a, const FragmentLanes (*b)[2], int num_groups, const MutableLanes* d, bool accumulate,
                               const TensorCoreModel& model);
// nullptr where the combination does not exist.
WgmmaFunction wgmma_function(const WgmmaShape& shape, Isa isa);

WgmmaFunction wgmma_function_baseline(const WgmmaShape& shape);
WgmmaFunction wgmma_function_avx2(const WgmmaShape& shape);
WgmmaFunction wgmma_function_avx512(const WgmmaShape& shape);

}  // namespace bsgen::sim
