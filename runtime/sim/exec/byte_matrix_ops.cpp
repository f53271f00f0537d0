// Lane l holds, with g = l / 4 and t = l % 4 (PTX ISA, "ldmatrix", "stmatrix"; the same maps stand in CUTLASS, copy_traits_sm100.hpp, and
// were read off an sm_120a by others):
//   ldmatrix.m16n16.trans  register 0: rows 4t .. 4t + 3 of column g; register 1: of column g + 8. Lanes 16i .. 16i + 15 give the rows of matrix i.
//   ldmatrix.m8n16         columns 4t .. 4t + 3 of row g. Lanes 8i .. 8i + 7 give the rows of matrix i.
//   stmatrix.m16n8.trans   the rows g, g, g + 8, g + 8 of columns 2t, 2t + 1, 2t, 2t + 1: what an accumulator of mma.m16n8 holds. Lanes 8i ..
//                          8i + 7 give where the columns of matrix i go.
#include "runtime/sim/exec/byte_matrix_ops.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "runtime/sim/exec/access.h"
#include "runtime/sim/exec/memory_ops.h"

namespace bsgen::sim {
namespace {

constexpr std::uint32_t kRowBytes = 16;
using Row = std::uint8_t[kRowBytes];

// Bytes of a row that hold elements.
std::uint32_t data_bytes(std::uint8_t format) { return format == kPackedB6 ? 12 : format == kPackedB4 ? 8 : 16; }

// A row's 16 elements, each in the low bits of a byte.
void unpack(const std::byte* from, std::uint8_t format, Row& row) {
  std::uint8_t bytes[kRowBytes + 1] = {};
  std::memcpy(bytes, from, data_bytes(format));
  const std::uint32_t bits = format == kPackedB6 ? 6 : format == kPackedB4 ? 4 : 8;
  for (std::uint32_t i = 0; i < kRowBytes; ++i) {
    const std::uint32_t at = i * bits, two = bytes[at / 8] | bytes[at / 8 + 1] << 8;
    row[i] = static_cast<std::uint8_t>(two >> at % 8 & ((1u << bits) - 1));
  }
}

// As many wavefronts as the fullest group of 4 banks has distinct rows, for each 8 rows.
void count_wavefronts(Warp& warp, const Op& op, const SharedRows& rows, std::uint32_t good, int num_rows) {
  OpCounts& counts = counts_of(warp, op);
  for (int first = 0; first < num_rows; first += 8) {
    std::uint32_t worst = 1;
    for (int row = first; row < first + 8; ++row) {
      std::uint32_t same = 0;
      for (int other = first; other <= row; ++other) {
        bool known = !(good >> other & 1) || rows.of[other] / kRowBytes % 8 != rows.of[row] / kRowBytes % 8;
        for (int earlier = first; earlier < other; ++earlier) known |= rows.of[earlier] / kRowBytes == rows.of[other] / kRowBytes;
        same += !known;
      }
      worst = std::max(worst, same);
    }
    counts.shared_wavefronts += worst;
    ++counts.shared_wavefronts_ideal;
  }
}

// Rows that lanes 0 .. num_rows - 1 name; those refused are zeros.
void read_rows(Warp& warp, const Op& op, int num_rows, Row* out) {
  SharedRows rows;
  const std::uint32_t good = shared_rows(warp, op, num_rows, Access::kRead, rows);
  count_wavefronts(warp, op, rows, good, num_rows);
  const Cta& cta = *warp.cta;
  if (cta.launch->checks) {
    LaneAddresses addresses;
    for (int lane = 0; lane < kLanes; ++lane) addresses.of[lane] = rows.of[lane];
    check_valid(warp, op, {good, 0, nullptr, warp.cta->shared_valid.data(), nullptr}, addresses, data_bytes(op.element_bytes), "shared");
  }
  check_shared_read_rows(warp, op, rows.of, good);
  for (int lane = 0; lane < num_rows; ++lane) {
    std::fill_n(out[lane], kRowBytes, std::uint8_t{0});
    if (good >> lane & 1) unpack(cta.shared.data() + rows.of[lane], op.element_bytes, out[lane]);
  }
}

}  // namespace

void load_byte_matrix(Warp& warp, const Op& op) {
  Row rows[32];
  read_rows(warp, op, 16 * op.count, rows);
  const std::uint32_t* registers = warp.cta->launch->program->extra.data() + op.extra;
  for (int i = 0; i < 2 * op.count; ++i)
    for (int lane = 0; lane < kLanes; ++lane) {
      if (!(warp.mask >> lane & 1)) continue;
      std::uint32_t value = 0;
      for (int j = 0; j < 4; ++j) value |= static_cast<std::uint32_t>(rows[16 * (i / 2) + 4 * (lane % 4) + j][lane / 4 + 8 * (i % 2)]) << 8 * j;
      warp.reg32(registers[i])[lane] = value;
    }
}

void load_packed_matrix(Warp& warp, const Op& op) {
  Row rows[32];
  read_rows(warp, op, 8 * op.count, rows);
  const std::uint32_t* registers = warp.cta->launch->program->extra.data() + op.extra;
  for (int i = 0; i < op.count; ++i)
    for (int lane = 0; lane < kLanes; ++lane)
      if (warp.mask >> lane & 1) std::memcpy(warp.reg32(registers[i]) + lane, rows[8 * i + lane / 4] + 4 * (lane % 4), 4);
}

void store_byte_matrix(Warp& warp, const Op& op) {
  SharedRows rows;
  const std::uint32_t good = shared_rows(warp, op, 8 * op.count, Access::kWrite, rows);
  count_wavefronts(warp, op, rows, good, 8 * op.count);
  check_shared_write_rows(warp, op, rows.of, good);
  Cta& cta = *warp.cta;
  const std::uint32_t* registers = cta.launch->program->extra.data() + op.extra;
  for (int i = 0; i < op.count; ++i) {
    Row columns[8];
    for (int lane = 0; lane < kLanes; ++lane)
      for (int j = 0; j < 4; ++j)
        columns[2 * (lane % 4) + j % 2][lane / 4 + 8 * (j / 2)] = static_cast<std::uint8_t>(warp.reg32(registers[i])[lane] >> 8 * j);
    for (std::uint32_t rest = good >> 8 * i & 0xff; rest != 0; rest &= rest - 1) {
      const int column = std::countr_zero(rest);
      const std::uint32_t to = rows.of[8 * i + column];
      std::memcpy(cta.shared.data() + to, columns[column], kRowBytes);
      if (cta.launch->checks) std::memset(cta.shared_valid.data() + to, 0xff, kRowBytes);
    }
  }
}

}  // namespace bsgen::sim
