// Which handler executes an operation for a type: the body of lanes_*::find, compiled once per instruction set.
#pragma once

#include "runtime/sim/exec/lane_convert.h"
#include "runtime/sim/exec/lane_float.h"
#include "runtime/sim/exec/lane_integer.h"

namespace bsgen::sim {
namespace {

using ptx::ScalarType;

template <class T, class F>
Handler binary() { return &lanes2<F, T, T, T>; }
template <class T, class F>
Handler unary() { return &lanes1<F, T, T>; }
template <class T, class F>
Handler ternary() { return &lanes3<F, T, T, T, T>; }

template <class T>
Handler compare_int(LaneOp op) {
  switch (op) {
    case LaneOp::kEq: return &compare<Eq, T>;
    case LaneOp::kNe: return &compare<Ne, T>;
    case LaneOp::kLt: return &compare<Lt, T>;
    case LaneOp::kLe: return &compare<Le, T>;
    case LaneOp::kGt: return &compare<Gt, T>;
    case LaneOp::kGe: return &compare<Ge, T>;
    default: return nullptr;
  }
}

template <class T>
Handler bits(LaneOp op) {
  using S = std::uint32_t;
  switch (op) {
    case LaneOp::kAnd: return binary<T, BitAnd>();
    case LaneOp::kOr: return binary<T, BitOr>();
    case LaneOp::kXor: return binary<T, BitXor>();
    case LaneOp::kNot: return unary<T, BitNot>();
    case LaneOp::kCnot: return unary<T, BitCnot>();
    case LaneOp::kMov: return unary<T, BitMov>();
    case LaneOp::kSelp: return &select<T>;
    case LaneOp::kShl: return &lanes2<BitShl, T, T, S>;
    case LaneOp::kShr: return &lanes2<BitShr, T, T, S>;
    case LaneOp::kEq:
    case LaneOp::kNe: return compare_int<T>(op);
    default: break;
  }
  if constexpr (sizeof(T) >= 4) {
    switch (op) {
      case LaneOp::kPopc: return &lanes1<BitPopc, S, T>;
      case LaneOp::kClz: return &lanes1<BitClz, S, T>;
      case LaneOp::kBrev: return unary<T, BitBrev>();
      case LaneOp::kBfi: return &bfi<T>;
      default: break;
    }
  }
  if constexpr (sizeof(T) == 4) {
    switch (op) {
      case LaneOp::kShfLeftWrap: return ternary<T, BitShf<true, true>>();
      case LaneOp::kShfLeftClamp: return ternary<T, BitShf<true, false>>();
      case LaneOp::kShfRightWrap: return ternary<T, BitShf<false, true>>();
      case LaneOp::kShfRightClamp: return ternary<T, BitShf<false, false>>();
      case LaneOp::kPrmt: return ternary<T, BitPrmt>();
      case LaneOp::kLop3: return &lop3;
      case LaneOp::kDp4aUU: return ternary<T, BitDp4a<std::uint8_t, std::uint8_t>>();
      case LaneOp::kDp4aUS: return ternary<T, BitDp4a<std::uint8_t, std::int8_t>>();
      case LaneOp::kDp4aSU: return ternary<T, BitDp4a<std::int8_t, std::uint8_t>>();
      case LaneOp::kDp4aSS: return ternary<T, BitDp4a<std::int8_t, std::int8_t>>();
      default: break;
    }
  }
  return nullptr;
}

template <class T>
Handler integer(LaneOp op) {
  switch (op) {
    case LaneOp::kAdd: return binary<T, IntAdd>();
    case LaneOp::kSub: return binary<T, IntSub>();
    case LaneOp::kMulLo: return binary<T, IntMulLo>();
    case LaneOp::kMulHi: return binary<T, IntMulHi>();
    case LaneOp::kMadLo: return ternary<T, IntMadLo>();
    case LaneOp::kMadHi: return ternary<T, IntMadHi>();
    case LaneOp::kDiv: return binary<T, IntDiv>();
    case LaneOp::kRem: return binary<T, IntRem>();
    case LaneOp::kMin: return binary<T, IntMin>();
    case LaneOp::kMax: return binary<T, IntMax>();
    case LaneOp::kSad: return ternary<T, IntSad>();
    case LaneOp::kShr: return &lanes2<BitShr, T, T, std::uint32_t>;
    case LaneOp::kMov: return unary<T, BitMov>();
    case LaneOp::kSelp: return &select<T>;
    default: break;
  }
  if constexpr (std::is_signed_v<T>) {
    if (op == LaneOp::kAbs) return unary<T, IntAbs>();
    if (op == LaneOp::kNeg) return unary<T, IntNeg>();
  }
  if constexpr (sizeof(T) < 8) {
    if (op == LaneOp::kMulWide) return &lanes2<IntMulWide, Wide<T>, T, T>;
    if (op == LaneOp::kMadWide) return &lanes3<IntMadWide, Wide<T>, T, T, Wide<T>>;
  }
  if constexpr (sizeof(T) >= 4) {
    if (op == LaneOp::kBfe) return &lanes3<BitBfe, T, T, std::uint32_t, std::uint32_t>;
    if (op == LaneOp::kBfind) return &lanes1<BitBfind<false>, std::uint32_t, T>;
    if (op == LaneOp::kBfindShift) return &lanes1<BitBfind<true>, std::uint32_t, T>;
  }
  if constexpr (sizeof(T) == 4) {
    if (op == LaneOp::kMul24) return binary<T, IntMul24>();
  }
  if constexpr (sizeof(T) == 4 && std::is_signed_v<T>) {
    if (op == LaneOp::kAddSat) return &lanes2<IntAddSat, T, T, T>;
    if (op == LaneOp::kSubSat) return &lanes2<IntSubSat, T, T, T>;
    if (op == LaneOp::kMinRelu) return binary<T, IntMinRelu>();
    if (op == LaneOp::kMaxRelu) return binary<T, IntMaxRelu>();
  }
  return compare_int<T>(op);
}

template <class T, bool kFtz>
Handler compare_float(LaneOp op) {
  switch (op) {
    case LaneOp::kEq: return &compare<Flushed<kFtz, Eq>, T>;
    case LaneOp::kNe: return &compare<Flushed<kFtz, OrderedNe>, T>;
    case LaneOp::kLt: return &compare<Flushed<kFtz, Lt>, T>;
    case LaneOp::kLe: return &compare<Flushed<kFtz, Le>, T>;
    case LaneOp::kGt: return &compare<Flushed<kFtz, Gt>, T>;
    case LaneOp::kGe: return &compare<Flushed<kFtz, Ge>, T>;
    case LaneOp::kEqu: return &compare<Flushed<kFtz, Unordered<Eq>>, T>;
    case LaneOp::kNeu: return &compare<Flushed<kFtz, Unordered<Ne>>, T>;
    case LaneOp::kLtu: return &compare<Flushed<kFtz, Unordered<Lt>>, T>;
    case LaneOp::kLeu: return &compare<Flushed<kFtz, Unordered<Le>>, T>;
    case LaneOp::kGtu: return &compare<Flushed<kFtz, Unordered<Gt>>, T>;
    case LaneOp::kGeu: return &compare<Flushed<kFtz, Unordered<Ge>>, T>;
    case LaneOp::kNum: return &compare<IsNum, T>;
    case LaneOp::kNan: return &compare<IsNan, T>;
    default: return nullptr;
  }
}

template <class T, bool kFtz>
Handler floating(LaneOp op) {
  switch (op) {
    case LaneOp::kAdd: return binary<T, FloatAdd<kFtz>>();
    case LaneOp::kSub: return binary<T, FloatSub<kFtz>>();
    case LaneOp::kMulLo: return binary<T, FloatMul<kFtz>>();
    case LaneOp::kFma: return ternary<T, FloatFma<kFtz>>();
    case LaneOp::kDiv: return binary<T, FloatDiv<kFtz>>();
    case LaneOp::kRcp: return unary<T, FloatRcp<kFtz>>();
    case LaneOp::kSqrt: return unary<T, FloatSqrt<kFtz>>();
    case LaneOp::kNeg: return unary<T, FloatNeg<kFtz>>();
    case LaneOp::kAbs: return unary<T, FloatAbs<kFtz>>();
    case LaneOp::kMin: return binary<T, FloatMinMax<false, kFtz, false>>();
    case LaneOp::kMax: return binary<T, FloatMinMax<true, kFtz, false>>();
    case LaneOp::kMinNan: return binary<T, FloatMinMax<false, kFtz, true>>();
    case LaneOp::kMaxNan: return binary<T, FloatMinMax<true, kFtz, true>>();
    case LaneOp::kCopysign: return binary<T, FloatCopysign>();
    case LaneOp::kMov: return unary<Cell<T>, BitMov>();
    case LaneOp::kSelp: return &select<Cell<T>>;
    default: break;
  }
  if constexpr (sizeof(T) == 4) {
    switch (op) {
      case LaneOp::kAddSat: return binary<T, Saturated<FloatAdd<kFtz>>>();
      case LaneOp::kSubSat: return binary<T, Saturated<FloatSub<kFtz>>>();
      case LaneOp::kMulSat: return binary<T, Saturated<FloatMul<kFtz>>>();
      case LaneOp::kFmaSat: return ternary<T, Saturated<FloatFma<kFtz>>>();
      default: break;
    }
  }
  return compare_float<T, kFtz>(op);
}

template <class F, class H, bool kPacked>
Handler half2() {
  if constexpr (kPacked) return &lanes2<Packed<F, H>, std::uint32_t, std::uint32_t, std::uint32_t>;
  else return &lanes2<F, H, H, H>;
}
template <class F, class H, bool kPacked>
Handler half3() {
  if constexpr (kPacked) return &lanes3<Packed<F, H>, std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t>;
  else return &lanes3<F, H, H, H, H>;
}
template <class F, class H, bool kPacked>
Handler half1() {
  if constexpr (kPacked) return &lanes1<Packed<F, H>, std::uint32_t, std::uint32_t>;
  else return &lanes1<F, H, H>;
}

template <class H, bool kPacked>
Handler half(LaneOp op) {
  switch (op) {
    case LaneOp::kAdd: return half2<HalfAdd, H, kPacked>();
    case LaneOp::kSub: return half2<HalfSub, H, kPacked>();
    case LaneOp::kMulLo: return half2<HalfMul, H, kPacked>();
    case LaneOp::kAddSat: return half2<HalfSat<HalfAdd>, H, kPacked>();
    case LaneOp::kSubSat: return half2<HalfSat<HalfSub>, H, kPacked>();
    case LaneOp::kMulSat: return half2<HalfSat<HalfMul>, H, kPacked>();
    case LaneOp::kFma: return half3<HalfFma, H, kPacked>();
    case LaneOp::kFmaSat: return half3<HalfSat<HalfFma>, H, kPacked>();
    case LaneOp::kFmaRelu: return half3<HalfRelu<HalfFma>, H, kPacked>();
    case LaneOp::kMin: return half2<HalfMinMax<false, false>, H, kPacked>();
    case LaneOp::kMax: return half2<HalfMinMax<true, false>, H, kPacked>();
    case LaneOp::kMinNan: return half2<HalfMinMax<false, true>, H, kPacked>();
    case LaneOp::kMaxNan: return half2<HalfMinMax<true, true>, H, kPacked>();
    case LaneOp::kNeg: return half1<HalfNeg, H, kPacked>();
    case LaneOp::kAbs: return half1<HalfAbs, H, kPacked>();
    default: break;
  }
  if constexpr (!kPacked) {
    switch (op) {
      case LaneOp::kEq: return &compare<Widened<Eq>, H>;
      case LaneOp::kNe: return &compare<Widened<OrderedNe>, H>;
      case LaneOp::kLt: return &compare<Widened<Lt>, H>;
      case LaneOp::kLe: return &compare<Widened<Le>, H>;
      case LaneOp::kGt: return &compare<Widened<Gt>, H>;
      case LaneOp::kGe: return &compare<Widened<Ge>, H>;
      case LaneOp::kEqu: return &compare<Widened<Unordered<Eq>>, H>;
      case LaneOp::kNeu: return &compare<Widened<Unordered<Ne>>, H>;
      case LaneOp::kLtu: return &compare<Widened<Unordered<Lt>>, H>;
      case LaneOp::kLeu: return &compare<Widened<Unordered<Le>>, H>;
      case LaneOp::kGtu: return &compare<Widened<Unordered<Gt>>, H>;
      case LaneOp::kGeu: return &compare<Widened<Unordered<Ge>>, H>;
      case LaneOp::kNum: return &compare<Widened<IsNum>, H>;
      case LaneOp::kNan: return &compare<Widened<IsNan>, H>;
      default: break;
    }
  }
  return nullptr;
}

Handler predicate(LaneOp op) {
  switch (op) {
    case LaneOp::kAnd: return &predicate2<BitAnd>;
    case LaneOp::kOr: return &predicate2<BitOr>;
    case LaneOp::kXor: return &predicate2<BitXor>;
    case LaneOp::kNot: return &predicate1<BitNot>;
    case LaneOp::kMov: return &predicate1<BitMov>;
    default: return nullptr;
  }
}

Handler find_handler(LaneOp op, ScalarType type, bool ftz) {
  switch (type) {
    case ScalarType::kPred: return predicate(op);
    case ScalarType::kB16: return bits<std::uint16_t>(op);
    case ScalarType::kB32: return bits<std::uint32_t>(op);
    case ScalarType::kB64: return bits<std::uint64_t>(op);
    case ScalarType::kU16: return integer<std::uint16_t>(op);
    case ScalarType::kU32:
      if (op >= LaneOp::kDp4aUU && op <= LaneOp::kDp4aSS) return bits<std::uint32_t>(op);
      return integer<std::uint32_t>(op);
    case ScalarType::kU64: return integer<std::uint64_t>(op);
    case ScalarType::kS16: return integer<std::int16_t>(op);
    case ScalarType::kS32: return integer<std::int32_t>(op);
    case ScalarType::kS64: return integer<std::int64_t>(op);
    case ScalarType::kF32: return ftz ? floating<float, true>(op) : floating<float, false>(op);
    case ScalarType::kF64: return floating<double, false>(op);
    case ScalarType::kF16: return half<F16, false>(op);
    case ScalarType::kBf16: return half<Bf16, false>(op);
    case ScalarType::kF16x2: return half<F16, true>(op);
    case ScalarType::kBf16x2: return half<Bf16, true>(op);
    default: return nullptr;
  }
}

template <class A>
Handler from_integer(ScalarType to) {
  switch (to) {
    case ScalarType::kU8: return &int_to_int<std::uint8_t, A>;
    case ScalarType::kU16: return &int_to_int<std::uint16_t, A>;
    case ScalarType::kU32: return &int_to_int<std::uint32_t, A>;
    case ScalarType::kU64: return &int_to_int<std::uint64_t, A>;
    case ScalarType::kS8: return &int_to_int<std::int8_t, A>;
    case ScalarType::kS16: return &int_to_int<std::int16_t, A>;
    case ScalarType::kS32: return &int_to_int<std::int32_t, A>;
    case ScalarType::kS64: return &int_to_int<std::int64_t, A>;
    case ScalarType::kF32: return &integer_to_f32<A>;
    case ScalarType::kF64: return &integer_to_f64<A>;
    case ScalarType::kF16: return &integer_to_half<A, false>;
    case ScalarType::kBf16: return &integer_to_half<A, true>;
    default: return nullptr;
  }
}
template <class A>
Handler to_integer(ScalarType to) {
  switch (to) {
    case ScalarType::kU8: return &float_to_integer<std::uint8_t, A>;
    case ScalarType::kU16: return &float_to_integer<std::uint16_t, A>;
    case ScalarType::kU32: return &float_to_integer<std::uint32_t, A>;
    case ScalarType::kU64: return &float_to_integer<std::uint64_t, A>;
    case ScalarType::kS8: return &float_to_integer<std::int8_t, A>;
    case ScalarType::kS16: return &float_to_integer<std::int16_t, A>;
    case ScalarType::kS32: return &float_to_integer<std::int32_t, A>;
    case ScalarType::kS64: return &float_to_integer<std::int64_t, A>;
    default: return nullptr;
  }
}
float widen_f16(std::uint16_t x) { return f16_to_f32(x); }
float widen_bf16(std::uint16_t x) { return bf16_to_f32(x); }
template <class D, bool kBf16>
void half_to_int(Warp& warp, const Op& op) { half_to_integer<D>(warp, op, kBf16 ? &widen_bf16 : &widen_f16); }
template <bool kBf16>
Handler from_half(ScalarType to) {
  switch (to) {
    case ScalarType::kU8: return &half_to_int<std::uint8_t, kBf16>;
    case ScalarType::kU16: return &half_to_int<std::uint16_t, kBf16>;
    case ScalarType::kU32: return &half_to_int<std::uint32_t, kBf16>;
    case ScalarType::kU64: return &half_to_int<std::uint64_t, kBf16>;
    case ScalarType::kS8: return &half_to_int<std::int8_t, kBf16>;
    case ScalarType::kS16: return &half_to_int<std::int16_t, kBf16>;
    case ScalarType::kS32: return &half_to_int<std::int32_t, kBf16>;
    case ScalarType::kS64: return &half_to_int<std::int64_t, kBf16>;
    case ScalarType::kF32:
      if constexpr (kBf16) return &lanes1<FromBf16, float, Bf16>;
      else return &lanes1<FromF16, float, F16>;
    case ScalarType::kF16: return kBf16 ? nullptr : &half_to_half<false>;
    case ScalarType::kBf16: return kBf16 ? &half_to_half<true> : nullptr;
    default: return nullptr;
  }
}

Handler find_conversion(ScalarType to, ScalarType from) {
  switch (from) {
    case ScalarType::kU8: return from_integer<std::uint8_t>(to);
    case ScalarType::kU16: return from_integer<std::uint16_t>(to);
    case ScalarType::kU32: return from_integer<std::uint32_t>(to);
    case ScalarType::kU64: return from_integer<std::uint64_t>(to);
    case ScalarType::kS8: return from_integer<std::int8_t>(to);
    case ScalarType::kS16: return from_integer<std::int16_t>(to);
    case ScalarType::kS32: return from_integer<std::int32_t>(to);
    case ScalarType::kS64: return from_integer<std::int64_t>(to);
    case ScalarType::kF16: return from_half<false>(to);
    case ScalarType::kBf16: return from_half<true>(to);
    case ScalarType::kF32:
      if (to == ScalarType::kF32) return &f32_to_f32;
      if (to == ScalarType::kF64) return &f32_to_f64;
      if (to == ScalarType::kF16) return &f32_to_half<false>;
      if (to == ScalarType::kBf16) return &f32_to_half<true>;
      if (to == ScalarType::kF16x2) return &f32_to_half2<false>;
      if (to == ScalarType::kBf16x2) return &f32_to_half2<true>;
      if (to == ScalarType::kTf32) return &f32_to_tf32;
      return to_integer<float>(to);
    case ScalarType::kF64:
      if (to == ScalarType::kF32) return &f64_to_f32;
      if (to == ScalarType::kF16) return &f64_to_half<false>;
      if (to == ScalarType::kBf16) return &f64_to_half<true>;
      return to_integer<double>(to);
    default: return nullptr;
  }
}

}  // namespace
}  // namespace bsgen::sim
