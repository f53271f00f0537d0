#include "runtime/sim/exec/rounded_ops.h"

#include <cfenv>
#include <cmath>

#include "runtime/sim/exec/fp_convert.h"
#include "runtime/sim/exec/warp.h"

namespace bsgen::sim {
namespace {

// volatile keeps the operation between the two changes of the rounding mode.
template <class T, LaneOp kOp>
T compute(T a, T b, T c) {
  const volatile T x = a, y = b, z = c;
  volatile T result;
  switch (kOp) {
    case LaneOp::kAdd: result = x + y; break;
    case LaneOp::kSub: result = x - y; break;
    case LaneOp::kMulLo: result = x * y; break;
    case LaneOp::kDiv: result = x / y; break;
    case LaneOp::kRcp: result = T{1} / x; break;
    case LaneOp::kSqrt: result = std::sqrt(x); break;
    default: result = std::fma(x, y, z); break;
  }
  return result;
}

float flush_subnormal(float x) { return (bits_of(x) & 0x7f800000u) == 0 ? f32_of(bits_of(x) & 0x80000000u) : x; }
double flush_subnormal(double x) { return x; }

template <class T, LaneOp kOp>
void rounded(Warp& warp, const Op& op) {
  constexpr int kModes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD};
  constexpr int kOperands = kOp == LaneOp::kFma ? 3 : kOp == LaneOp::kRcp || kOp == LaneOp::kSqrt ? 1 : 2;
  const auto value = [&](int slot, int lane) {
    const T x = slot <= kOperands ? reinterpret_cast<const T*>(warp.registers + op.slot[slot])[lane] : T{0};
    return op.flags & 8 ? flush_subnormal(x) : x;
  };
  T* d = reinterpret_cast<T*>(warp.registers + op.slot[0]);
  std::fesetround(kModes[op.flags & 3]);
  for (int lane = 0; lane < kLanes; ++lane) {
    if (!(warp.mask >> lane & 1)) continue;
    T result = compute<T, kOp>(value(1, lane), value(2, lane), value(3, lane));
    if (op.flags & 8) result = flush_subnormal(result);
    d[lane] = result;
    if constexpr (sizeof(T) == 4) {
      std::uint32_t& bits = warp.reg32(op.slot[0])[lane];
      if (is_nan_bits(bits)) bits = kNanF32;
      if (op.flags & 16) bits = bits_of(saturate(f32_of(bits)));
    } else {
      std::uint64_t& bits = warp.reg64(op.slot[0])[lane];
      if ((bits & ~(std::uint64_t{1} << 63)) > (std::uint64_t{0x7ff} << 52)) bits = 0x7fffffffffffffffull;
    }
  }
  std::fesetround(FE_TONEAREST);
}

template <class T>
Handler find(LaneOp op) {
  switch (op) {
    case LaneOp::kAdd: return &rounded<T, LaneOp::kAdd>;
    case LaneOp::kSub: return &rounded<T, LaneOp::kSub>;
    case LaneOp::kMulLo: return &rounded<T, LaneOp::kMulLo>;
    case LaneOp::kDiv: return &rounded<T, LaneOp::kDiv>;
    case LaneOp::kRcp: return &rounded<T, LaneOp::kRcp>;
    case LaneOp::kSqrt: return &rounded<T, LaneOp::kSqrt>;
    case LaneOp::kFma: return &rounded<T, LaneOp::kFma>;
    default: return nullptr;
  }
}

}  // namespace

Handler rounded_handler(LaneOp op, ptx::ScalarType type) {
  return type == ptx::ScalarType::kF32 ? find<float>(op) : type == ptx::ScalarType::kF64 ? find<double>(op) : nullptr;
}

}  // namespace bsgen::sim
