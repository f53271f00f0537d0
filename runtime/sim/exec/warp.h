// The state that executes: a warp with its splits, the cta it belongs to, and the worker that runs one cta after the other.
#pragma once

#include <climits>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/sim/check/diagnostics.h"
#include "runtime/sim/check/flag_order.h"
#include "runtime/sim/check/global_shadow.h"
#include "runtime/sim/check/lane_order.h"
#include "runtime/sim/check/shared_atomics.h"
#include "runtime/sim/check/shared_shadow.h"
#include "runtime/sim/exec/memory_map.h"
#include "runtime/sim/exec/op_counts.h"
#include "runtime/sim/exec/program.h"
#include "runtime/sim/exec/tensor_core.h"
#include "runtime/sim/exec/wgmma_state.h"
#include "runtime/sim/sim_device.h"

namespace bsgen::sim {

inline constexpr int kLanes = 32;
inline constexpr std::uint32_t kFullMask = ~std::uint32_t{0};

struct Cta;
class Tracer;

// Lanes of one warp that stand at one program counter. The split with the lowest one runs first, which brings structured code
// back together at its joins without post-dominators (thread frontiers).
struct Split {
  int pc;
  std::uint32_t mask;
  bool parked;  // waits for other lanes of the warp to arrive at the same instruction
  bool deferred = false;  // has waited in vain; others go first
};

// One cp.async of a warp that has not been waited for.
struct PendingCopy {
  std::uint32_t mask;
  std::uint32_t group;        // index of the commit group, per lane counted the same
  std::uint32_t op;           // for findings
  std::uint8_t bytes;
  std::uint32_t landed;       // lanes whose data is in place
  std::uint32_t arriving = 0; // lanes whose copy will arrive at an mbarrier: whoever waits there waits for it
  std::uint8_t source_bytes[kLanes];
  std::uint32_t shared_offset[kLanes];
  const std::byte* source[kLanes];
};

// Kinds of asynchronous work that is waited for in groups (async_operations.h).
enum class AsyncKind : std::uint8_t { kTensor, kBulk };  // wgmma groups, bulk groups
inline constexpr int kNumAsyncKinds = 2;
struct AsyncOperation;
struct QueuedOperation {
  std::uint32_t group;  // of its lane
  std::uint32_t op;     // for findings
  int lane;
  bool has_read, has_written;
  bool read_waited;     // a wait with .read has covered it
  std::unique_ptr<AsyncOperation> operation;  // none once it is carried out
};
// A wait at an mbarrier that has failed, for the report of a deadlock and for phases that pass unseen.
struct FailedWait {
  std::uint32_t op;
  int lane;
  std::size_t barrier;      // index into Cluster::mbarriers
  std::uint64_t phase;      // that it waits for
};
struct AsyncQueue {
  AsyncQueue();
  ~AsyncQueue();  // where AsyncOperation is complete
  AsyncQueue(AsyncQueue&&) noexcept;
  AsyncQueue& operator=(AsyncQueue&&) noexcept;
  std::uint32_t committed[kLanes] = {};
  std::vector<QueuedOperation> pending;
};

struct Warp {
  std::byte* registers = nullptr;
  std::uint32_t mask = 0;      // lanes for which the current instruction executes
  std::uint32_t active = 0;    // lanes of the running split
  std::uint32_t live = 0;      // lanes that have not exited
  int pc = 0;
  int merge_pc = INT_MAX;      // lowest pc of the other splits: reaching it means to look at them
  std::vector<Split> others;
  Cta* cta = nullptr;
  int index = 0;               // in the cta
  bool done = false;
  bool forced = false;         // the instruction runs although lanes are missing; it has been reported
  int barrier = -1;            // named barrier it waits at
  std::uint32_t lane_epoch = 0;  // of the cta's LaneOrder
  bool lanes_wrote = false;      // shared memory, in this epoch
  std::uint32_t lane_clock = 0;  // the warp's clock when the epoch began, where it is known: whatever is later no lane knows of another
  struct { std::uint64_t address = 0; std::uint32_t op = 0, value = 0, times = 0, slices_ago = 0; } poll;  // the last strong read of global memory
  std::uint32_t strong_clock = 0;  // of the access under way that orders memory: the time before that order; else 0
  std::uint32_t committed[kLanes] = {};  // cp.async groups per lane
  std::vector<PendingCopy> pending;
  AsyncQueue async[kNumAsyncKinds];
  WarpWgmma wgmma;
  // Set by the handler of an OpKind::kWait: others go first; the instruction executes again.
  bool gives_way = false, repeats = false;
  std::vector<FailedWait> failed_waits;
  std::vector<std::uint32_t> lanes_with;  // by index into UndefinedTable::names: the lanes that have written it
  bool cluster_arrived = false;     // at barrier.cluster, in the phase that is open
  bool cluster_phase_open = false;  // has arrived and not waited yet
  bool cluster_waits = false, group_waits = false;  // for the report of a deadlock
  std::uint64_t cluster_phase = 0;

