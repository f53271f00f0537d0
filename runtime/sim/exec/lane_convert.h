// cvt between types that needs no rounding mode but "to nearest": integers to integers, widening floats, integers to f32 and back
// with .rzi/.rni/.rmi/.rpi, f32 to f16, bf16 and tf32 (PTX ISA, "cvt"). Modes come in Op::flags.
#pragma once

#include "runtime/sim/exec/lane_loop.h"

namespace bsgen::sim {
namespace {

template <class D, class A>
struct IntToInt {
  BSGEN_SIM_INLINE static D apply(A a) { return static_cast<D>(a); }
};
// .sat clamps to the range of the destination.
template <class D, class A>
void clamp_int(Warp& warp, const Op& op) {
  const auto* a = reinterpret_cast<const Cell<A>*>(warp.registers + op.slot[1]);
  auto* d = reinterpret_cast<Cell<D>*>(warp.registers + op.slot[0]);
  constexpr __int128 kLow = std::numeric_limits<D>::min(), kHigh = std::numeric_limits<D>::max();
  for (int lane = 0; lane < kLanes; ++lane) {
    if (!(warp.mask >> lane & 1)) continue;
    const __int128 value = get<A>(a, lane);
    put<D>(d, lane, static_cast<D>(value < kLow ? kLow : value > kHigh ? kHigh : value));
  }
}
template <class D, class A>
void int_to_int(Warp& warp, const Op& op) {
  if (op.flags & kConvertSat) return clamp_int<D, A>(warp, op);
  lanes1<IntToInt<D, A>, D, A>(warp, op);
}

template <class D, class A>
void float_to_integer(Warp& warp, const Op& op) {
  const auto* a = reinterpret_cast<const Cell<A>*>(warp.registers + op.slot[1]);
  auto* d = reinterpret_cast<Cell<D>*>(warp.registers + op.slot[0]);
  const auto round = static_cast<Round>(op.flags & kRoundMask);
  for (int lane = 0; lane < kLanes; ++lane) {
    if (!(warp.mask >> lane & 1)) continue;
    A value = get<A>(a, lane);
    if constexpr (sizeof(A) == 4) {
      if ((op.flags & kConvertFtz) && (bits_of(value) & 0x7f800000u) == 0) value = f32_of(bits_of(value) & 0x80000000u);
    }
    put<D>(d, lane, float_to_int<D>(value, round));
  }
}
template <class D>
void half_to_integer(Warp& warp, const Op& op, float (*widen)(std::uint16_t)) {
  const std::uint32_t* a = warp.reg32(op.slot[1]);
  auto* d = reinterpret_cast<Cell<D>*>(warp.registers + op.slot[0]);
  for (int lane = 0; lane < kLanes; ++lane)
    if (warp.mask >> lane & 1) put<D>(d, lane, float_to_int<D>(widen(static_cast<std::uint16_t>(a[lane])), static_cast<Round>(op.flags & kRoundMask)));
}

template <class A>
void integer_to_f32(Warp& warp, const Op& op) {
  const auto* a = reinterpret_cast<const Cell<A>*>(warp.registers + op.slot[1]);
  std::uint32_t* d = warp.reg32(op.slot[0]);
  const auto round = static_cast<Round>(op.flags & kRoundMask);
  for (int lane = 0; lane < kLanes; ++lane) {
    if (!(warp.mask >> lane & 1)) continue;
    const A value = get<A>(a, lane);
    const float made = round == Round::kNearest ? static_cast<float>(value)
                       : std::is_signed_v<A>    ? s64_to_f32(static_cast<std::int64_t>(value), round)
                                                : u64_to_f32(static_cast<std::uint64_t>(value), round);
    d[lane] = bits_of(op.flags & kConvertSat ? saturate(made) : made);
  }
}
template <class A>
void integer_to_f64(Warp& warp, const Op& op) {
  const auto* a = reinterpret_cast<const Cell<A>*>(warp.registers + op.slot[1]);
  std::uint64_t* d = warp.reg64(op.slot[0]);
  for (int lane = 0; lane < kLanes; ++lane)
    if (warp.mask >> lane & 1) d[lane] = __builtin_bit_cast(std::uint64_t, static_cast<double>(get<A>(a, lane)));
}
// Every integer up to 64 bits rounds once: a double holds 53 bits, so the larger ones go by way of the odd neighbour.
template <class A, bool kBf16>
void integer_to_half(Warp& warp, const Op& op) {
  const auto* a = reinterpret_cast<const Cell<A>*>(warp.registers + op.slot[1]);
  std::uint32_t* d = warp.reg32(op.slot[0]);
  for (int lane = 0; lane < kLanes; ++lane) {
    if (!(warp.mask >> lane & 1)) continue;
    const A value = get<A>(a, lane);
    const bool negative = std::is_signed_v<A> && value < A{0};
    std::uint64_t magnitude = negative ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
    if (magnitude >> 53) magnitude = (magnitude & ~std::uint64_t{0xfff}) | ((magnitude & 0xfff) != 0 ? 0x1000 : 0);
    const double wide = negative ? -static_cast<double>(magnitude) : static_cast<double>(magnitude);
    d[lane] = round_to_format(wide, kBf16 ? kBf16Format : kF16Format, static_cast<Round>(op.flags & kRoundMask));
  }
}

// f32 -> f32: .sat, .ftz, or rounding to an integral value.
void f32_to_f32(Warp& warp, const Op& op) {
  const std::uint32_t* a = warp.reg32(op.slot[1]);
  std::uint32_t* d = warp.reg32(op.slot[0]);
  for (int lane = 0; lane < kLanes; ++lane) {
    if (!(warp.mask >> lane & 1)) continue;
    float value = f32_of(a[lane]);
    if ((op.flags & kConvertFtz) && (a[lane] & 0x7f800000u) == 0) value = f32_of(a[lane] & 0x80000000u);
    if (op.immediate != 0) value = round_to_integral(value, static_cast<Round>(op.flags & kRoundMask));
    if (value != value) value = f32_of(kNanF32);
    d[lane] = bits_of(op.flags & kConvertSat ? saturate(value) : value);
  }
}
void f64_to_f32(Warp& warp, const Op& op) {
  const std::uint64_t* a = warp.reg64(op.slot[1]);
  std::uint32_t* d = warp.reg32(op.slot[0]);
  for (int lane = 0; lane < kLanes; ++lane) {
    if (!(warp.mask >> lane & 1)) continue;
    float value = f64_to_f32(__builtin_bit_cast(double, a[lane]), static_cast<Round>(op.flags & kRoundMask));
    if ((op.flags & kConvertFtz) && (bits_of(value) & 0x7f800000u) == 0) value = f32_of(bits_of(value) & 0x80000000u);
    d[lane] = bits_of(op.flags & kConvertSat ? saturate(value) : value);
  }
}
void f32_to_f64(Warp& warp, const Op& op) {
  const std::uint32_t* a = warp.reg32(op.slot[1]);
  std::uint64_t* d = warp.reg64(op.slot[0]);
  for (int lane = 0; lane < kLanes; ++lane) {
    if (!(warp.mask >> lane & 1)) continue;
    const float value = f32_of(a[lane]);
    d[lane] = value != value ? 0x7fffffffffffffffull : __builtin_bit_cast(std::uint64_t, static_cast<double>(value));
  }
}

struct ToF16 { BSGEN_SIM_INLINE static std::uint32_t apply(float a) { return f32_to_f16(a); } };
struct ToBf16 { BSGEN_SIM_INLINE static std::uint32_t apply(float a) { return f32_to_bf16(a); } };
struct ToTf32 { BSGEN_SIM_INLINE static std::uint32_t apply(float a) { return f32_to_tf32(a); } };
struct FromF16 { BSGEN_SIM_INLINE static float apply(F16 a) { const float f = f16_to_f32(a.bits); return f != f ? f32_of(kNanF32) : f; } };
struct FromBf16 { BSGEN_SIM_INLINE static float apply(Bf16 a) { const float f = bf16_to_f32(a.bits); return f != f ? f32_of(kNanF32) : f; } };

template <bool kBf16>
BSGEN_SIM_INLINE std::uint32_t narrow(float value, std::uint8_t flags) {
  if (flags & kConvertFtz && (bits_of(value) & 0x7f800000u) == 0) value = f32_of(bits_of(value) & 0x80000000u);
  if (flags & kConvertRelu) value = relu(value);
  const auto round = static_cast<Round>(flags & kRoundMask);
  const std::uint16_t made = kBf16 ? f32_to_bf16(value, round) : f32_to_f16(value, round);
  if (flags & kConvertSat) return kBf16 ? saturate_bf16(made) : saturate_f16(made);
  constexpr std::uint16_t kTop = kBf16 ? 0x7f80 : 0x7c00;
  if ((flags & kConvertSatFinite) && (made & 0x7fff) == kTop) return (made & 0x8000) | (kTop - 1);
  return made;
}
template <bool kBf16>
void f32_to_half(Warp& warp, const Op& op) {
  if (op.flags == 0) return kBf16 ? lanes1<ToBf16, std::uint32_t, float>(warp, op) : lanes1<ToF16, std::uint32_t, float>(warp, op);
  const std::uint32_t* a = warp.reg32(op.slot[1]);
  std::uint32_t* d = warp.reg32(op.slot[0]);
  for (int lane = 0; lane < kLanes; ++lane)
    if (warp.mask >> lane & 1) d[lane] = narrow<kBf16>(f32_of(a[lane]), op.flags);
}
// cvt.rn.bf16x2.f32 d, a, b: a goes to the upper half.
struct PackBf16 { BSGEN_SIM_INLINE static std::uint32_t apply(float a, float b) { return static_cast<std::uint32_t>(f32_to_bf16(a)) << 16 | f32_to_bf16(b); } };
struct PackF16 { BSGEN_SIM_INLINE static std::uint32_t apply(float a, float b) { return static_cast<std::uint32_t>(f32_to_f16(a)) << 16 | f32_to_f16(b); } };
template <bool kBf16>
void f32_to_half2(Warp& warp, const Op& op) {
  if (op.flags == 0) return kBf16 ? lanes2<PackBf16, std::uint32_t, float, float>(warp, op) : lanes2<PackF16, std::uint32_t, float, float>(warp, op);
  const std::uint32_t *a = warp.reg32(op.slot[1]), *b = warp.reg32(op.slot[2]);
  std::uint32_t* d = warp.reg32(op.slot[0]);
  for (int lane = 0; lane < kLanes; ++lane)
    if (warp.mask >> lane & 1) d[lane] = narrow<kBf16>(f32_of(a[lane]), op.flags) << 16 | narrow<kBf16>(f32_of(b[lane]), op.flags);
}
void f32_to_tf32(Warp& warp, const Op& op) {
  if (op.flags == static_cast<std::uint8_t>(Round::kNearestAway)) return lanes1<ToTf32, std::uint32_t, float>(warp, op);
  const std::uint32_t* a = warp.reg32(op.slot[1]);
  std::uint32_t* d = warp.reg32(op.slot[0]);
  for (int lane = 0; lane < kLanes; ++lane) {
    if (!(warp.mask >> lane & 1)) continue;
    const float value = op.flags & kConvertRelu ? relu(f32_of(a[lane])) : f32_of(a[lane]);
    d[lane] = f32_to_tf32(value, static_cast<Round>(op.flags & kRoundMask), op.flags & kConvertSatFinite);
  }
}
template <bool kBf16>
void f64_to_half(Warp& warp, const Op& op) {
  const std::uint64_t* a = warp.reg64(op.slot[1]);
  std::uint32_t* d = warp.reg32(op.slot[0]);
  for (int lane = 0; lane < kLanes; ++lane)
    if (warp.mask >> lane & 1) d[lane] = kBf16 ? f64_to_bf16(__builtin_bit_cast(double, a[lane])) : f64_to_f16(__builtin_bit_cast(double, a[lane]));
}
// f16 -> f16 and bf16 -> bf16: rounding to an integral value.
template <bool kBf16>
void half_to_half(Warp& warp, const Op& op) {
  const std::uint32_t* a = warp.reg32(op.slot[1]);
  std::uint32_t* d = warp.reg32(op.slot[0]);
  for (int lane = 0; lane < kLanes; ++lane) {
    if (!(warp.mask >> lane & 1)) continue;
    const auto half = static_cast<std::uint16_t>(a[lane]);
    const float value = round_to_integral(kBf16 ? bf16_to_f32(half) : f16_to_f32(half), static_cast<Round>(op.flags & kRoundMask));
    d[lane] = op.immediate == 0 ? half : kBf16 ? f32_to_bf16(value) : f32_to_f16(value);
  }
}

}  // namespace
}  // namespace bsgen::sim
