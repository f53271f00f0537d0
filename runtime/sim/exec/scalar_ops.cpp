#include "runtime/sim/exec/scalar_ops.h"

#include "runtime/sim/exec/lane_ops.h"
#include "runtime/sim/exec/scalar_float.h"
#include "runtime/sim/exec/warp.h"

namespace bsgen::sim {

void scalar_lanes(Warp& warp, const Op& op) {
  const auto apply = reinterpret_cast<ScalarFunction>(const_cast<void*>(op.function));
  const auto value = [&](int slot, int flag, int lane) { return op.flags & flag ? warp.reg64(op.slot[slot])[lane] : warp.reg32(op.slot[slot])[lane]; };
  for (int lane = 0; lane < kLanes; ++lane) {
    if (!(warp.mask >> lane & 1)) continue;
    const std::uint64_t made = apply(value(1, kLongA, lane), value(2, kLongB, lane), value(3, kLongC, lane), op.immediate);
    if (op.flags & kPredicateResult) {
      std::uint32_t& p = warp.predicate(op.slot[0]);
      p = (p & ~(1u << lane)) | static_cast<std::uint32_t>(made & 1) << lane;
    } else if (op.flags & kLongResult) {
      warp.reg64(op.slot[0])[lane] = made;
    } else {
      warp.reg32(op.slot[0])[lane] = static_cast<std::uint32_t>(made);
    }
  }
}

void compare_halves(Warp& warp, const Op& op) {
  const std::uint32_t *a = warp.reg32(op.slot[1]), *b = warp.reg32(op.slot[2]);
  const bool packed = op.immediate >> 9 & 1;
  std::uint32_t p = 0, q = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    const std::uint64_t made = scalar::compare_half(a[lane], b[lane], 0, op.immediate);
    p |= static_cast<std::uint32_t>(made & 1) << lane;
    q |= static_cast<std::uint32_t>(packed ? made >> 16 & 1 : ~made & 1) << lane;
  }
  if (const int join = op.flags & kJoinMask; join != 0) {
    std::uint32_t c = warp.predicate(op.slot[4]);
    if (op.flags & kJoinNegated) c = ~c;
    const auto with = [&](std::uint32_t x) { return join == kJoinAnd ? x & c : join == kJoinOr ? x | c : x ^ c; };
    p = with(p), q = with(q);
  }
  std::uint32_t &first = warp.predicate(op.slot[0]), &second = warp.predicate(op.slot[3]);
  second = (second & ~warp.mask) | (q & warp.mask);
  first = (first & ~warp.mask) | (p & warp.mask);
}

void join_with_predicate(Warp& warp, const Op& op) {
  reinterpret_cast<Handler>(const_cast<void*>(op.function))(warp, op);
  std::uint32_t nonzero = 0;
  for (int lane = 0; lane < kLanes; ++lane) nonzero |= static_cast<std::uint32_t>(warp.reg32(op.slot[0])[lane] != 0) << lane;
  std::uint32_t q = warp.predicate(op.slot[5]);
  if (op.flags & 2) q = ~q;
  std::uint32_t& p = warp.predicate(op.slot[4]);
  p = (p & ~warp.mask) | ((op.flags & 1 ? nonzero & q : nonzero | q) & warp.mask);
}

}  // namespace bsgen::sim
