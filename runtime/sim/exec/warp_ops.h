// Instructions in which lanes of a warp work together.
#pragma once

#include "runtime/sim/exec/program.h"

namespace bsgen::sim {

// shfl.sync: slots d, a, b, c; slot[4] = predicate (a sink where none is asked for).
enum class Shuffle : std::uint8_t { kUp, kDown, kButterfly, kIndex };
Handler shuffle_handler(Shuffle mode);

// vote.sync: slot[0] = predicate or register, slot[1] = predicate; flags 1 = negated.
enum class Vote : std::uint8_t { kAll, kAny, kUniform, kBallot };
Handler vote_handler(Vote mode);

// match.{any,all}.sync: slot[0] = d, slot[1] = a, slot[3] = predicate of match.all; flags 1 = 64-bit values.
void match_any(Warp& warp, const Op& op);
void match_all(Warp& warp, const Op& op);

// redux.sync over the executing lanes: slot[0] = d, slot[1] = a.
enum class Reduction : std::uint8_t { kAdd, kMinU, kMaxU, kMinS, kMaxS, kAnd, kOr, kXor };
Handler reduction_handler(Reduction reduction);
// redux of f32; flags: 1 max (else min), 2 of magnitudes, 4 NaN where one is.
void reduce_floats(Warp& warp, const Op& op);

void synchronize_lanes(Warp& warp, const Op& op);  // bar.warp.sync
void active_mask(Warp& warp, const Op& op);  // slot[0] = d
void elect(Warp& warp, const Op& op);        // slot[0] = d, slot[3] = predicate: one of the executing lanes, as the schedule says
void move_matrix(Warp& warp, const Op& op);  // movmatrix: slot[0] = d, slot[1] = a

// mma.sync: Op::function = the MmaFunction; extra = the registers of d, a, b, c in this order, Op::slot[0..3] = how many of each;
// immediate = flops.
void matrix_multiply(Warp& warp, const Op& op);

}  // namespace bsgen::sim
