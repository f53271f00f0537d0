// Instructions that are too rare for a vector loop of their own: one function of up to three operands, lane by lane.
#pragma once

#include <cstdint>

#include "runtime/sim/exec/program.h"

namespace bsgen::sim {

// Operands zero-extended; what does not fit the result's width is dropped. `immediate` is Op::immediate.
using ScalarFunction = std::uint64_t (*)(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::int64_t immediate);

enum ScalarFlags : std::uint8_t { kLongResult = 1, kLongA = 2, kLongB = 4, kLongC = 8, kPredicateResult = 16 };

// slot[0] = d, [1], [2], [3] = a, b, c; flags tell which of them have 64 bits; function = a ScalarFunction.
void scalar_lanes(Warp& warp, const Op& op);

// setp of 16-bit pairs, or with .ftz: immediate as for scalar::compare_half; slots and flags as for comparisons (lane_ops.h), but that of
// a pair slot[3] is the upper half's truth.
void compare_halves(Warp& warp, const Op& op);
// lop3 with a predicate: runs the lop3 in Op::function, then slot[4] = (d != 0) joined with slot[5]; flags 1 = and (else or),
// 2 = slot[5] negated.
void join_with_predicate(Warp& warp, const Op& op);

}  // namespace bsgen::sim
