#include "runtime/sim/exec/scalar_float.h"

#include "runtime/sim/exec/lane_ops.h"

namespace bsgen::sim::scalar {
namespace {

using U = std::uint64_t;
float f32(U bits) { return f32_of(static_cast<std::uint32_t>(bits)); }
float canonical(float x) { return x != x ? f32_of(kNanF32) : x; }
float flush(float x, bool ftz) { return ftz && (bits_of(x) & 0x7f800000u) == 0 ? f32_of(bits_of(x) & 0x80000000u) : x; }
double f64(U bits) { return std::bit_cast<double>(bits); }

// One 16-bit format: flushing, widening, arithmetic.
struct Half {
  bool bf16;
  std::uint16_t flush(std::uint16_t x, bool ftz) const { return ftz && (x & (bf16 ? 0x7f80 : 0x7c00)) == 0 ? x & 0x8000 : x; }
  bool is_nan(std::uint16_t x) const { return (x & 0x7fff) > (bf16 ? 0x7f80 : 0x7c00); }
  float wide(std::uint16_t x) const { return bf16 ? bf16_to_f32(x) : f16_to_f32(x); }
};

std::uint16_t min_or_max(const Half& type, bool is_max, bool nan, std::uint16_t a, std::uint16_t b) {
  if (type.bf16) return is_max ? max_bf16(a, b, nan) : min_bf16(a, b, nan);
  return is_max ? max_f16(a, b, nan) : min_f16(a, b, nan);
}

std::uint16_t one_half(const FloatMode& mode, std::uint16_t a, std::uint16_t b, std::uint16_t c) {
  const Half type{mode.bf16};
  a = type.flush(a, mode.ftz), b = type.flush(b, mode.ftz), c = type.flush(c, mode.ftz);
  std::uint16_t made = 0;
  switch (mode.op) {
    case FloatOp::kAdd: made = mode.bf16 ? add_bf16(a, b) : add_f16(a, b); break;
    case FloatOp::kSub: made = mode.bf16 ? sub_bf16(a, b) : sub_f16(a, b); break;
    case FloatOp::kMul: made = mode.bf16 ? mul_bf16(a, b) : mul_f16(a, b); break;
    case FloatOp::kFma: made = mode.bf16 ? fma_bf16(a, b, c) : fma_f16(a, b, c); break;
    case FloatOp::kNeg: return a ^ 0x8000;
    case FloatOp::kAbs: return a & 0x7fff;
    default: {
      const bool xors = mode.xorsign, is_max = mode.op == FloatOp::kMax;
      const std::uint16_t sign = (a ^ b) & 0x8000;
      if (xors) a &= 0x7fff, b &= 0x7fff;
      made = min_or_max(type, is_max, mode.nan, a, b);
      if (xors && !type.is_nan(made)) made |= sign;
    }
  }
  made = type.flush(made, mode.ftz);
  if (mode.sat) made = mode.bf16 ? saturate_bf16(made) : saturate_f16(made);
  return mode.relu ? relu16(made) : made;
}

// The operand that is a number, -0 < +0.
float one_extreme(bool is_max, bool nan, float a, float b) {
  if (a != a || b != b) return nan ? f32_of(kNanF32) : a != a ? canonical(b) : a;
  if (a == b) return f32_of(is_max ? bits_of(a) & bits_of(b) : bits_of(a) | bits_of(b));
  return (is_max ? a > b : a < b) ? a : b;
}

bool truth(LaneOp op, float a, float b) {
  const bool unordered = a != a || b != b;
  switch (op) {
    case LaneOp::kEq: return a == b;
    case LaneOp::kNe: return !unordered && a != b;
    case LaneOp::kLt: return a < b;
    case LaneOp::kLe: return a <= b;
    case LaneOp::kGt: return a > b;
    case LaneOp::kGe: return a >= b;
    case LaneOp::kEqu: return unordered || a == b;
    case LaneOp::kNeu: return unordered || a != b;
    case LaneOp::kLtu: return unordered || a < b;
    case LaneOp::kLeu: return unordered || a <= b;
    case LaneOp::kGtu: return unordered || a > b;
    case LaneOp::kGeu: return unordered || a >= b;
    case LaneOp::kNum: return !unordered;
    default: return unordered;
  }
}

}  // namespace

std::int64_t FloatMode::encode() const {
  return static_cast<std::int64_t>(op) | static_cast<std::int64_t>(round) << 4 | bf16 << 8 | packed << 9 | ftz << 10 | sat << 11 | relu << 12 |
         nan << 13 | xorsign << 14 | abs << 15 | three << 16;
}
FloatMode FloatMode::decode(std::int64_t bits) {
  const auto bit = [&](int at) { return (bits >> at & 1) != 0; };
  return {static_cast<FloatOp>(bits & 15),
          static_cast<Round>(bits >> 4 & 15),
          bit(8),
          bit(9),
          bit(10),
          bit(11),
          bit(12),
          bit(13),
          bit(14),
          bit(15),
          bit(16)};
}

U half(U a, U b, U c, std::int64_t bits) {
  const FloatMode mode = FloatMode::decode(bits);
  const auto part = [&](int shift) {
    return one_half(mode, static_cast<std::uint16_t>(a >> shift), static_cast<std::uint16_t>(b >> shift), static_cast<std::uint16_t>(c >> shift));
  };
  return mode.packed ? part(0) | U{part(16)} << 16 : part(0);
}

U single(U a, U b, U c, std::int64_t bits) {
  const FloatMode mode = FloatMode::decode(bits);
  float x = flush(f32(a), mode.ftz), y = flush(f32(b), mode.ftz), z = flush(f32(c), mode.ftz);
  const std::uint32_t sign = (bits_of(x) ^ bits_of(y)) & 0x80000000u;
  if (mode.xorsign || mode.abs) x = std::fabs(x), y = std::fabs(y), z = std::fabs(z);
  const bool is_max = mode.op == FloatOp::kMax;
  float made = one_extreme(is_max, mode.nan, x, y);
  if (mode.three) made = one_extreme(is_max, mode.nan, made, z);
  if (mode.xorsign && made == made) made = f32_of(bits_of(made) | sign);
  return bits_of(made);
}

// The double next to the exact value, to odd, holds it well enough to be rounded again (fp_convert.h).
float rounded_f32(FloatOp op, Round round, float a, float b, float c) {
  const bool adds = op == FloatOp::kAdd || op == FloatOp::kSub;
  const double x = adds ? static_cast<double>(a) : static_cast<double>(a) * static_cast<double>(b);
  const double y = op == FloatOp::kAdd   ? static_cast<double>(b)
                   : op == FloatOp::kSub ? -static_cast<double>(b)
                   : op == FloatOp::kFma ? static_cast<double>(c)
                                         : 0.0;
  double exact = op == FloatOp::kMul ? x : add_to_odd(x, y);
  // An exact zero of opposite addends is -0 where rounding goes down.
  if (op != FloatOp::kMul && exact == 0 && std::signbit(x) != std::signbit(y)) exact = round == Round::kDown ? -0.0 : 0.0;
  return canonical(f64_to_f32(exact, round));
}

U single_pair(U a, U b, U c, std::int64_t bits) {
  const FloatMode mode = FloatMode::decode(bits);
  const auto part = [&](int shift) {
    const float made =
        rounded_f32(mode.op, mode.round, flush(f32(a >> shift), mode.ftz), flush(f32(b >> shift), mode.ftz), flush(f32(c >> shift), mode.ftz));
    return U{bits_of(flush(made, mode.ftz))};
  };
  return part(0) | part(32) << 32;
}

U mixed(U a, U b, U c, std::int64_t bits) {
  const FloatMode mode = FloatMode::decode(bits);
  const Half type{mode.bf16};
  const float x = type.wide(static_cast<std::uint16_t>(a));
  const float made = mode.op == FloatOp::kFma ? rounded_f32(mode.op, mode.round, x, type.wide(static_cast<std::uint16_t>(b)), f32(c))
                                              : rounded_f32(mode.op, mode.round, x, f32(c), 0);
  return bits_of(mode.sat ? saturate(made) : made);
}

U compare_half(U a, U b, U, std::int64_t mode) {
  const Half type{(mode >> 8 & 1) != 0};
  const bool ftz = mode >> 10 & 1;
  const auto op = static_cast<LaneOp>(mode & 0xff);
  const U yes = static_cast<U>(mode) >> 16;
  const auto part = [&](int shift) {
    const auto wide = [&](U x) { return type.wide(type.flush(static_cast<std::uint16_t>(x >> shift), ftz)); };
    return truth(op, wide(a), wide(b));
  };
  if (!(mode >> 9 & 1)) return part(0) ? yes : 0;
  return (part(0) ? yes & 0xffff : 0) | (part(16) ? (yes & 0xffff) << 16 : 0);
}

U testp(U a, U, U, std::int64_t mode) {
  const bool is_double = mode & 8;
  const U magnitude = is_double ? a & ~(U{1} << 63) : a & 0x7fffffff;
  const U infinity = is_double ? U{0x7ff} << 52 : U{0x7f800000}, smallest = is_double ? U{1} << 52 : U{1} << 23;
  switch (mode & 7) {
    case 0: return magnitude < infinity;
    case 1: return magnitude == infinity;
    case 2: return magnitude <= infinity;
    case 3: return magnitude > infinity;
    case 4: return magnitude >= smallest && magnitude < infinity;
    default: return magnitude != 0 && magnitude < smallest;
  }
}

U slct(U a, U b, U c, std::int64_t mode) {
  if (mode == 0) return static_cast<std::int32_t>(c) >= 0 ? a : b;
  return flush(f32(c), mode & 2) >= 0.f ? a : b;  // -0 is not negative; NaN takes b
}

U approximate_f64(U a, U, U, std::int64_t mode) {
  const bool root = mode & 1, ftz = mode & 2;
  const U sign = a & (U{1} << 63);
  if (ftz && (a >> 52 & 0x7ff) == 0) a = sign;
  const double x = f64(a);
  const double exact = root ? 1.0 / std::sqrt(x) : 1.0 / x;
  U bits = std::bit_cast<U>(exact);
  if (exact != exact) return 0x7fffffffffffffffull;
  if (!ftz) return bits;
  if ((bits >> 52 & 0x7ff) == 0) return bits & (U{1} << 63);
  if ((bits >> 52 & 0x7ff) != 0x7ff) bits += U{1} << 31;  // to 20 bits of mantissa
  return bits & 0xffffffff00000000ull;
}

}  // namespace bsgen::sim::scalar
