#include "runtime/sim/exec/tensor_core_fp8.h"

#include <algorithm>

#include "runtime/sim/exec/fp_convert.h"
#include "runtime/sim/exec/tensor_core_wgmma.h"

namespace bsgen::sim {
namespace {

using enum MmaType;

alignas(64) constexpr std::uint32_t kZeros[32] = {};

std::uint32_t widen_pair(MmaType type, std::uint32_t bytes) {
  const auto one = [&](std::uint32_t byte) {
    return type == kE4m3 ? e4m3_to_f16(static_cast<std::uint8_t>(byte)) : e5m2_to_f16(static_cast<std::uint8_t>(byte));
  };
  return one(bytes & 0xff) | std::uint32_t{one(bytes >> 8 & 0xff)} << 16;
}

// Bytes 0 and 1 of a lane make the f16 fragment's columns 2 t and 2 t + 1, bytes 2 and 3 those 8 further: which k meets which
// column does not matter within one step, as long as A and B agree.
template <MmaType kA, MmaType kB, AccType kAcc, int kK>
void by_f16(const Lanes* a, const Lanes* b, const Lanes* c, const MutableLanes* d, const TensorCoreModel& model) {
  static const MmaFunction step = mma_function({kF16, kF16, kAcc, 16}, best_isa());
  alignas(64) std::uint32_t wide_a[4][32], wide_b[2][32], sum[4][32];
  const Lanes pa[4] = {wide_a[0], wide_a[1], wide_a[2], wide_a[3]}, pb[2] = {wide_b[0], wide_b[1]};
  const MutableLanes between[4] = {sum[0], sum[1], sum[2], sum[3]};
  const Lanes between_c[4] = {sum[0], sum[1], sum[2], sum[3]};
  constexpr int kSteps = kK / 16;
  for (int s = 0; s < kSteps; ++s) {
    for (int lane = 0; lane < 32; ++lane) {
      for (int half = 0; half < 2; ++half) {
        wide_a[2 * half][lane] = widen_pair(kA, a[2 * s][lane] >> (16 * half));
        wide_a[2 * half + 1][lane] = widen_pair(kA, a[2 * s + 1][lane] >> (16 * half));
        wide_b[half][lane] = widen_pair(kB, b[s][lane] >> (16 * half));
      }
    }
    step(pa, pb, s == 0 ? c : between_c, s + 1 == kSteps ? d : between, model);
  }
}

// f16 accumulators by the wgmma function, which sums whole K; steps of 16 are two sums with zeros in the other half.
template <MmaType kA, MmaType kB>
void direct_f16(const Lanes* a, const Lanes* b, const Lanes* c, const MutableLanes* d, const TensorCoreModel& model, int k) {
  static const WgmmaFunction sum = wgmma_function({kA, kB, AccType::kF16}, best_isa());
  alignas(64) FragmentLanes fa[4] = {}, fb[1][2] = {}, result[2];
  const MutableLanes out[2] = {result[0], result[1]};
  for (int r = 0; r < 2; ++r) std::copy_n(c[r], 32, result[r]);
  const int step = model.step_fp8 < k ? model.step_fp8 : k;
  for (int k0 = 0; k0 < k; k0 += step) {
    for (int h = 0; h < 2; ++h) {
      const bool in = 16 * h >= k0 && 16 * h < k0 + step;
      std::copy_n(in ? a[2 * h] : kZeros, 32, fa[2 * h]);
      std::copy_n(in ? a[2 * h + 1] : kZeros, 32, fa[2 * h + 1]);
      std::copy_n(in ? b[h] : kZeros, 32, fb[0][h]);
    }
    sum(fa, fb, 1, out, true, model);
  }
  for (int r = 0; r < 2; ++r) std::copy_n(result[r], 32, d[r]);
}

template <MmaType kA, MmaType kB, AccType kAcc, int kK>
void fp8_mma(const Lanes* a, const Lanes* b, const Lanes* c, const MutableLanes* d, const TensorCoreModel& model) {
  if (model.fp8_mma_by_f16) return by_f16<kA, kB, kAcc, kK>(a, b, c, d, model);
  if constexpr (kAcc == AccType::kF16) {
    direct_f16<kA, kB>(a, b, c, d, model, kK);
  } else {
    static const MmaFunction whole = mma_function({kA, kB, kAcc, 32}, best_isa());
    if constexpr (kK == 32) return whole(a, b, c, d, model);
    const Lanes wide_a[4] = {a[0], a[1], kZeros, kZeros}, wide_b[2] = {b[0], kZeros};  // zero products take no part
    whole(wide_a, wide_b, c, d, model);
  }
}

template <MmaType kA, MmaType kB>
MmaFunction of_types(const MmaShape& shape) {
  const bool f32 = shape.acc == AccType::kF32;
  if (shape.k == 32) return f32 ? &fp8_mma<kA, kB, AccType::kF32, 32> : &fp8_mma<kA, kB, AccType::kF16, 32>;
  if (shape.k == 16) return f32 ? &fp8_mma<kA, kB, AccType::kF32, 16> : &fp8_mma<kA, kB, AccType::kF16, 16>;
  return nullptr;
}

}  // namespace

MmaFunction fp8_mma_function(const MmaShape& shape) {
  if (shape.a == kE4m3) return shape.b == kE4m3 ? of_types<kE4m3, kE4m3>(shape) : shape.b == kE5m2 ? of_types<kE4m3, kE5m2>(shape) : nullptr;
  if (shape.a == kE5m2) return shape.b == kE4m3 ? of_types<kE5m2, kE4m3>(shape) : shape.b == kE5m2 ? of_types<kE5m2, kE5m2>(shape) : nullptr;
  return nullptr;
}

}  // namespace bsgen::sim
