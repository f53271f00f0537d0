// The elementwise instructions: one handler per operation and type, compiled once per instruction set of the host.
//
// Convention of the slots: [0] = d, [1], [2], [3] = a, b, c. Comparisons: [0] = p, [3] = q, [4] = c (predicates), flags = how c
// joins. All instruction sets give the same bits.
#pragma once

#include <cstdint>

#include "runtime/sim/exec/program.h"
#include "runtime/sim/exec/tensor_core.h"

namespace bsgen::sim {

enum class LaneOp : std::uint8_t {
  // integers
  kAdd, kSub, kMulLo, kMulHi, kMulWide, kMul24, kMadLo, kMadHi, kMadWide, kSad, kDiv, kRem, kAbs, kNeg, kMin, kMax,
  kMinRelu, kMaxRelu, kAddSat, kSubSat,
  // bits (also predicates for and, or, xor, not, mov)
  kAnd, kOr, kXor, kNot, kCnot, kShl, kShr, kShfLeftWrap, kShfLeftClamp, kShfRightWrap, kShfRightClamp, kBfe, kBfi, kPopc, kClz,
  kBrev, kBfind, kBfindShift, kPrmt, kLop3, kDp4aUU, kDp4aUS, kDp4aSU, kDp4aSS, kMov, kSelp,
  // comparisons; the unordered ones are true when an operand is NaN
  kEq, kNe, kLt, kLe, kGt, kGe, kEqu, kNeu, kLtu, kLeu, kGtu, kGeu, kNum, kNan,
  // floats, to nearest even
  kFma, kFmaSat, kFmaRelu, kMulSat, kMinNan, kMaxNan, kSqrt, kRcp, kCopysign,
};

// How a comparison joins with predicate c (Op::flags of a comparison).
enum CompareFlags : std::uint8_t { kJoinNone = 0, kJoinAnd = 1, kJoinOr = 2, kJoinXor = 3, kJoinMask = 3, kJoinNegated = 4 };

// nullptr where the operation does not exist for the type. `ftz`: subnormal operands and results become zero (f32 only).
Handler lane_handler(LaneOp op, ptx::ScalarType type, bool ftz = false);

// cvt, [0] = d, [1] = a (and [2] = b where two floats are packed). Op::flags: a Round (fp_convert.h) in the low three bits and these;
// Op::immediate: 1 where a float is rounded to an integral value of its own type. nullptr where the conversion does not exist.
enum ConvertFlags : std::uint8_t { kRoundMask = 7, kConvertSat = 8, kConvertRelu = 16, kConvertFtz = 32, kConvertSatFinite = 64 };
Handler convert_handler(ptx::ScalarType to, ptx::ScalarType from);

// What tests use to compare instruction sets; normally the best one of the machine.
void force_lane_isa(Isa isa);
Isa lane_isa();

namespace lanes_baseline { Handler find(LaneOp op, ptx::ScalarType type, bool ftz); Handler find_convert(ptx::ScalarType to, ptx::ScalarType from); }
namespace lanes_avx2 { Handler find(LaneOp op, ptx::ScalarType type, bool ftz); Handler find_convert(ptx::ScalarType to, ptx::ScalarType from); }
namespace lanes_avx512 { Handler find(LaneOp op, ptx::ScalarType type, bool ftz); Handler find_convert(ptx::ScalarType to, ptx::ScalarType from); }

}  // namespace bsgen::sim