  std::uint32_t* reg32(std::uint32_t slot) const { return reinterpret_cast<std::uint32_t*>(registers + slot); }
  std::uint64_t* reg64(std::uint32_t slot) const { return reinterpret_cast<std::uint64_t*>(registers + slot); }
  std::uint32_t& predicate(std::uint32_t slot) const { return *reg32(slot); }
};

// What the lanes of the warp did so far is known to all of them from here on.
void order_lanes(Warp& warp);

struct Barrier {
  std::uint32_t expected = 0;   // warps; 0 = no phase is open
  std::uint32_t arrived = 0;
  std::uint64_t arrivals = 0;   // warps, as a mask
  std::uint64_t waiting = 0;
  std::uint64_t early = 0;      // warps that have arrived and not waited: what they knew then is in `released`
  Clock released;
  std::uint32_t votes = 0, voters = 0;  // bar.red
};

// What all ctas of a launch share.
struct LaunchState {
  const Program* program = nullptr;
  const MemoryMap* memory_map = nullptr;
  MemorySnapshot memory;
  GlobalShadow::Pool* shadow_pages = nullptr;
  std::vector<const Allocation*> tracked;  // what the kernel may write, where races are looked for
  LaunchConfig config;
  std::vector<std::byte> parameters;
  Schedule schedule;
  std::uint32_t shared_bytes = 0;  // static and dynamic
  std::uint64_t instruction_budget = 0;
  bool checks = true;               // SimOptions::checks
  TensorCoreModel model;
  Tracer* tracer = nullptr;         // watches a warp (tracer.h); mostly none does
  std::uint32_t cluster[3] = {1, 1, 1};  // ctas per cluster; divides the grid
  std::uint64_t resident_clusters = 1;    // no GPU of this architecture holds more at once
  std::size_t cluster_ctas() const { return std::size_t{cluster[0]} * cluster[1] * cluster[2]; }
};

struct Worker;
struct Cluster;

struct Cta {
  const LaunchState* launch = nullptr;
  Worker* worker = nullptr;
  std::uint32_t index[3] = {};
  std::uint64_t linear = 0;                // its number in the grid
  std::uint64_t order = 0;                 // when its turn comes; equal to `linear` but where a seed shuffles
  std::vector<std::byte> shared;
  std::vector<std::uint8_t> shared_valid;  // 0xff = holds a value
  std::vector<std::byte> local;            // thread-major: local_bytes per thread
  std::vector<std::uint8_t> local_valid;
  std::vector<Warp> warps;
  Barrier barriers[16];
  WarpgroupSteps warpgroups[8];
  SharedShadow shadow;
  LaneOrder lane_order;
  std::uint32_t lane_epochs = 0;            // begun so far
  Cluster* cluster = nullptr;               // none where the program uses nothing asynchronous; then `shadow` is in use
  int rank = 0;                             // in the cluster
  bool ended = false;                       // all warps have
};

inline void order_lanes(Warp& warp) {
  warp.lane_epoch = ++warp.cta->lane_epochs;
  warp.lanes_wrote = false;
  warp.lane_clock = ~std::uint32_t{0};
}

// What clusters that one thread runs leave behind in global memory.
struct GlobalOrder {
  GlobalShadow shadow;
  GlobalFlags flags;
  std::uint64_t news = 0;  // strong reads that were not the same as their warp's last one
};

// One thread's own things; clusters run on it one after the other.
struct Worker {
  Worker(const LaunchState& launch, GlobalOrder& global);
  ~Worker();
  // Runs the cluster (mostly of one cta) whose turn is number `order`, until it ends or, where `may_poll`, until all that its warps do is
  // to read global memory in vain; then it goes on later.
  enum class Turn : std::uint8_t { kEnded, kPolls, kAborted };  // kAborted: the launch cannot go on (trap, deadlock, instruction budget)
  void start_cluster(std::uint64_t order);
  Turn go_on(bool may_poll);
  // The next number of this cta's own sequence, for choices that a seed makes.
  std::uint64_t random();
  // Whether an asynchronous operation issued now moves its data at once.
  bool lands_early() { return launch.schedule.timing == Timing::kEarly || (launch.schedule.timing == Timing::kMixed && (random() & 1)); }

  const LaunchState& launch;
  std::vector<Cta> ctas;                    // of the cluster, by rank
  std::unique_ptr<Cluster> cluster;
  LaunchCounts counts;                      // per op
  std::uint64_t instructions = 0;           // executed so far, up to the last time that a warp stopped
  Findings findings;
  std::vector<std::byte> registers;         // of all warps
  std::vector<Allocation*> last_allocation;  // per op: where its last access fell
  std::uint64_t random_state = 0;
  GlobalOrder& global;
  FlagOrder flags;
  SharedAtomics atomics;                    // of the cluster

 private:
  void warp_ended(Cta& cta);
  std::uint64_t start_instructions_ = 0;    // when the cluster began
};

inline OpCounts& counts_of(Warp& warp, const Op& op) { return warp.cta->worker->counts.ops[op.index]; }

// "sim: cta (x, y) thread t WHAT (ptx line ...)"; a lane may also be one of these.
inline constexpr int kWholeWarp = -1, kWholeCta = -2;
std::string finding_text(const LaunchState& launch, const std::array<std::uint32_t, 3>& cta, int warp, std::uint32_t op, int lane, const std::string& what);

// Reports a finding at the instruction of `op`. `what` makes the text, only for the first of its kind there; kind is a literal.
template <class What>
void report(Warp& warp, const Op& op, Severity severity, std::string_view kind, int lane, What&& what) {
  const std::uint32_t index = op.index;
  const Findings::Where where{warp.cta->order, {warp.cta->index[0], warp.cta->index[1], warp.cta->index[2]}, warp.index};
  warp.cta->worker->findings.add(severity, kind, index, where, [&] { return finding_text(*warp.cta->launch, where.index, warp.index, index, lane, what()); });
}

}  // namespace bsgen::sim
