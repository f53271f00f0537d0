// Rare integer instructions as functions of one lane (scalar_ops.h). PTX ISA, "Integer Arithmetic Instructions" and "Logic and Shift".
#pragma once

#include "runtime/sim/exec/scalar_ops.h"

namespace bsgen::sim::scalar {

// Packed pairs: immediate = what to do; signedness and .relu are in it.
enum class PairOp : std::uint8_t { kAdd, kMin, kMax };
constexpr std::int64_t pair_mode(PairOp op, bool is_signed, bool relu) { return static_cast<std::int64_t>(op) | (is_signed ? 8 : 0) | (relu ? 16 : 0); }
std::uint64_t pair(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::int64_t mode);

// dp2a: immediate bits 0, 1 = a, b signed, 2 = .hi.
std::uint64_t dp2a(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::int64_t mode);
// mul24 and mad24: immediate bit 0 = signed, 1 = .hi, 2 = adds c.
std::uint64_t mul24(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::int64_t mode);
// mad.hi.sat.s32
std::uint64_t mad_hi_saturated(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::int64_t);
// bmsk d, position, width; szext d, a, n: immediate bit 0 = signed, 1 = .wrap.
std::uint64_t bmsk(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::int64_t mode);
std::uint64_t szext(std::uint64_t a, std::uint64_t n, std::uint64_t c, std::int64_t mode);
// fns.b32 d, mask, base, offset: the offset-th set bit from base on, upwards or downwards.
std::uint64_t fns(std::uint64_t mask, std::uint64_t base, std::uint64_t offset, std::int64_t);
// prmt with a mode: immediate = 1 f4e, 2 b4e, 3 rc8, 4 ecl, 5 ecr, 6 rc16.
std::uint64_t prmt(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::int64_t mode);

}  // namespace bsgen::sim::scalar
