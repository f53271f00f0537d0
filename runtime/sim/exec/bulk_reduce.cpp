// The arithmetic of cp.reduce.async.bulk and red.async.
#include <cmath>
#include <cstring>
#include <type_traits>

#include "runtime/sim/exec/bulk_copy_ops.h"
#include "runtime/sim/exec/fp_convert.h"
#include "runtime/sim/exec/wrapping_sum.h"

namespace bsgen::sim {
namespace {

using ptx::ScalarType;

struct F16 { std::uint16_t bits; };
struct Bf16 { std::uint16_t bits; };
// cp.reduce.async.bulk.add.f32 flushes subnormal operands and results to zero of their sign (PTX ISA).
struct Flushed { float value; };
float flushed(float x) { return std::abs(x) < 0x1p-126f ? std::copysign(0.0f, x) : x; }

float widen(F16 x) { return f16_to_f32(x.bits); }
float widen(Bf16 x) { return bf16_to_f32(x.bits); }

template <class T, BulkReduction kReduction>
T combine(T a, T b) {
  if constexpr (std::is_same_v<T, F16> || std::is_same_v<T, Bf16>) {
    if constexpr (kReduction == BulkReduction::kMin) return widen(b) < widen(a) ? b : a;
    else if constexpr (kReduction == BulkReduction::kMax) return widen(b) > widen(a) ? b : a;
    else if constexpr (std::is_same_v<T, F16>) return {add_f16(a.bits, b.bits)};
    else return {add_bf16(a.bits, b.bits)};
  } else if constexpr (std::is_same_v<T, Flushed>) {
    return {flushed(flushed(a.value) + flushed(b.value))};
  } else {
    switch (kReduction) {
      case BulkReduction::kAdd: return wrapping_sum(a, b);
      case BulkReduction::kMin: return b < a ? b : a;
      case BulkReduction::kMax: return b > a ? b : a;
      case BulkReduction::kInc: return a >= b ? T{0} : static_cast<T>(a + 1);
      case BulkReduction::kDec: return a == 0 || a > b ? b : static_cast<T>(a - 1);
      default: break;
    }
    if constexpr (std::is_integral_v<T>) {
      if constexpr (kReduction == BulkReduction::kAnd) return a & b;
      if constexpr (kReduction == BulkReduction::kOr) return a | b;
      if constexpr (kReduction == BulkReduction::kXor) return a ^ b;
    }
    return a;
  }
}

template <class T, BulkReduction kReduction>
void reduce(std::byte* to, const std::byte* from, std::size_t bytes) {
  for (std::size_t at = 0; at + sizeof(T) <= bytes; at += sizeof(T)) {
    T a, b;
    std::memcpy(&a, to + at, sizeof(T));
    std::memcpy(&b, from + at, sizeof(T));
    a = combine<T, kReduction>(a, b);
    std::memcpy(to + at, &a, sizeof(T));
  }
}

template <class T>
ReduceFunction of_order(BulkReduction reduction) {
  switch (reduction) {
    case BulkReduction::kAdd: return &reduce<T, BulkReduction::kAdd>;
    case BulkReduction::kMin: return &reduce<T, BulkReduction::kMin>;
    case BulkReduction::kMax: return &reduce<T, BulkReduction::kMax>;
    default: return nullptr;
  }
}
template <class T>
ReduceFunction of_bits(BulkReduction reduction) {
  switch (reduction) {
    case BulkReduction::kAnd: return &reduce<T, BulkReduction::kAnd>;
    case BulkReduction::kOr: return &reduce<T, BulkReduction::kOr>;
    case BulkReduction::kXor: return &reduce<T, BulkReduction::kXor>;
    default: return nullptr;
  }
}

}  // namespace

ReduceFunction reduce_function(BulkReduction reduction, ScalarType type, bool flush) {
  switch (type) {
    case ScalarType::kU32:
      if (reduction == BulkReduction::kInc) return &reduce<std::uint32_t, BulkReduction::kInc>;
      if (reduction == BulkReduction::kDec) return &reduce<std::uint32_t, BulkReduction::kDec>;
      return of_order<std::uint32_t>(reduction);
    case ScalarType::kS32: return of_order<std::int32_t>(reduction);
    case ScalarType::kU64: return of_order<std::uint64_t>(reduction);
    case ScalarType::kS64: return reduction == BulkReduction::kAdd ? nullptr : of_order<std::int64_t>(reduction);  // sums are .u64
    case ScalarType::kB32: return of_bits<std::uint32_t>(reduction);
    case ScalarType::kB64: return of_bits<std::uint64_t>(reduction);
    case ScalarType::kF16: return of_order<F16>(reduction);
    case ScalarType::kBf16: return of_order<Bf16>(reduction);
    case ScalarType::kF32: return reduction != BulkReduction::kAdd ? nullptr : flush ? &reduce<Flushed, BulkReduction::kAdd> : &reduce<float, BulkReduction::kAdd>;
    case ScalarType::kF64: return reduction == BulkReduction::kAdd ? &reduce<double, BulkReduction::kAdd> : nullptr;
    default: return nullptr;
  }
}

}  // namespace bsgen::sim
