#include "runtime/sim/exec/scalar_integer.h"

#include <algorithm>

namespace bsgen::sim::scalar {
namespace {

using U = std::uint64_t;
std::uint32_t low(U x) { return static_cast<std::uint32_t>(x); }
std::int64_t extended(U x, int bits, bool is_signed) {
  const U field = x & ((U{1} << bits) - 1);
  return is_signed && (field >> (bits - 1) & 1) ? static_cast<std::int64_t>(field) - (std::int64_t{1} << bits) : static_cast<std::int64_t>(field);
}

}  // namespace

U pair(U a, U b, U, std::int64_t mode) {
  const bool is_signed = mode & 8;
  U result = 0;
  for (int half = 0; half < 2; ++half) {
    const std::int64_t x = extended(a >> (16 * half), 16, is_signed), y = extended(b >> (16 * half), 16, is_signed);
    const auto op = static_cast<PairOp>(mode & 7);
    std::int64_t made = op == PairOp::kAdd ? x + y : op == PairOp::kMin ? std::min(x, y) : std::max(x, y);
    if (mode & 16) made = std::max<std::int64_t>(made, 0);
    result |= (static_cast<U>(made) & 0xffff) << (16 * half);
  }
  return result;
}

U dp2a(U a, U b, U c, std::int64_t mode) {
  const bool a_signed = mode & 1, b_signed = mode & 2;
  const U bytes = mode & 4 ? b >> 16 : b;
  return low(c) + static_cast<U>(extended(a, 16, a_signed) * extended(bytes, 8, b_signed) + extended(a >> 16, 16, a_signed) * extended(bytes >> 8, 8, b_signed));
}

U mul24(U a, U b, U c, std::int64_t mode) {
  const std::int64_t product = extended(a, 24, mode & 1) * extended(b, 24, mode & 1);
  const U part = static_cast<U>(mode & 2 ? product >> 16 : product);  // .hi: the upper 32 of 48 bits
  return mode & 4 ? part + c : part;
}

U mad_hi_saturated(U a, U b, U c, std::int64_t) {
  const std::int64_t sum = (extended(a, 32, true) * extended(b, 32, true) >> 32) + extended(c, 32, true);
  return low(static_cast<U>(std::clamp<std::int64_t>(sum, INT32_MIN, INT32_MAX)));
}

U bmsk(U a, U b, U, std::int64_t mode) {
  const bool wraps = mode & 2;
  const U position = wraps ? a & 31 : std::min<U>(low(a), 32), width = wraps ? b & 31 : std::min<U>(low(b), 32);
  return low(((U{1} << width) - 1) << position);
}

U szext(U a, U n, U, std::int64_t mode) {
  const U bits = mode & 2 ? n & 31 : std::min<U>(low(n), 32);
  if (bits == 0) return 0;
  return low(static_cast<U>(extended(low(a), static_cast<int>(bits), mode & 1)));
}

U fns(U mask, U base, U offset, std::int64_t) {
  const auto wanted = static_cast<std::int32_t>(low(offset));
  const auto start = static_cast<int>(low(base) & 31);
  if (low(base) > 31) return 0xffffffffu;
  if (wanted == 0) return mask >> start & 1 ? static_cast<U>(start) : 0xffffffffu;
  std::int64_t count = wanted < 0 ? -std::int64_t{wanted} : wanted;
  for (int i = start; i >= 0 && i < 32; i += wanted < 0 ? -1 : 1)
    if ((mask >> i & 1) && --count == 0) return static_cast<U>(i);
  return 0xffffffffu;
}

U prmt(U a, U b, U c, std::int64_t mode) {
  const U bytes = low(b) * (U{1} << 32) | low(a);
  const int s = static_cast<int>(c & 3);
  U result = 0;
  for (int i = 0; i < 4; ++i) {
    int from = 0;
    switch (mode) {
      case 1: from = (s + i) & 7; break;                              // f4e: four bytes upwards from s
      case 2: from = (s - i) & 7; break;                              // b4e: downwards
      case 3: from = s; break;                                        // rc8: one byte four times
      case 4: from = std::max(i, s); break;                           // ecl: the edge s below
      case 5: from = std::min(i, s); break;                           // ecr: the edge s above
      default: from = (s & 1) * 2 + (i & 1); break;                   // rc16: one half twice
    }
    result |= (bytes >> (8 * from) & 0xff) << (8 * i);
  }
  return result;
}

}  // namespace bsgen::sim::scalar
