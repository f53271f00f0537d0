// atom and red on global and shared memory, that of other ctas included. Lanes take part in order, and a launch that has them on global memory runs its ctas in order
// (Program::ordered_ctas), so a result never depends on the number of threads.
#include "runtime/sim/exec/atomic_ops.h"

#include <fmt/format.h>

#include "runtime/sim/check/atomic_checks.h"
#include "runtime/sim/check/global_checks.h"
#include "runtime/sim/check/proxy_checks.h"
#include "runtime/sim/exec/access.h"
#include "runtime/sim/exec/cluster_ops.h"
#include "runtime/sim/exec/fp_convert.h"
#include "runtime/sim/exec/memory_ops.h"
#include "runtime/sim/exec/shared_footprint.h"
#include "runtime/sim/exec/wrapping_sum.h"

namespace bsgen::sim {
namespace {

using ptx::ScalarType;

template <class T, AtomicOp kOp>
T combine(T old, T b, T c) {
  switch (kOp) {
    case AtomicOp::kAdd: return wrapping_sum(old, b);
    case AtomicOp::kMin: return b < old ? b : old;
    case AtomicOp::kMax: return b > old ? b : old;
    case AtomicOp::kInc: return old >= b ? T{0} : static_cast<T>(old + 1);
    case AtomicOp::kDec: return old == 0 || old > b ? b : static_cast<T>(old - 1);
    case AtomicOp::kExch: return b;
    case AtomicOp::kCas: return old == b ? c : old;
    default: break;
  }
  if constexpr (std::is_integral_v<T>) {
    if constexpr (kOp == AtomicOp::kAnd) return old & b;
    if constexpr (kOp == AtomicOp::kOr) return old | b;
    if constexpr (kOp == AtomicOp::kXor) return old ^ b;
  }
  return old;
}

struct F16Pair { std::uint32_t bits; };
struct Bf16Pair { std::uint32_t bits; };
struct F16One { std::uint16_t bits; };
struct Bf16One { std::uint16_t bits; };
template <class T, AtomicOp kOp>
  requires requires(T t) { t.bits; }
T combine(T old, T b, T) {
  if constexpr (std::is_same_v<T, F16One>) return {add_f16(old.bits, b.bits)};
  if constexpr (std::is_same_v<T, Bf16One>) return {add_bf16(old.bits, b.bits)};
  const auto low = [](std::uint32_t x) { return static_cast<std::uint16_t>(x); };
  const auto high = [](std::uint32_t x) { return static_cast<std::uint16_t>(x >> 16); };
  if constexpr (std::is_same_v<T, F16Pair>)
    return {std::uint32_t{add_f16(high(old.bits), high(b.bits))} << 16 | add_f16(low(old.bits), low(b.bits))};
  else if constexpr (std::is_same_v<T, Bf16Pair>)
    return {std::uint32_t{add_bf16(high(old.bits), high(b.bits))} << 16 | add_bf16(low(old.bits), low(b.bits))};
}

// Two registers of 64 bits each, in Program::extra: result, then b, then c.
struct Quad {
  std::uint64_t low, high;
  bool operator==(const Quad&) const = default;
};
std::uint64_t* half_of(const Warp& warp, const Op& op, std::uint32_t which) { return warp.reg64(warp.cta->launch->program->extra[op.extra + which]); }

enum Role : int { kResult = 0, kB = 2, kC = 3 };  // slots
template <class T>
T lane_value(const Warp& warp, const Op& op, Role role, int lane) {
  T value;
  if constexpr (std::is_same_v<T, Quad>) {
    const std::uint32_t first = role == kB ? 2 : 4;
    value = {half_of(warp, op, first)[lane], half_of(warp, op, first + 1)[lane]};
  } else {
    std::memcpy(&value, warp.registers + op.slot[role] + lane * (sizeof(T) == 8 ? 8 : 4), sizeof(T));
  }
  return value;
}
template <class T>
void set_result(Warp& warp, const Op& op, int lane, T value) {
  if constexpr (std::is_same_v<T, Quad>) {
    half_of(warp, op, 0)[lane] = value.low;
    half_of(warp, op, 1)[lane] = value.high;
  } else {
    std::byte* const to = warp.registers + op.slot[kResult] + lane * (sizeof(T) == 8 ? 8 : 4);
    std::memset(to, 0, sizeof(T) == 8 ? 8 : 4);
    std::memcpy(to, &value, sizeof(T));
  }
}

// f32 sums in global memory lose subnormal operands and results, in shared memory they keep them (PTX ISA, "atom").
float flushed(float x) { return (bits_of(x) & 0x7f800000u) == 0 ? f32_of(bits_of(x) & 0x80000000u) : x; }

template <class T, AtomicOp kOp>
void apply(Warp& warp, const Op& op, std::byte* host, int lane, bool shared) {
  T old;
  std::memcpy(&old, host, sizeof(T));
  const T b = lane_value<T>(warp, op, kB, lane);
  T made;
  if constexpr (std::is_same_v<T, Quad>)
    made = kOp == AtomicOp::kExch ? b : old == b ? lane_value<T>(warp, op, kC, lane) : old;
  else
    made = combine<T, kOp>(old, b, lane_value<T>(warp, op, kC, lane));
  if constexpr (std::is_same_v<T, float>)
    if (!shared) made = flushed(combine<T, kOp>(flushed(old), flushed(b), T{}));
  std::memcpy(host, &made, sizeof(T));
  set_result(warp, op, lane, old);
}

template <class T, AtomicOp kOp>
void atomic_lanes(Warp& warp, const Op& op, LaneAddresses& addresses, std::uint32_t mask, bool shared) {
  for (std::uint32_t rest = mask; rest != 0;) {
    Piece piece;
    if (shared) {
      piece = shared_piece(warp, op, addresses, sizeof(T), Access::kWrite, rest);
      rest = 0;
      count_shared(warp, op, addresses, sizeof(T), piece.mask);
      for (std::uint32_t lanes = piece.mask; lanes != 0; lanes &= lanes - 1) {
        const int lane = std::countr_zero(lanes);
        check_shared_atomic(warp, op, warp.cta->rank, static_cast<std::uint32_t>(addresses.of[lane]), sizeof(T), lane);
      }
    } else {
      piece = next_global_piece(warp, op, addresses, sizeof(T), Access::kWrite, rest);
      const std::uint64_t bytes = sector_bytes(addresses, piece.mask);
      OpCounts& counts = counts_of(warp, op);
      counts.requested_bytes += static_cast<std::uint64_t>(std::popcount(piece.mask)) * sizeof(T);
      counts.global_read_bytes += bytes;
      counts.global_write_bytes += bytes;
      check_global(warp, op, piece, addresses, sizeof(T), GlobalAccess::kAtomic);
    }
    if (kOp != AtomicOp::kExch) check_valid(warp, op, piece, addresses, sizeof(T), shared ? "shared" : "global");
    for (std::uint32_t lanes = piece.mask; lanes != 0; lanes &= lanes - 1) {
      const int lane = std::countr_zero(lanes);
      const std::uint64_t offset = addresses.of[lane] - piece.base;
      apply<T, kOp>(warp, op, piece.host + offset, lane, shared);
      if (piece.valid != nullptr) std::memset(piece.valid + offset, 0xff, sizeof(T));
    }
  }
}

// In the shared memory of whichever cta of the cluster an address names.
template <class T, AtomicOp kOp>
void cluster_lanes(Warp& warp, const Op& op, const LaneAddresses& addresses, std::uint32_t mask) {
  for (; mask != 0; mask &= mask - 1) {
    const int lane = std::countr_zero(mask);
    const auto place = shared_place(warp, op, addresses.of[lane], sizeof(T), sizeof(T), lane, "writes");
    if (!place) continue;
    check_shared_atomic(warp, op, place->cta->rank, place->offset, sizeof(T), lane);
    std::uint8_t* const valid = place->cta->shared_valid.data() + place->offset;
    if (kOp != AtomicOp::kExch && std::any_of(valid, valid + sizeof(T), [](std::uint8_t byte) { return byte != 0xff; })) {
      report(warp, op, Severity::kError, "uninitialized", lane, [&] {
        return fmt::format("reads {} bytes at shared offset {} of cta rank {}, which were never written", sizeof(T), place->offset, place->cta->rank);
      });
    }
    apply<T, kOp>(warp, op, place->cta->shared.data() + place->offset, lane, true);
    std::fill_n(valid, sizeof(T), std::uint8_t{0xff});
  }
}
template <class T, AtomicOp kOp>
void cluster_atomic(Warp& warp, const Op& op) {
  LaneAddresses addresses;
  gather_addresses(warp, op, addresses);
  cluster_lanes<T, kOp>(warp, op, addresses, warp.mask);
}

template <class T, AtomicOp kOp, ptx::Space kSpace>
void atomic(Warp& warp, const Op& op) {
  LaneAddresses addresses;
  gather_addresses(warp, op, addresses);
  if (kSpace != ptx::Space::kGeneric) return atomic_lanes<T, kOp>(warp, op, addresses, warp.mask, kSpace == ptx::Space::kShared);
  std::uint32_t shared = 0, other_ctas = 0;
  LaneAddresses inside = addresses;
  for (int lane = 0; lane < kLanes; ++lane) {
    if (!(warp.mask >> lane & 1) || addresses.of[lane] - kSharedWindow >= kWindowBytes) continue;
    inside.of[lane] -= kSharedWindow;
    (warp.cta->cluster != nullptr && inside.of[lane] >> kClusterRankShift != 0 ? other_ctas : shared) |= std::uint32_t{1} << lane;
  }
  if (shared != 0) atomic_lanes<T, kOp>(warp, op, inside, shared, true);
  if (other_ctas != 0) cluster_lanes<T, kOp>(warp, op, inside, other_ctas);
  if (warp.mask & ~shared & ~other_ctas) atomic_lanes<T, kOp>(warp, op, addresses, warp.mask & ~shared & ~other_ctas, false);
}

// ptx::Space, and .shared::cluster beside it.
struct Where {
  ptx::Space space;
  bool cluster = false;
};
template <class T, AtomicOp kOp>
Handler in_space(Where where) {
  if (where.cluster) return &cluster_atomic<T, kOp>;
  const ptx::Space space = where.space;
  if (space == ptx::Space::kGlobal) return &atomic<T, kOp, ptx::Space::kGlobal>;
  if (space == ptx::Space::kShared) return &atomic<T, kOp, ptx::Space::kShared>;
  return space == ptx::Space::kGeneric ? &atomic<T, kOp, ptx::Space::kGeneric> : nullptr;
}
template <class T>
Handler of_bits(AtomicOp op, Where space) {
  switch (op) {
    case AtomicOp::kAnd: return in_space<T, AtomicOp::kAnd>(space);
    case AtomicOp::kOr: return in_space<T, AtomicOp::kOr>(space);
    case AtomicOp::kXor: return in_space<T, AtomicOp::kXor>(space);
    case AtomicOp::kExch: return in_space<T, AtomicOp::kExch>(space);
    case AtomicOp::kCas: return in_space<T, AtomicOp::kCas>(space);
    default: return nullptr;
  }
}
template <class T>
Handler of_integer(AtomicOp op, Where space) {
  switch (op) {
    case AtomicOp::kAdd: return in_space<T, AtomicOp::kAdd>(space);
    case AtomicOp::kMin: return in_space<T, AtomicOp::kMin>(space);
    case AtomicOp::kMax: return in_space<T, AtomicOp::kMax>(space);
    case AtomicOp::kInc: return std::is_same_v<T, std::uint32_t> ? in_space<T, AtomicOp::kInc>(space) : nullptr;
    case AtomicOp::kDec: return std::is_same_v<T, std::uint32_t> ? in_space<T, AtomicOp::kDec>(space) : nullptr;
    default: return nullptr;
  }
}

Handler find_handler(AtomicOp op, ScalarType type, Where space) {
  switch (type) {
    case ScalarType::kB16: return op == AtomicOp::kCas ? in_space<std::uint16_t, AtomicOp::kCas>(space) : nullptr;
    case ScalarType::kB32: return of_bits<std::uint32_t>(op, space);
    case ScalarType::kB128: return op == AtomicOp::kExch ? in_space<Quad, AtomicOp::kExch>(space) : op == AtomicOp::kCas ? in_space<Quad, AtomicOp::kCas>(space) : nullptr;
    case ScalarType::kB64: return of_bits<std::uint64_t>(op, space);
    case ScalarType::kU32: return of_integer<std::uint32_t>(op, space);
    case ScalarType::kS32: return of_integer<std::int32_t>(op, space);
    case ScalarType::kU64: return of_integer<std::uint64_t>(op, space);
    case ScalarType::kS64: return of_integer<std::int64_t>(op, space);
    default: break;
  }
  if (op != AtomicOp::kAdd) return nullptr;
  switch (type) {
    case ScalarType::kF32: return in_space<float, AtomicOp::kAdd>(space);
    case ScalarType::kF64: return in_space<double, AtomicOp::kAdd>(space);
    case ScalarType::kF16: return in_space<F16One, AtomicOp::kAdd>(space);
    case ScalarType::kBf16: return in_space<Bf16One, AtomicOp::kAdd>(space);
    case ScalarType::kF16x2: return in_space<F16Pair, AtomicOp::kAdd>(space);
    case ScalarType::kBf16x2: return in_space<Bf16Pair, AtomicOp::kAdd>(space);
    default: return nullptr;
  }
}

}  // namespace

Handler atomic_handler(AtomicOp op, ScalarType type, ptx::Space space) { return find_handler(op, type, {space}); }
Handler cluster_atomic_handler(AtomicOp op, ScalarType type) { return find_handler(op, type, {ptx::Space::kShared, true}); }

}  // namespace bsgen::sim
