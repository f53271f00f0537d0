// ldmatrix and stmatrix: 8 x 8 matrices of 16-bit elements between shared memory and fragments (PTX ISA, "ldmatrix").
//
// Lanes 8i .. 8i + 7 give the row addresses of matrix i. Lane l holds the elements (row l / 4, columns 2 (l % 4), + 1) of each
// matrix; with .trans the elements (rows 2 (l % 4), + 1, column l / 4).
#include <algorithm>

#include "runtime/sim/exec/access.h"
#include "runtime/sim/exec/memory_ops.h"

namespace bsgen::sim {
namespace {

constexpr std::uint32_t kRowBytes = 16;

// Row addresses of all matrices, checked. Rows that must not be touched leave the mask.
std::uint32_t rows_of(Warp& warp, const Op& op, LaneAddresses& rows, Access access) {
  gather_addresses(warp, op, rows);
  const int num_rows = 8 * op.count;
  const std::uint32_t wanted = num_rows == kLanes ? kFullMask : (1u << num_rows) - 1;
  const Piece piece = shared_piece(warp, op, rows, kRowBytes, access, wanted & warp.mask);
  // 8 rows of 16 bytes over 8 groups of 4 banks: as many wavefronts as the fullest group has distinct rows.
  Counters& counters = warp.cta->worker->counters;
  for (int i = 0; i < op.count; ++i) {
    std::uint8_t depth[8] = {};
    std::uint64_t seen[8][8];
    std::uint32_t worst = 1;
    for (int row = 8 * i; row < 8 * i + 8; ++row) {
      if (!(piece.mask >> row & 1)) continue;
      const std::uint64_t unit = rows.of[row] / kRowBytes;
      const auto group = static_cast<std::uint32_t>(unit % 8);
      bool known = false;
      for (int k = 0; k < depth[group]; ++k) known |= seen[group][k] == unit;
      if (known) continue;
      seen[group][depth[group]++] = unit;
      worst = std::max<std::uint32_t>(worst, depth[group]);
    }
    counters.shared_wavefronts += worst;
    counters.shared_wavefronts_ideal += 1;
  }
  return piece.mask;
}

}  // namespace

void load_matrix(Warp& warp, const Op& op) {
  LaneAddresses rows;
  const std::uint32_t good = rows_of(warp, op, rows, Access::kRead);
  const Cta& cta = *warp.cta;
  check_valid(warp, op, {good, 0, nullptr, warp.cta->shared_valid.data(), nullptr}, rows, kRowBytes, "shared");
  const std::uint32_t* registers = cta.launch->program->extra.data() + op.extra;
  for (int i = 0; i < op.count; ++i) {
    alignas(16) std::uint16_t matrix[8][8] = {};
    for (int row = 0; row < 8; ++row) {
      const int lane = 8 * i + row;
      if (!(good >> lane & 1)) continue;
      check_shared_read(warp, op, static_cast<std::uint32_t>(rows.of[lane]), kRowBytes, lane);
      std::memcpy(matrix[row], cta.shared.data() + rows.of[lane], kRowBytes);
    }
    std::uint32_t* d = warp.reg32(registers[i]);
    if (op.flags & kTransposed) {
      for (int lane = 0; lane < kLanes; ++lane) {
        if (!(warp.mask >> lane & 1)) continue;
        const int column = lane / 4, row = 2 * (lane % 4);
        d[lane] = matrix[row][column] | std::uint32_t{matrix[row + 1][column]} << 16;
      }
    } else if (warp.mask == kFullMask) {
      std::memcpy(d, matrix, sizeof matrix);
    } else {
      for (int lane = 0; lane < kLanes; ++lane)
        if (warp.mask >> lane & 1) std::memcpy(&d[lane], &matrix[lane / 4][2 * (lane % 4)], 4);
    }
  }
}

void store_matrix(Warp& warp, const Op& op) {
  LaneAddresses rows;
  const std::uint32_t good = rows_of(warp, op, rows, Access::kWrite);
  Cta& cta = *warp.cta;
  const std::uint32_t* registers = cta.launch->program->extra.data() + op.extra;
  for (int i = 0; i < op.count; ++i) {
    const std::uint32_t* d = warp.reg32(registers[i]);
    std::uint16_t matrix[8][8];
    for (int lane = 0; lane < kLanes; ++lane) {
      const int major = lane / 4, minor = 2 * (lane % 4);
      for (int k = 0; k < 2; ++k) {
        const auto value = static_cast<std::uint16_t>(d[lane] >> (16 * k));
        (op.flags & kTransposed ? matrix[minor + k][major] : matrix[major][minor + k]) = value;
      }
    }
    for (int row = 0; row < 8; ++row) {
      const int lane = 8 * i + row;
      if (!(good >> lane & 1)) continue;
      check_shared_write(warp, op, static_cast<std::uint32_t>(rows.of[lane]), kRowBytes, lane);
      std::memcpy(cta.shared.data() + rows.of[lane], matrix[row], kRowBytes);
      std::memset(cta.shared_valid.data() + rows.of[lane], 0xff, kRowBytes);
    }
  }
}

}  // namespace bsgen::sim
