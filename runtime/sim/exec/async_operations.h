// Work that a warp starts and that runs beside it until it waits: wgmma, and bulk copies that count in bulk groups.
//
//   struct MyOperation final : AsyncOperation { void write(Warp& warp) override { ... } };
//   issue_async(warp, op, AsyncKind::kTensor, lane, std::make_unique<MyOperation>(...));   // wgmma.mma_async, with lane 0
//   commit_async(warp, AsyncKind::kTensor);                                                // wgmma.commit_group
//   wait_async(warp, AsyncKind::kTensor, groups_left, false);                              // wgmma.wait_group N
//
// The schedule says whether an operation is carried out at issue or at the wait; operations of one kind are carried out in the order
// of their issue. wgmma is the work of a warpgroup: its wait lets nobody through before all four warps have committed the group, and
// carries out all of theirs; its Op has kind OpKind::kWait. Groups are counted per lane, as the PTX ISA counts them per thread: the lanes of warp.mask commit and wait. Whatever
// no wait of its lane covers when the cta ends is a finding, and is carried out then.
//
// An opcode that uses this, or mbarriers, or the async proxy in any other way, sets Program::uses_async when it is decoded.
#pragma once

#include <cstdint>
#include <memory>

#include "runtime/sim/exec/warp.h"

namespace bsgen::sim {

struct AsyncOperation {
  virtual ~AsyncOperation() = default;
  virtual void read(Warp&) {}       // takes its sources: afterwards they may be overwritten. Called once, before write
  virtual void write(Warp& warp) = 0;  // its results are there. Called once
};

void issue_async(Warp& warp, const Op& op, AsyncKind kind, int lane, std::unique_ptr<AsyncOperation> operation);
void commit_async(Warp& warp, AsyncKind kind);
// Waits until at most `groups_left` of the newest groups of each lane of warp.mask are pending; with only_reads (.read) until the
// others have read their sources.
void wait_async(Warp& warp, AsyncKind kind, std::uint32_t groups_left, bool only_reads);

// Carries out whatever is left, at the end of the cta.
void drain_async(Warp& warp, AsyncKind kind);

// Bytes of shared memory that an operation about to be issued reads through the async proxy, any time until its group is waited for:
// `offset` from the start of the warp's cta's shared memory (descriptor address - kSharedBase). Reports bytes outside, bytes without a
// value, bytes written without synchronisation or without fence.proxy.async; a later write before the wait is then reported too. False
// where the range is outside: the operation must not touch it. Cheap per call and per 16 bytes; long ranges are cheaper than short.
bool async_read_shared(Warp& warp, const Op& op, AsyncKind kind, std::uint64_t offset, std::uint32_t bytes, int lane = kWholeWarp);

// The same for many granules of 16 bytes (offsets / 16) and a whole warp. Those outside are reported; the operation must not touch them.
void async_read_granules(Warp& warp, const Op& op, AsyncKind kind, const std::uint32_t* granules, int count);

}  // namespace bsgen::sim
