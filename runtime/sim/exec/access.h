// One warp access to memory: addresses of the lanes, then groups of lanes that fall into one piece of memory, checked.
#pragma once

#include <bit>
#include <cstring>

#include "runtime/sim/exec/warp.h"

namespace bsgen::sim {

struct LaneAddresses {
  std::uint64_t of[kLanes];
};

// Lanes of `mask` whose bytes all lie inside one piece of memory: lane l's data is at host + (address - base).
struct Piece {
  std::uint32_t mask = 0;
  std::uint64_t base = 0;
  std::byte* host = nullptr;
  std::uint8_t* valid = nullptr;  // nullptr where everything is known to hold values
  Allocation* allocation = nullptr;
};

enum class Access : std::uint8_t { kRead, kWrite };

void gather_addresses(const Warp& warp, const Op& op, LaneAddresses& addresses);

// Takes the lanes out of `mask` that can be served together and reports those that are out of bounds or misaligned; call it
// until mask is 0. A piece may come back empty. `align` is the alignment asked for, 0 = that of `bytes`.
Piece next_global_piece(Warp& warp, const Op& op, const LaneAddresses& addresses, std::uint32_t bytes, Access access, std::uint32_t& mask,
                        std::uint32_t align = 0);
// Shared memory is one piece: addresses become offsets, bad lanes leave the mask.
Piece shared_piece(Warp& warp, const Op& op, LaneAddresses& addresses, std::uint32_t bytes, Access access, std::uint32_t mask);
// Aligned rows of 16 bytes, from lane 0 on, the common case of ldmatrix and stmatrix: offsets of the good ones, whose lanes it returns.
struct SharedRows {
  std::uint32_t of[kLanes];
};
std::uint32_t shared_rows(Warp& warp, const Op& op, int num_rows, Access access, SharedRows& rows);

// Reports lanes that read bytes without a value.
void check_valid(Warp& warp, const Op& op, const Piece& piece, const LaneAddresses& addresses, std::uint32_t bytes, std::string_view space);
void check_valid_rows(Warp& warp, const Op& op, const SharedRows& rows, std::uint32_t mask);
// Happens-before of shared memory; offsets from the window's start.
// An atomic update against plain accesses, by whichever shadow the cta has.
void check_atomic_among_plain(Warp& warp, const Op& op, int rank, std::uint32_t offset, std::uint32_t bytes, int lane);
void check_shared_read(Warp& warp, const Op& op, std::uint32_t offset, std::uint32_t bytes, int lane);
void check_shared_write(Warp& warp, const Op& op, std::uint32_t offset, std::uint32_t bytes, int lane);
void check_shared_issue(Warp& warp, const Op& op, std::uint32_t offset, std::uint32_t bytes, int lane);  // cp.async
// The same for aligned rows of 16 bytes, one per lane of the mask.
void check_shared_read_rows(Warp& warp, const Op& op, const std::uint32_t* offsets, std::uint32_t mask);
void report_lane_conflict(Warp& warp, const Op& op, LaneOrder::Conflict conflict, Access access, std::uint32_t offset, std::uint32_t bytes);
void check_shared_write_rows(Warp& warp, const Op& op, const std::uint32_t* offsets, std::uint32_t mask);
void check_shared_issue_rows(Warp& warp, const Op& op, const std::uint32_t* offsets, std::uint32_t mask);
// cp.async that has been waited for.
void check_shared_complete(Warp& warp, const std::uint32_t* offsets, std::uint32_t bytes, std::uint32_t mask);

// 32-byte sectors that the lanes of `mask` touch, times 32.
std::uint64_t sector_bytes(const LaneAddresses& addresses, std::uint32_t mask);

}  // namespace bsgen::sim
