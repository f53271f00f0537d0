#include "runtime/sim/exec/mma_ops.h"

#include <algorithm>

#include "runtime/sim/exec/tensor_core_double.h"
#include "runtime/sim/exec/warp.h"

namespace bsgen::sim {

std::int64_t integer_mma_mode(const IntegerMmaShape& shape) {
  return shape.m | shape.bits << 8 | shape.k << 16 | std::int64_t{shape.a_signed} << 32 | std::int64_t{shape.b_signed} << 33 | std::int64_t{shape.saturate} << 34 |
         std::int64_t{shape.conjunction} << 35;
}

void integer_multiply(Warp& warp, const Op& op) {
  const std::int64_t mode = op.immediate;
  const IntegerMmaShape shape{static_cast<std::uint8_t>(mode), static_cast<std::uint16_t>(mode >> 16), static_cast<std::uint8_t>(mode >> 8),
                              (mode >> 32 & 1) != 0, (mode >> 33 & 1) != 0, (mode >> 34 & 1) != 0, (mode >> 35 & 1) != 0};
  const std::uint32_t* registers = warp.cta->launch->program->extra.data() + op.extra;
  const int num_c = shape.m / 4, num_a = shape.m * shape.k * shape.bits / 1024, num_b = shape.k * shape.bits / 128;
  alignas(64) std::uint32_t result[4][kLanes];  // d may be registers of a or b
  const MutableLanes buffer[4] = {result[0], result[1], result[2], result[3]};
  const std::uint32_t* d = registers;
  registers += num_c;
  Lanes a[4] = {}, b[2] = {}, c[4] = {};
  for (int i = 0; i < num_a; ++i) a[i] = warp.reg32(*registers++);
  for (int i = 0; i < num_b; ++i) b[i] = warp.reg32(*registers++);
  for (int i = 0; i < num_c; ++i) c[i] = warp.reg32(*registers++);
  integer_mma(shape, a, b, c, buffer);
  for (int i = 0; i < num_c; ++i) std::copy_n(result[i], kLanes, warp.reg32(d[i]));
}

void double_multiply(Warp& warp, const Op& op) {
  const int m = static_cast<int>(op.immediate / 256), k = static_cast<int>(op.immediate % 256);
  const std::uint32_t* registers = warp.cta->launch->program->extra.data() + op.extra;
  const int num_c = m / 4, num_a = m * k / 32, num_b = k / 4;
  std::uint64_t result[4][kLanes];
  std::uint64_t* const buffer[4] = {result[0], result[1], result[2], result[3]};
  const std::uint32_t* d = registers;
  registers += num_c;
  const std::uint64_t *a[8] = {}, *b[4] = {}, *c[4] = {};
  for (int i = 0; i < num_a; ++i) a[i] = warp.reg64(*registers++);
  for (int i = 0; i < num_b; ++i) b[i] = warp.reg64(*registers++);
  for (int i = 0; i < num_c; ++i) c[i] = warp.reg64(*registers++);
  double_mma(m, k, a, b, c, buffer);
  for (int i = 0; i < num_c; ++i) std::copy_n(result[i], kLanes, warp.reg64(d[i]));
}

}  // namespace bsgen::sim
