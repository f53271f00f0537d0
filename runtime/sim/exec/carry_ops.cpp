#include "runtime/sim/exec/carry_ops.h"

#include <type_traits>

#include "runtime/sim/exec/warp.h"

namespace bsgen::sim {
namespace {

using Wide = unsigned __int128;

template <class T, CarryOp kOp>
void carry(Warp& warp, const Op& op) {
  using U = std::make_unsigned_t<T>;
  const auto lanes = [&](int slot) { return reinterpret_cast<U*>(warp.registers + op.slot[slot]); };
  U* const d = lanes(0);
  const U *a = lanes(1), *b = lanes(2), *c = lanes(3);
  const std::uint32_t in = op.flags & kCarryIn ? warp.predicate(op.slot[4]) : 0;
  std::uint32_t out = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    if (!(warp.mask >> lane & 1)) continue;
    const bool before = in >> lane & 1;
    Wide sum;
    if constexpr (kOp == CarryOp::kAdd) {
      sum = Wide{a[lane]} + b[lane] + before;
    } else if constexpr (kOp == CarryOp::kSub) {
      sum = Wide{a[lane]} - b[lane] - before;  // the carry out is the borrow
    } else {
      using Full = std::conditional_t<std::is_signed_v<T>, __int128, Wide>;
      const Full product = static_cast<Full>(static_cast<T>(a[lane])) * static_cast<Full>(static_cast<T>(b[lane]));
      const U part = static_cast<U>(kOp == CarryOp::kMadLo ? product : product >> (8 * sizeof(T)));
      sum = Wide{part} + c[lane] + before;
    }
    d[lane] = static_cast<U>(sum);
    out |= static_cast<std::uint32_t>(sum >> (8 * sizeof(T)) & 1) << lane;
  }
  if (op.flags & kCarryOut) {
    std::uint32_t& flag = warp.predicate(op.slot[5]);
    flag = (flag & ~warp.mask) | out;
  }
}

template <class T>
Handler of_type(CarryOp op) {
  switch (op) {
    case CarryOp::kAdd: return &carry<T, CarryOp::kAdd>;
    case CarryOp::kSub: return &carry<T, CarryOp::kSub>;
    case CarryOp::kMadLo: return &carry<T, CarryOp::kMadLo>;
    case CarryOp::kMadHi: return &carry<T, CarryOp::kMadHi>;
  }
  return nullptr;
}

}  // namespace

Handler carry_handler(CarryOp op, ptx::ScalarType type) {
  switch (type) {
    case ptx::ScalarType::kU32: return of_type<std::uint32_t>(op);
    case ptx::ScalarType::kS32: return of_type<std::int32_t>(op);
    case ptx::ScalarType::kU64: return of_type<std::uint64_t>(op);
    case ptx::ScalarType::kS64: return of_type<std::int64_t>(op);
    default: return nullptr;
  }
}

}  // namespace bsgen::sim
