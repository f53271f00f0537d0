// wgmma in vectors of rows, once for every instruction set. Internal to tensor_core_{baseline,avx2,avx512}.cpp, after
// tensor_core_vector.h and under its rules.
#pragma once

#include "runtime/sim/exec/tensor_core_vector.h"
#include "runtime/sim/exec/tensor_core_wgmma.h"

namespace bsgen::sim {
namespace {

template <class V, MmaType kA, MmaType kB, AccType kAcc>
void wgmma(const FragmentLanes* a, const FragmentLanes (*b)[2], int num_groups, const MutableLanes* d, bool accumulate, const TensorCoreModel& model) {
  constexpr int kK = wgmma_depth(kA), kRegisters = kAcc == AccType::kF32 ? 4 : 2;
  alignas(64) static constexpr std::uint32_t kZeros[32] = {};
  const Lanes zeros[4] = {kZeros, kZeros, kZeros, kZeros};
  const Lanes a_lanes[4] = {a[0], a[1], a[2], a[3]};
  const int fraction_bits = fraction_bits_of(kA, model);
  Operands<V, kA, kB, kK> in;
  in.load_a(a_lanes);
  for (int j = 0; j < num_groups; ++j) {
    const Lanes b_lanes[2] = {b[j][0], b[j][1]};
    in.load_b(b_lanes);
    const MutableLanes* group = d + j * kRegisters;
    const Lanes c[4] = {group[0], group[1], group[kRegisters - 2], group[kRegisters - 1]};
    multiply<V, kA, kB, kAcc, kK, kK>(in, accumulate ? c : zeros, group, fraction_bits);
  }
}

template <class V>
WgmmaFunction make_wgmma_function(const WgmmaShape& shape) {
  using enum MmaType;
  const bool f32 = shape.acc == AccType::kF32;
  const auto is = [&](MmaType a, MmaType b) { return shape.a == a && shape.b == b; };
  if (is(kF16, kF16)) return f32 ? &wgmma<V, kF16, kF16, AccType::kF32> : &wgmma<V, kF16, kF16, AccType::kF16>;
  if (is(kE4m3, kE4m3)) return f32 ? &wgmma<V, kE4m3, kE4m3, AccType::kF32> : &wgmma<V, kE4m3, kE4m3, AccType::kF16>;
  if (is(kE4m3, kE5m2)) return f32 ? &wgmma<V, kE4m3, kE5m2, AccType::kF32> : &wgmma<V, kE4m3, kE5m2, AccType::kF16>;
  if (is(kE5m2, kE4m3)) return f32 ? &wgmma<V, kE5m2, kE4m3, AccType::kF32> : &wgmma<V, kE5m2, kE4m3, AccType::kF16>;
  if (is(kE5m2, kE5m2)) return f32 ? &wgmma<V, kE5m2, kE5m2, AccType::kF32> : &wgmma<V, kE5m2, kE5m2, AccType::kF16>;
  if (!f32) return nullptr;
  if (is(kBf16, kBf16)) return &wgmma<V, kBf16, kBf16, AccType::kF32>;
  return is(kTf32, kTf32) ? &wgmma<V, kTf32, kTf32, AccType::kF32> : nullptr;
}

}  // namespace
}  // namespace bsgen::sim
