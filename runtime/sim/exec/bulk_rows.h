// The global side of a bulk copy: what it reads or writes there, row by row, checked like any access, and how rows lie in shared memory.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/sim/exec/access.h"
#include "runtime/sim/exec/bulk_copy_ops.h"
#include "runtime/sim/exec/tensor_map.h"

namespace bsgen::sim {

inline constexpr std::uint32_t kBulkChunk = 16;  // bytes that no swizzle separates

inline std::uint64_t value64(const Warp& warp, std::uint32_t slot, bool wide, int lane) { return wide ? warp.reg64(slot)[lane] : warp.reg32(slot)[lane]; }
inline std::uint64_t displacement(const Warp& warp, const Op& op, std::uint32_t which) {
  return static_cast<std::uint64_t>(warp.cta->launch->program->displacements[op.target + which]);
}

// Rows of bytes in host memory, each with what of it lies inside the tensor. A copy without tensor map is one row.
struct BulkRows {
  struct Row {
    std::byte* host;  // nullptr: nothing inside, or refused
    std::uint8_t* valid;
    std::uint32_t skip, bytes;
    const Allocation* allocation = nullptr;
    std::uint64_t offset = 0;  // in it
  };
  std::vector<Row> rows;
  std::uint32_t row_bytes = 0;
  TensorSwizzle swizzle = TensorSwizzle::kNone;
  TensorFill fill = TensorFill::kZeros;
  bool rounds_to_tf32 = false;      // loads round what they bring, not what they fill
  ReduceFunction reduce = nullptr;  // of a reduction through a tensor map
  std::uint32_t bytes() const { return row_bytes * static_cast<std::uint32_t>(rows.size()); }
  bool all_inside() const;
};

// What the lane copies; false where it copies nothing, which is reported.
bool plan_rows(Warp& warp, const Op& op, int lane, Access access, BulkRows& rows);

// All rows into the cta's shared memory, from `offset` on.
void copy_in(Cta& cta, const BulkRows& rows, std::uint32_t offset);

// The lines that a box touches are those it spans; with a swizzle its last ones may be touched in part.
template <class Visit>
void each_shared_range(const BulkRows& rows, std::uint32_t offset, Visit visit) {
  if (rows.swizzle == TensorSwizzle::kNone || rows.bytes() % 128 == 0) return visit(offset, rows.bytes());
  for (std::uint32_t at = 0; at < rows.bytes(); at += kBulkChunk) visit(swizzled(offset + at, rows.swizzle), kBulkChunk);
}

}  // namespace bsgen::sim
