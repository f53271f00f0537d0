// PTX's approximate functions. The hardware's tables are not public, so these are not its bits:
// each is within the error that the PTX ISA documents for the instruction, and the same on every
// machine.
//
//   float y = ex2_approx(x);          // ex2.approx.f32
//   float z = ex2_approx<kFtz>(x);    // ex2.approx.ftz.f32
//
// Computed in double by Taylor polynomials written out here and rounded once, so the error is a
// hair above half an ulp wherever the true value is representable; no libm function takes part but
// floor and sqrt, which are exact. ex2's mantissa depends on the fraction of x alone, as on
// hardware. `.ftz` flushes subnormal inputs and results to zero, sign kept. NaN results are
// canonical.
//
//   instruction          bound in the PTX ISA 8.7                                          section
//   rcp.approx           1 ulp                                                             9.7.3.13
//   sqrt.approx          2^-23 relative                                                    9.7.3.15
//   rsqrt.approx         2^-22.9 relative                                                  9.7.3.16
//   sin, cos.approx      2^-20.5 absolute in [-2 pi, 2 pi], 2^-14.7 in [-100 pi, 100 pi]   9.7.3.18, 19
//   lg2.approx           2^-22 absolute in (0.5, 2), 2^-22 relative elsewhere              9.7.3.20
//   ex2.approx           2 ulp of the correctly rounded result                             9.7.3.21
//   tanh.approx.f32      2^-11 relative                                                    9.7.3.22
//   div.approx, full     2 ulp; approx with a divisor in [2^-126, 2^126]                   9.7.3.8
//   tanh.approx.f16      2^-10.987 absolute; .bf16: 2^-8                                   9.7.4.9
//   ex2.approx.f16       2^-9.9 relative; .ftz.bf16: 2^-7                                  9.7.4.10
#pragma once

#include "runtime/sim/exec/fp_convert.h"

