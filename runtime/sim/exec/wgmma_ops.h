// wgmma: matrix products of a warpgroup that run beside it (PTX ISA, "Asynchronous warpgroup-level matrix instructions").
//
// Each warp computes its own 16 rows. Timing::kEarly computes at issue, kLate at the wait_group that covers the group, with what shared
// memory holds then; in between the registers belong to the wgmma.
#pragma once

#include "runtime/sim/exec/program.h"

namespace bsgen::sim {

enum WgmmaFlags : std::uint8_t {
  kNegateProduct = 1,   // imm-scale-a x imm-scale-b = -1
  kTransposeA = 2,      // MN-major
  kTransposeB = 4,
  kARegisters = 8,
  kSaturateSum = 16,
  kSignedA = 32,        // integers
  kSignedB = 64,
  kScaleNegated = 128,  // "!p"
};

// slot[0], slot[1] = descriptors of a (not with kARegisters) and b, slot[2] = scale-d; extra = D's registers, element_bytes of them,
// then A's; count = N / 8; target = index into WgmmaTable::uses; immediate = the sign bits of A's elements in a register;
// function = WgmmaFunction, nullptr for integers.
void wgmma_multiply(Warp& warp, const Op& op);
// Whether scale-d says that D is added to; the first lane's word counts.
bool wgmma_adds(const Warp& warp, const Op& op);
void wgmma_fence(Warp& warp, const Op& op);
void wgmma_commit(Warp& warp, const Op& op);
void wgmma_wait(Warp& warp, const Op& op);  // immediate = groups that may stay pending

// Runs an instruction of WgmmaTable::watched: looks first whether it touches what a wgmma has.
void wgmma_watched(Warp& warp, const Op& op);

// At the end of a warp: the four warps must have executed the same.
void check_wgmma_at_exit(Warp& warp);

}  // namespace bsgen::sim
