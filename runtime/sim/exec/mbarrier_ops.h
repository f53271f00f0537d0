// mbarrier: barriers in shared memory that count arrivals and bytes of copies (PTX ISA, "mbarrier").
//
// slot[1] = address (immediate = displacement, kAddress64), which may be another cta's; slot[0] = state (64 bits) or predicate, slot[2] and
// [3] = operands. Op::count = MbarrierFlags.
//
// The state that an arrive returns is opaque; here it holds the number of the phase and, for pending_count, the arrivals still missing.
#pragma once

#include "runtime/sim/exec/program.h"

namespace bsgen::sim {

struct Mbarrier;
struct Cta;

enum MbarrierFlags : std::uint8_t {
  kParity = 1,      // slot[2] of a wait is a parity, not a state
  kRelaxed = 2,     // orders no memory
  kDrop = 4,        // arrive_drop
  kNoComplete = 8,
  kExpect = 16,     // arrive.expect_tx: slot[2] = bytes; else slot[2] = count of arrivals
  kGenericState = 32,  // the state is wanted: the barrier must be the cta's own
};

void mbarrier_init(Warp& warp, const Op& op);         // slot[2] = count
void mbarrier_invalidate(Warp& warp, const Op& op);
void mbarrier_arrive(Warp& warp, const Op& op);
void mbarrier_expect(Warp& warp, const Op& op);       // slot[2] = bytes
void mbarrier_complete(Warp& warp, const Op& op);     // slot[2] = bytes
void mbarrier_test(Warp& warp, const Op& op);         // test_wait and try_wait; OpKind::kWait
void mbarrier_pending_count(Warp& warp, const Op& op);  // slot[0] = d (32 bits), slot[1] = state
void mbarrier_copies_arrive(Warp& warp, const Op& op);  // cp.async.mbarrier.arrive; flags kNoIncrement

enum : std::uint8_t { kNoIncrement = 16 };  // in Op::flags: .noinc

// Bytes of a copy have landed: complete_tx. `lane` and `op` for findings.
void complete_transactions(Warp& warp, const Op& op, Mbarrier& barrier, std::int64_t bytes, int lane);
// The barrier that a copy issued by this lane is to complete on, checked; nullptr where there is none (reported).
Mbarrier* barrier_of_copy(Warp& warp, const Op& op, Cta& cta, std::uint32_t offset, int lane);

}  // namespace bsgen::sim
