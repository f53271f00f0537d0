// atom and red on vectors of neighbouring values in global memory (sm_90), and discard.
#include "runtime/sim/check/global_checks.h"
#include "runtime/sim/exec/access.h"
#include "runtime/sim/exec/memory_ops.h"
#include "runtime/sim/exec/scalar_float.h"

namespace bsgen::sim {
namespace {

using ptx::ScalarType;

// The sum, minimum or maximum of two values of the mode's type.
std::uint32_t combine(std::uint32_t mode, std::uint32_t old, std::uint32_t given) {
  const auto kind = static_cast<AtomicOp>(mode & 15);
  const auto type = static_cast<ScalarType>(mode >> 8);
  if (type == ScalarType::kF32) return bits_of(scalar::rounded_f32(scalar::FloatOp::kAdd, Round::kNearest, f32_of(old), f32_of(given), 0));
  scalar::FloatMode half;
  half.op = kind == AtomicOp::kAdd ? scalar::FloatOp::kAdd : kind == AtomicOp::kMin ? scalar::FloatOp::kMin : scalar::FloatOp::kMax;
  half.bf16 = type == ScalarType::kBf16 || type == ScalarType::kBf16x2;
  half.packed = type == ScalarType::kF16x2 || type == ScalarType::kBf16x2;
  return static_cast<std::uint32_t>(scalar::half(old, given, 0, half.encode()));
}

}  // namespace

std::uint32_t vector_atomic_mode(AtomicOp op, ScalarType type, bool returns) {
  return static_cast<std::uint32_t>(op) | (returns ? 16u : 0) | static_cast<std::uint32_t>(type) << 8;
}

void atomic_vector(Warp& warp, const Op& op) {
  LaneAddresses addresses;
  gather_addresses(warp, op, addresses);
  const std::uint32_t bytes = std::uint32_t{op.count} * op.element_bytes;
  const std::uint32_t* registers = warp.cta->launch->program->extra.data() + op.extra;
  for (std::uint32_t rest = warp.mask; rest != 0;) {
    const Piece piece = next_global_piece(warp, op, addresses, bytes, Access::kWrite, rest);
    OpCounts& counts = counts_of(warp, op);
    const std::uint64_t moved = sector_bytes(addresses, piece.mask);
    counts.requested_bytes += static_cast<std::uint64_t>(std::popcount(piece.mask)) * bytes;
    counts.global_read_bytes += moved;
    counts.global_write_bytes += moved;
    check_valid(warp, op, piece, addresses, bytes, "global");
    check_global(warp, op, piece, addresses, bytes, GlobalAccess::kAtomic);
    for (std::uint32_t lanes = piece.mask; lanes != 0; lanes &= lanes - 1) {
      const int lane = std::countr_zero(lanes);
      std::byte* at = piece.host + (addresses.of[lane] - piece.base);
      for (std::uint32_t i = 0; i < op.count; ++i, at += op.element_bytes) {
        std::uint32_t old = 0;
        std::memcpy(&old, at, op.element_bytes);
        const std::uint32_t made = combine(op.target, old, warp.reg32(registers[i])[lane]);
        std::memcpy(at, &made, op.element_bytes);
        if (op.target & 16) warp.reg32(registers[op.count + i])[lane] = old;
      }
      if (piece.valid != nullptr) std::memset(piece.valid + (addresses.of[lane] - piece.base), 0xff, bytes);
    }
  }
}

void discard_lines(Warp& warp, const Op& op) {
  LaneAddresses addresses;
  gather_addresses(warp, op, addresses);
  for (std::uint32_t rest = warp.mask; rest != 0;) {
    const Piece piece = next_global_piece(warp, op, addresses, 128, Access::kWrite, rest);
    for (std::uint32_t lanes = piece.mask; lanes != 0; lanes &= lanes - 1)
      piece.allocation->set_valid(addresses.of[std::countr_zero(lanes)] - piece.base, 128, false);
  }
}

}  // namespace bsgen::sim
