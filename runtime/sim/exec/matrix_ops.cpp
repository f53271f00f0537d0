// ldmatrix and stmatrix: 8 x 8 matrices of 16-bit elements between shared memory and fragments (PTX ISA, "ldmatrix").
//
// Lanes 8i .. 8i + 7 give the row addresses of matrix i. Lane l holds the elements (row l / 4, columns 2 (l % 4), + 1) of each
// matrix; with .trans the elements (rows 2 (l % 4), + 1, column l / 4).
#include <algorithm>
#include <bit>
#include <cstring>

#include "runtime/sim/exec/access.h"
#include "runtime/sim/exec/memory_ops.h"

namespace bsgen::sim {
namespace {

constexpr std::uint32_t kRowBytes = 16;

// 8 rows of 16 bytes over 8 groups of 4 banks: as many wavefronts as the fullest group has distinct rows.
std::uint32_t wavefronts(const std::uint32_t* rows, std::uint32_t mask) {
  std::uint32_t groups = 0;
  for (int row = 0; row < 8; ++row) groups |= 1u << (rows[row] / kRowBytes % 8);
  if (groups == 0xff) [[likely]] return 1;
  std::uint8_t depth[8] = {};
  std::uint32_t seen[8][8];
  std::uint32_t worst = 1;
  for (; mask != 0; mask &= mask - 1) {
    const std::uint32_t unit = rows[std::countr_zero(mask)] / kRowBytes;
    const std::uint32_t group = unit % 8;
    bool known = false;
    for (int k = 0; k < depth[group]; ++k) known |= seen[group][k] == unit;
    if (known) continue;
    seen[group][depth[group]++] = unit;
    worst = std::max<std::uint32_t>(worst, depth[group]);
  }
  return worst;
}

// Row offsets of all matrices, checked and counted; the lanes that give good ones.
std::uint32_t rows_of(Warp& warp, const Op& op, SharedRows& rows, Access access) {
  const std::uint32_t good = shared_rows(warp, op, 8 * op.count, access, rows);
  OpCounts& counts = counts_of(warp, op);
  for (int i = 0; i < op.count; ++i) counts.shared_wavefronts += wavefronts(rows.of + 8 * i, good >> 8 * i & 0xff);
  counts.shared_wavefronts_ideal += op.count;
  return good;
}

// The 8 x 8 matrix of 16-bit elements turned about its diagonal, in three rounds of interleaving rows i and i + 4.
using Row = std::uint16_t __attribute__((vector_size(kRowBytes)));
void transpose(Row m[8]) {
  for (int round = 0; round < 3; ++round) {
    Row next[8];
    for (int i = 0; i < 4; ++i) {
      next[2 * i] = __builtin_shufflevector(m[i], m[i + 4], 0, 8, 1, 9, 2, 10, 3, 11);
      next[2 * i + 1] = __builtin_shufflevector(m[i], m[i + 4], 4, 12, 5, 13, 6, 14, 7, 15);
    }
    std::copy(next, next + 8, m);
  }
}

void put(std::uint32_t* registers, const Row matrix[8], std::uint32_t mask) {
  if (mask == kFullMask) {
    std::memcpy(registers, matrix, kLanes * 4);
    return;
  }
  for (; mask != 0; mask &= mask - 1) {
    const int lane = std::countr_zero(mask);
    std::memcpy(registers + lane, reinterpret_cast<const char*>(matrix) + 4 * lane, 4);
  }
}

}  // namespace

void load_matrix(Warp& warp, const Op& op) {
  SharedRows rows;
  const std::uint32_t good = rows_of(warp, op, rows, Access::kRead);
  const Cta& cta = *warp.cta;
  check_valid_rows(warp, op, rows, good);
  check_shared_read_rows(warp, op, rows.of, good);
  const std::uint32_t* registers = cta.launch->program->extra.data() + op.extra;
  for (int i = 0; i < op.count; ++i) {
    Row matrix[8] = {};
    for (int row = 0; row < 8; ++row)
      if (const int lane = 8 * i + row; good >> lane & 1) std::memcpy(&matrix[row], cta.shared.data() + rows.of[lane], kRowBytes);
    if (op.flags & kTransposed) transpose(matrix);
    put(warp.reg32(registers[i]), matrix, warp.mask);
  }
}

void store_matrix(Warp& warp, const Op& op) {
  SharedRows rows;
  const std::uint32_t good = rows_of(warp, op, rows, Access::kWrite);
  Cta& cta = *warp.cta;
  check_shared_write_rows(warp, op, rows.of, good);
  const std::uint32_t* registers = cta.launch->program->extra.data() + op.extra;
  for (int i = 0; i < op.count; ++i) {
    Row matrix[8];
    std::memcpy(matrix, warp.reg32(registers[i]), sizeof matrix);
    if (op.flags & kTransposed) transpose(matrix);
    for (int row = 0; row < 8; ++row) {
      const int lane = 8 * i + row;
      if (!(good >> lane & 1)) continue;
      std::memcpy(cta.shared.data() + rows.of[lane], &matrix[row], kRowBytes);
      if (cta.launch->checks) std::memset(cta.shared_valid.data() + rows.of[lane], 0xff, kRowBytes);
    }
  }
}

}  // namespace bsgen::sim
