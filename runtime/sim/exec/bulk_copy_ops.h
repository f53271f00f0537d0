// cp.async.bulk, cp.async.bulk.tensor, cp.reduce.async.bulk(.tensor): copies of whole ranges and boxes by the asynchronous proxy (PTX ISA,
// "Data Movement and Conversion Instructions: Asynchronous copy").
//
// Slots: [1] = shared address (immediate, kAddress64), [2] = global address or that of the tensor map, [3] = mbarrier or, shared to shared,
// see below, [4] = size, [5] = a mask. Program::displacements[Op::target + 0 and + 1] belong to slots 2 and 3. Op::extra = the
// coordinates, count of them, then count - 2 offsets of im2col. Op::element_bytes = BulkFlags, Op::function = the ReduceFunction of a reduction.
#pragma once

#include "runtime/sim/exec/program.h"

namespace bsgen::sim {

enum BulkFlags : std::uint8_t {
  kTensorBox = 1,       // slot 2 is a tensor map, extra the coordinates
  kMulticast = 2,         // of loads: slot 5 = the ctas
  kByteMask = 2,          // of stores: slot 5 = which bytes of each 16 are written
  kBarrierAddress64 = 4,  // slot 3 has 64 bits
  kSourceAddress64 = 8,   // shared to shared: slot 2 has 64 bits
  kFourRows = 16,         // tile::gather4, tile::scatter4: the coordinates are a column and four rows
  kPixels = 32,           // im2col
  kPixelOffsets = 64,     // offsets are given
  kPairBarrier = 128,     // cta_group::2: the mbarrier may be the other cta's of a pair
};

void bulk_load(Warp& warp, const Op& op);    // global -> shared, completes on an mbarrier
void bulk_store(Warp& warp, const Op& op);   // shared -> global, in a bulk group; with a function a reduction
void bulk_between(Warp& warp, const Op& op); // shared::cta (slot 2) -> shared::cluster (slot 1); with a function a reduction
void bulk_commit(Warp& warp, const Op& op);
void bulk_wait(Warp& warp, const Op& op);    // immediate = groups that may stay pending; flags 1 = .read

// st.async and red.async: slot[1] = address, slot[3] = mbarrier, extra = values (count of them, each of element_bytes); flags kAddress64,
// kWideRegisters; slot[5] = 1 where slot 3 has 64 bits; function = the ReduceFunction of red.async.
void store_async(Warp& warp, const Op& op);

// to = to op from, for `count` elements.
using ReduceFunction = void (*)(std::byte* to, const std::byte* from, std::size_t count);
enum class BulkReduction : std::uint8_t { kAdd, kMin, kMax, kInc, kDec, kAnd, kOr, kXor };
// nullptr where there is none; `flush`: sums of f32 lose subnormal operands and results.
ReduceFunction reduce_function(BulkReduction reduction, ptx::ScalarType type, bool flush = true);

}  // namespace bsgen::sim
