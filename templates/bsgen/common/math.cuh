// The functions of the epilogue language (docs/reference/epilogue.md).
//
// kFast = false: at most 4 ulp of fp32 over the whole range, subnormal results included. IEEE operations and explicit fused
// multiply-adds only, so every device, simulated or not, gives the same bits.
// kFast = true: within 2^-13 of the value (2^-140 near zero), for 16-bit outputs; the special function unit's instructions.
// Coefficients are minimax fits of our own, tests/unit/epilogue/math.cpp holds both bounds to dense sweeps.
#pragma once

#include <bsgen/ptx/approx.cuh>

namespace bsgen::dev {

__device__ __forceinline__ float fma(float a, float b, float c) { return __fmaf_rn(a, b, c); }

// NaN if either is NaN; of two equal values (+0 and -0) the second.
template <bool kFast>
__device__ __forceinline__ float min(float a, float b) { return a < b || a != a ? a : b; }
template <bool kFast>
__device__ __forceinline__ float max(float a, float b) { return a > b || a != a ? a : b; }
// The sign bit cleared, of a NaN too.
template <bool kFast>
__device__ __forceinline__ float abs(float x) { return __int_as_float(__float_as_int(x) & 0x7fffffff); }
// NaN stays NaN, -0 stays -0.
template <bool kFast>
__device__ __forceinline__ float relu(float x) { return x < 0.0f ? 0.0f : x; }

namespace math {

constexpr float kLog2E = 0x1.715476p+0f;

__device__ __forceinline__ float magnitude(float x) { return __int_as_float(__float_as_int(x) & 0x7fffffff); }
__device__ __forceinline__ float clamp_below(float x, float low) { return x < low ? low : x; }   // NaN stays
__device__ __forceinline__ float clamp_above(float x, float high) { return x > high ? high : x; }  // NaN stays

// value * 2^exponent, |exponent| < 252: in two exact steps but for the last rounding, which may overflow or go subnormal.
__device__ __forceinline__ float scale(float value, int exponent) {
  const int half = exponent >> 1;
  return value * __int_as_float((half + 127) << 23) * __int_as_float((exponent - half + 127) << 23);
}

// e^(high + low) = (1 + excess) 2^exponent with excess in [-0.30, 0.42], for |high| < 170. A polynomial of degree 6 on
// [-ln2 / 2, ln2 / 2], 2^-28 relative. The 1 is left out so that a product with it is one fused multiply-add.
struct Exponential {
  float excess;
  int exponent;
  __device__ __forceinline__ float times(float a) const { return fma(a, excess, a); }  // but for the power of two
};
__device__ __forceinline__ Exponential exponential(float high, float low) {
  constexpr float kRound = 12582912.0f;  // 1.5 x 2^23: adding it leaves the nearest integer in the low bits
  const float shifted = fma(high, kLog2E, kRound);
  const float n = shifted - kRound;
  float r = fma(n, -0x1.62e43p-1f, high);  // ln 2 in two parts
  r = fma(n, 0x1.05c61p-29f, r) + low;
  float q = 0x1.6a2384p-10f;
  q = fma(q, r, 0x1.123a6ap-7f);
  q = fma(q, r, 0x1.5558f4p-5f);
  q = fma(q, r, 0x1.555490p-3f);
  q = fma(q, r, 0x1.fffffcp-2f);
  return {fma(q * r, r, r), __float_as_int(shifted) - __float_as_int(kRound)};
}

// x / (1 + e^-|t|) for t >= 0, else x e^-|t| / (1 + e^-|t|): x sigmoid(t), where t = -(high + low) below zero. The power of two is
// applied last, so that the tail keeps its relative accuracy down to the subnormals.
__device__ __forceinline__ float times_sigmoid(float x, bool negative, float high, float low) {
  const Exponential e = exponential(high, low);  // e^-|t|
  const float denominator = 1.0f + scale(e.times(1.0f), e.exponent);
  return negative ? scale(e.times(x) / denominator, e.exponent) : x / denominator;
}

// t -> e^(t^2 / 2) (1 - Phi(t)) (t + 3) on t >= 0, as a polynomial in q = (t - 3) / (t + 3); Phi is the normal distribution.
__device__ __forceinline__ float scaled_tail(float q) {
  float y = 0x1.c91610p-15f;
  y = fma(y, q, 0x1.136b50p-13f);
  y = fma(y, q, -0x1.009e24p-12f);
  y = fma(y, q, -0x1.0eaed4p-10f);
  y = fma(y, q, 0x1.0ca210p-10f);
  y = fma(y, q, 0x1.c8bda4p-8f);
  y = fma(y, q, -0x1.56d5ecp-7f);
  y = fma(y, q, -0x1.832d0ap-5f);
  y = fma(y, q, 0x1.d71386p-3f);
  y = fma(y, q, -0x1.04c72ap-1f);
  return fma(y, q, 0x1.754a76p-1f);
}
__device__ __forceinline__ float scaled_tail_fast(float q) {
  float y = 0x1.46f58ep-8f;
  y = fma(y, q, -0x1.403ac8p-7f);
  y = fma(y, q, -0x1.7bd1cap-5f);
  y = fma(y, q, 0x1.d6be54p-3f);
  y = fma(y, q, -0x1.04d324p-1f);
  return fma(y, q, 0x1.754b66p-1f);
}

}  // namespace math

template <bool kFast>
__device__ __forceinline__ float exp(float x) {
  if constexpr (kFast) return ptx::ex2_approx(x * math::kLog2E);
  const math::Exponential e = math::exponential(math::clamp_above(math::clamp_below(x, -106.0f), 90.0f), 0.0f);
  return x != x ? x : math::scale(e.times(1.0f), e.exponent);
}

// Below 0.55 an odd polynomial, above 1 - 2 / (e^2|x| + 1).
template <bool kFast>
__device__ __forceinline__ float tanh(float x) {
  const float t = math::magnitude(x);
  const float z = t * t;
  float small, large;
  if constexpr (kFast) {
    small = fma(fma(fma(-0x1.61125cp-5f, z, 0x1.0d5c36p-3f), z, -0x1.553e36p-2f) * z, t, t);
    large = fma(-2.0f, ptx::rcp_approx_ftz(1.0f + ptx::ex2_approx(t * (2 * math::kLog2E))), 1.0f);
  } else {
    float p = -0x1.9b3024p-8f;
    p = fma(p, z, 0x1.593d02p-6f);
    p = fma(p, z, -0x1.b9287ap-5f);
    p = fma(p, z, 0x1.110d26p-3f);
    p = fma(p, z, -0x1.55554ap-2f);
    small = fma(p * z, t, t);
    const math::Exponential e = math::exponential(2.0f * math::clamp_above(t, 10.0f), 0.0f);
    large = 1.0f - 2.0f / (math::scale(e.times(1.0f), e.exponent) + 1.0f);
  }
  const float y = t < 0.55f ? small : large;
  return x != x ? x : __int_as_float(__float_as_int(y) | (__float_as_int(x) & 0x80000000));
}

template <bool kFast>
__device__ __forceinline__ float sigmoid(float x) {
  if constexpr (kFast) {
    const float e = ptx::ex2_approx(math::magnitude(x) * -math::kLog2E);
    return (x < 0.0f ? e : 1.0f) * ptx::rcp_approx_ftz(1.0f + e);
  }
  const float y = math::times_sigmoid(1.0f, x < 0.0f, -math::clamp_above(math::magnitude(x), 120.0f), 0.0f);
  return x != x ? x : y;
}

// x sigmoid(x); -0 at -infinity.
template <bool kFast>
__device__ __forceinline__ float silu(float x) {
  const float c = math::clamp_below(x, -150.0f);
  if constexpr (kFast) {
    const float e = ptx::ex2_approx(math::magnitude(c) * -math::kLog2E);
    return c * ((c < 0.0f ? e : 1.0f) * ptx::rcp_approx_ftz(1.0f + e));
  }
  const float y = math::times_sigmoid(c, x < 0.0f, -math::clamp_above(math::magnitude(c), 150.0f), 0.0f);
  return x != x ? x : y;
}

// x Phi(x) = x (1 + erf(x / sqrt 2)) / 2; -0 at -infinity.
template <bool kFast>
__device__ __forceinline__ float gelu(float x) {
  const float c = math::clamp_below(x, -16.0f);
  if constexpr (kFast) {
    const float t = math::magnitude(c);
    const float r = ptx::rcp_approx_ftz(t + 3.0f);
    const float tail = ptx::ex2_approx(t * t * -0x1.715476p-1f) * (math::scaled_tail_fast(fma(-6.0f, r, 1.0f)) * r);
    return c * (c < 0.0f ? tail : 1.0f - tail);
  }
  const float t = math::clamp_above(math::magnitude(c), 16.0f);
  // 1 / (t + 3) = r + r_low: the rounding of the sum and of the quotient would cost 2 ulp.
  const float d = t + 3.0f, d_low = t - (d - 3.0f);
  const float r = 1.0f / d;
  const float r_low = r * fma(-r, d_low, fma(-r, d, 1.0f));
  const float tail = math::scaled_tail(fma(-6.0f, r_low, fma(-6.0f, r, 1.0f)));
  const float weight = fma(tail, r, tail * r_low);
  const float square = t * t;
  const math::Exponential e = math::exponential(-0.5f * square, -0.5f * fma(t, t, -square));
  const float y = x < 0.0f ? math::scale(e.times(c * weight), e.exponent) : x * (1.0f - math::scale(e.times(weight), e.exponent));
  return x != x ? x : y;
}

// x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 = x sigmoid(x (c1 + c3 x^2)); -0 at -infinity.
template <bool kFast>
__device__ __forceinline__ float gelu_tanh(float x) {
  const float c = math::clamp_below(x, -12.0f);
  const float t = math::magnitude(c);
  if constexpr (kFast) {
    const float e = ptx::ex2_approx(t * fma(t * t, -0x1.a5a7dp-4f, -0x1.26aec2p+1f));  // c1, c3 times log2(e)
    return c * ((c < 0.0f ? e : 1.0f) * ptx::rcp_approx_ftz(1.0f + e));
  }
  // The exponent in two floats: its absolute error is the relative error of the tail.
  constexpr float kC1 = 0x1.988454p+0f, kC1Low = -0x1.857936p-25f, kC3 = 0x1.2444f2p-4f, kC3Low = 0x1.49b16ap-29f;
  const float s = math::clamp_above(t, 12.0f);
  const float square = s * s, square_low = fma(s, s, -square);
  const float cubic = kC3 * square;
  const float cubic_low = fma(kC3, square, -cubic) + fma(kC3, square_low, kC3Low * square);
  const float sum = kC1 + cubic;
  const float part = sum - kC1;
  const float sum_low = (kC1 - (sum - part)) + (cubic - part) + (kC1Low + cubic_low);
  const float high = sum * s, low = fma(sum, s, -high) + sum_low * s;
  const float y = math::times_sigmoid(c, x < 0.0f, -high, -low);
  return x != x ? x : y;
}

}  // namespace bsgen::dev