namespace bsgen::sim {

inline constexpr bool kFtz = true;

namespace approx_detail {

BSGEN_SIM_INLINE float flush(float x) {
  const std::uint32_t u = bits_of(x);
  return f32_of((u & 0x7f800000u) == 0 ? u & 0x80000000u : u);
}
template <bool kFlush>
BSGEN_SIM_INLINE float input(float x) {
  return kFlush ? flush(x) : x;
}
template <bool kFlush>
BSGEN_SIM_INLINE float output(double x) {
  const float y = static_cast<float>(x);
  const float flushed = kFlush ? flush(y) : y;
  return y != y ? f32_of(kNanF32) : flushed;
}

// 2^n for -1022 <= n <= 1023, n integral.
BSGEN_SIM_INLINE double power_of_two(double n) {
  // In a double between 2^52 and 2^53 the integer lies in the low bits.
  const std::uint64_t biased = std::bit_cast<std::uint64_t>(n + (0x1p52 + 1023.0));
  return std::bit_cast<double>(biased << 52);
}

// 2^x for |x| <= 1000: Taylor series of 2^f around f = 1/2, remainder below 2^-36.
BSGEN_SIM_INLINE double exp2(double x) {
  const double n = std::floor(x);
  const double f = x - n - 0.5;
  constexpr double kLn2 = 0.693147180559945309417;
  constexpr double c1 = kLn2, c2 = c1 * kLn2 / 2, c3 = c2 * kLn2 / 3, c4 = c3 * kLn2 / 4,
                   c5 = c4 * kLn2 / 5, c6 = c5 * kLn2 / 6, c7 = c6 * kLn2 / 7, c8 = c7 * kLn2 / 8,
                   c9 = c8 * kLn2 / 9;
  const double series =
      1 + f * (c1 +
               f * (c2 + f * (c3 + f * (c4 + f * (c5 + f * (c6 + f * (c7 + f * (c8 + f * c9))))))));
  constexpr double kSqrt2 = 1.41421356237309504880;
  return series * kSqrt2 * power_of_two(n);
}

// log2(x) for positive finite x (a float, so normal as a double): 2 / ln 2 * atanh(s), s = (m - 1)
// / (m + 1), |s| < 0.172.
BSGEN_SIM_INLINE double log2(double x) {
  const std::uint64_t u = std::bit_cast<std::uint64_t>(x);
  constexpr std::uint64_t kMantissa = (std::uint64_t{1} << 52) - 1, kHalfSqrt2 = 0x6a09e667f3bcd;
  const bool upper = (u & kMantissa) > kHalfSqrt2;  // mantissa above sqrt(2): take half of it
  const double m =
      std::bit_cast<double>((u & kMantissa) | (upper ? 0x3fe0000000000000 : 0x3ff0000000000000));
  const std::uint64_t field = (u >> 52) + (upper ? 1 : 0);
  const double e = std::bit_cast<double>(field | 0x4330000000000000) - (0x1p52 + 1023.0);
  const double s = (m - 1) / (m + 1), t = s * s;
  const double series =
      1 + t * (1. / 3 + t * (1. / 5 + t * (1. / 7 + t * (1. / 9 + t * (1. / 11 + t * (1. / 13))))));
  constexpr double kTwoOverLn2 = 2.88539008177792681472;
  return e + kTwoOverLn2 * s * series;
}

// sin(pi / 2 * turns) for any finite number of quarter turns; Taylor series on [-pi/4, pi/4],
// remainder below 2^-36.
BSGEN_SIM_INLINE double sin_quarters(double quarters) {
  const double k = std::floor(quarters + 0.5);
  const double phase = k - 4 * std::floor(k * 0.25);  // 0, 1, 2 or 3
  constexpr double kHalfPi = 1.57079632679489661923;
  const double x = (quarters - k) * kHalfPi, t = x * x;
  const double sine =
      x * (1 + t * (-1. / 6 +
                    t * (1. / 120 + t * (-1. / 5040 + t * (1. / 362880 + t * (-1. / 39916800))))));
  const double cosine =
      1 + t * (-1. / 2 +
               t * (1. / 24 + t * (-1. / 720 +
                                   t * (1. / 40320 + t * (-1. / 3628800 + t * (1. / 479001600))))));
  const double value = ((phase == 1) | (phase == 3)) ? cosine : sine;
  return phase >= 2 ? -value : value;
}

}  // namespace approx_detail

template <bool kFlush = false>
BSGEN_SIM_INLINE float rcp_approx(float x) {
  namespace d = approx_detail;
  return d::output<kFlush>(1.0 / static_cast<double>(d::input<kFlush>(x)));
}

// The sign of a zero is carried over by its bit: -0 gives -0, and -infinity from rsqrt.
template <bool kFlush = false>
BSGEN_SIM_INLINE float sqrt_approx(float x) {
  namespace d = approx_detail;
  const float in = d::input<kFlush>(x);
  const float root = d::output<kFlush>(std::sqrt(std::fabs(static_cast<double>(in))));
  return in >= 0 ? f32_of(bits_of(root) | (bits_of(in) & 0x80000000u)) : f32_of(kNanF32);
}

template <bool kFlush = false>
BSGEN_SIM_INLINE float rsqrt_approx(float x) {
  namespace d = approx_detail;
  const float in = d::input<kFlush>(x);
  const float root = d::output<kFlush>(1.0 / std::sqrt(std::fabs(static_cast<double>(in))));
  return in >= 0 ? f32_of(bits_of(root) | (bits_of(in) & 0x80000000u)) : f32_of(kNanF32);
}

template <bool kFlush = false>
BSGEN_SIM_INLINE float ex2_approx(float x) {
  namespace d = approx_detail;
  const float in = d::input<kFlush>(x);
  const float low = in > -200.f ? in : -200.f;  // both comparisons are false for a NaN
  const float clamped = low < 200.f ? low : 200.f;
  const float y = d::output<kFlush>(d::exp2(clamped));
  return in != in ? f32_of(kNanF32) : y;
}

template <bool kFlush = false>
BSGEN_SIM_INLINE float lg2_approx(float x) {
  namespace d = approx_detail;
  const float in = d::input<kFlush>(x);
  const bool ordinary = in > 0 && in < std::numeric_limits<float>::infinity();
  const float y = d::output<kFlush>(d::log2(ordinary ? in : 1.f));
  const float other = in == 0  ? -std::numeric_limits<float>::infinity()
                      : in > 0 ? in                // infinity
                               : f32_of(kNanF32);  // negative or NaN
  return ordinary ? y : other;
}

template <bool kFlush = false>
BSGEN_SIM_INLINE float sin_approx(float x) {
  namespace d = approx_detail;
  const float in = d::input<kFlush>(x);
  constexpr double kTwoOverPi = 0.636619772367581343076;
  const bool finite = in - in == 0;
  const float y = d::output<kFlush>(d::sin_quarters((finite ? in : 0.f) * kTwoOverPi));
  return finite ? y : f32_of(kNanF32);
}

template <bool kFlush = false>
BSGEN_SIM_INLINE float cos_approx(float x) {
  namespace d = approx_detail;
  const float in = d::input<kFlush>(x);
  constexpr double kTwoOverPi = 0.636619772367581343076;
  const bool finite = in - in == 0;
  const float y = d::output<kFlush>(d::sin_quarters((finite ? in : 0.f) * kTwoOverPi + 1));
  return finite ? y : f32_of(kNanF32);
}

// Subnormal numbers are supported; there is no .ftz form.
BSGEN_SIM_INLINE float tanh_approx(float x) {
  namespace d = approx_detail;
  const float magnitude = f32_of(bits_of(x) & 0x7fffffffu);
  const double v = magnitude < 20.f ? magnitude : 20.f;  // 20 for a NaN
  constexpr double kMinusTwoLog2E = -2.88539008177792681472;
  const double e = d::exp2(v * kMinusTwoLog2E), t = v * v;
  const double near =
      v * (1 + t * (-1. / 3 + t * (2. / 15 + t * (-17. / 315))));  // no cancellation near 0
  const double y = v < 0x1p-6 ? near : (1 - e) / (1 + e);
  const float result = f32_of(bits_of(static_cast<float>(y)) | (bits_of(x) & 0x80000000u));
  return x != x ? f32_of(kNanF32) : result;
}

// a * (1 / b); beyond 2^126 the reciprocal is subnormal and counts as zero, so infinity / b is NaN
// there (PTX ISA, div).
template <bool kFlush = false>
BSGEN_SIM_INLINE float div_approx(float a, float b) {
  namespace d = approx_detail;
  const double divisor = d::input<kFlush>(b);
  const bool beyond = divisor > 0x1p126 || divisor < -0x1p126;
  const double reciprocal = beyond ? (divisor < 0 ? -0.0 : 0.0) : 1.0 / divisor;
  return d::output<kFlush>(d::input<kFlush>(a) * reciprocal);
}
template <bool kFlush = false>
BSGEN_SIM_INLINE float div_full(float a, float b) {
  namespace d = approx_detail;
  return d::output<kFlush>(static_cast<double>(d::input<kFlush>(a)) /
                           static_cast<double>(d::input<kFlush>(b)));
}

// 16-bit forms: ex2.approx.f16, ex2.approx.ftz.bf16, tanh.approx.{f16,bf16}.
BSGEN_SIM_INLINE std::uint16_t ex2_approx_f16(std::uint16_t x) {
  return f32_to_f16(ex2_approx(f16_to_f32(x)));
}
BSGEN_SIM_INLINE std::uint16_t ex2_approx_bf16(std::uint16_t x) {
  return f32_to_bf16(ex2_approx<kFtz>(bf16_to_f32(x)));
}
BSGEN_SIM_INLINE std::uint16_t tanh_approx_f16(std::uint16_t x) {
  return f32_to_f16(tanh_approx(f16_to_f32(x)));
}
BSGEN_SIM_INLINE std::uint16_t tanh_approx_bf16(std::uint16_t x) {
  return f32_to_bf16(tanh_approx(bf16_to_f32(x)));
}

}  // namespace bsgen::sim
