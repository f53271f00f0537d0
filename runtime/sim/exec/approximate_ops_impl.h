// The handlers of approximate_ops.h: the body of lanes_*::find_approximate, compiled once per instruction set (lane_ops_*.cpp).
#pragma once

#include "runtime/sim/exec/approximate_ops.h"
#include "runtime/sim/exec/approx.h"
#include "runtime/sim/exec/lane_loop.h"

namespace bsgen::sim {
namespace {

#define BSGEN_SIM_APPROXIMATE(name, function)                                                  \
  template <bool kFlush>                                                                        \
  struct name {                                                                                 \
    BSGEN_SIM_INLINE static float apply(float a) { return function<kFlush>(a); }                \
  };
BSGEN_SIM_APPROXIMATE(Ex2, ex2_approx)
BSGEN_SIM_APPROXIMATE(Lg2, lg2_approx)
BSGEN_SIM_APPROXIMATE(Rcp, rcp_approx)
BSGEN_SIM_APPROXIMATE(Rsqrt, rsqrt_approx)
BSGEN_SIM_APPROXIMATE(Sqrt, sqrt_approx)
BSGEN_SIM_APPROXIMATE(Sin, sin_approx)
BSGEN_SIM_APPROXIMATE(Cos, cos_approx)
#undef BSGEN_SIM_APPROXIMATE
struct Tanh { BSGEN_SIM_INLINE static float apply(float a) { return tanh_approx(a); } };
template <bool kFlush> struct DivApprox { BSGEN_SIM_INLINE static float apply(float a, float b) { return div_approx<kFlush>(a, b); } };
template <bool kFlush> struct DivFull { BSGEN_SIM_INLINE static float apply(float a, float b) { return div_full<kFlush>(a, b); } };

template <template <bool> class F>
void approximate1(Warp& warp, const Op& op) {
  op.flags & 1 ? lanes1<F<true>, float, float>(warp, op) : lanes1<F<false>, float, float>(warp, op);
}
template <template <bool> class F>
void approximate2(Warp& warp, const Op& op) {
  op.flags & 1 ? lanes2<F<true>, float, float, float>(warp, op) : lanes2<F<false>, float, float, float>(warp, op);
}

struct Ex2F16 { BSGEN_SIM_INLINE static F16 apply(F16 a) { return {ex2_approx_f16(a.bits)}; } };
struct Ex2Bf16 { BSGEN_SIM_INLINE static Bf16 apply(Bf16 a) { return {ex2_approx_bf16(a.bits)}; } };
struct TanhF16 { BSGEN_SIM_INLINE static F16 apply(F16 a) { return {tanh_approx_f16(a.bits)}; } };
struct TanhBf16 { BSGEN_SIM_INLINE static Bf16 apply(Bf16 a) { return {tanh_approx_bf16(a.bits)}; } };
template <class F, class Half> struct Both {
  BSGEN_SIM_INLINE static std::uint32_t apply(std::uint32_t x) {
    return static_cast<std::uint32_t>(F::apply(Half{static_cast<std::uint16_t>(x >> 16)}).bits) << 16 | F::apply(Half{static_cast<std::uint16_t>(x)}).bits;
  }
};
template <class OnF16, class OnBf16>
Handler half_forms(ptx::ScalarType type) {
  using W = std::uint32_t;
  switch (type) {
    case ptx::ScalarType::kF16: return &lanes1<OnF16, F16, F16>;
    case ptx::ScalarType::kBf16: return &lanes1<OnBf16, Bf16, Bf16>;
    case ptx::ScalarType::kF16x2: return &lanes1<Both<OnF16, F16>, W, W>;
    case ptx::ScalarType::kBf16x2: return &lanes1<Both<OnBf16, Bf16>, W, W>;
    default: return nullptr;
  }
}

Handler find_approximation(Approximate function, ptx::ScalarType type) {
  if (type != ptx::ScalarType::kF32) {
    if (function == Approximate::kEx2) return half_forms<Ex2F16, Ex2Bf16>(type);
    if (function == Approximate::kTanh) return half_forms<TanhF16, TanhBf16>(type);
    return nullptr;
  }
  switch (function) {
    case Approximate::kEx2: return &approximate1<Ex2>;
    case Approximate::kLg2: return &approximate1<Lg2>;
    case Approximate::kRcp: return &approximate1<Rcp>;
    case Approximate::kRsqrt: return &approximate1<Rsqrt>;
    case Approximate::kSqrt: return &approximate1<Sqrt>;
    case Approximate::kSin: return &approximate1<Sin>;
    case Approximate::kCos: return &approximate1<Cos>;
    case Approximate::kTanh: return &lanes1<Tanh, float, float>;
    case Approximate::kDivApprox: return &approximate2<DivApprox>;
    case Approximate::kDivFull: return &approximate2<DivFull>;
  }
  return nullptr;
}

}  // namespace
}  // namespace bsgen::sim
