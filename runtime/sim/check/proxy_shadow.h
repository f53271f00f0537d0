// Happens-before over the shared memory of a cluster, for kernels with mbarriers, bulk copies, wgmma or clusters.
//
// Agents are the warps and, beside each warp, its wgmmas, its bulk copies and its cp.asyncs, and one for the bulk copies that complete
// on each mbarrier: work that runs on its own is known to have ended only through the wait that says so. Each warp has vector clocks
// (clock.h): G, what it has synchronised with, P, the part of that which its async proxy sees too, and Q, the same for global memory.
// fence.proxy.async makes P and Q equal to G; synchronisation passes all on. An access is a race where an earlier one is not in G; an access through the async proxy also
// where an earlier one through the generic proxy is not in P (PTX ISA, "Memory consistency model", proxies).
//
// The history of 16 bytes is kept whole, byte by byte: who wrote each last, and every read since. Few histories differ, so memory holds
// the numbers of interned ones, and an access to thousands of bytes with one history is looked at once.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "runtime/sim/check/clock.h"

namespace bsgen::sim {

class ProxyShadow {
 public:
  using Agent = std::uint16_t;
  static constexpr std::uint32_t kGranule = 16;
  static constexpr std::uint32_t kInFlight = ~std::uint32_t{0};  // the clock of a write that has not landed

  // kBulk: a warp's bulk copies out of shared memory, which have read it; kStore: the same, once they have written global memory.
  enum class AgentKind : std::uint8_t { kWarp, kTensor, kBulk, kCopy, kStore, kBarrier };
  enum class Access : std::uint8_t { kRead, kWrite, kAsyncRead, kAsyncWrite };
  enum class Fault : std::uint8_t { kNone, kBarrierObject, kReadAfterWrite, kWriteAfterWrite, kWriteAfterRead, kProxy };
  struct Event {
    Access access = Access::kRead;
    Agent by = 0;             // who touches the memory ...
    std::uint32_t clock = 0;  // ... at this time of its own
    Agent issuer = 0;         // the warp whose knowledge counts
    std::uint32_t op = 0;     // for messages
    bool operator==(const Event&) const = default;
  };
  struct Verdict {
    Fault fault = Fault::kNone;
    Agent other = 0;          // who came before, with which instruction
    std::uint32_t other_op = 0;
    bool in_flight = false;   // its write has not landed at all
  };

  void reset(int num_ctas, int warps_per_cta, std::uint32_t shared_bytes);

  // --- agents -----------------------------------------------------------------------------------------
  Agent warp(int cta, int index) const { return static_cast<Agent>(cta * warps_per_cta_ + index); }
  Agent of(AgentKind kind, Agent warp) const { return static_cast<Agent>(static_cast<int>(kind) * num_warps_ + warp); }
  Agent barrier(std::uint32_t number) const { return static_cast<Agent>(kWarpKinds * num_warps_ + number % kBarrierAgents); }
  AgentKind kind_of(Agent agent) const { return static_cast<AgentKind>(std::min(agent / num_warps_, kWarpKinds)); }
  int cta_of(Agent agent) const { return agent % num_warps_ / warps_per_cta_; }    // of all but kBarrier
  int index_of(Agent agent) const { return agent % num_warps_ % warps_per_cta_; }

  std::uint32_t now(Agent warp) const { return g_[warp][warp]; }
  bool knows(Agent warp, Agent other, std::uint32_t clock) const { return other == warp || g_[warp][other] >= clock; }
  bool sees_in_global(Agent warp, Agent other, std::uint32_t clock) const { return q_[warp][other] >= clock; }  // through the async proxy
  const OtherClusters& others(Agent warp) const { return others_[warp]; }

  // --- memory -----------------------------------------------------------------------------------------
  // The first fault among the bytes; the history afterwards says that the access has happened.
  Verdict access(const Event& event, int cta, std::uint32_t offset, std::uint32_t bytes);
  Verdict access_granule(const Event& event, int cta, std::uint32_t granule, std::uint16_t bytes);  // a mask of its 16 bytes
  // The same of what is not recorded.
  Verdict judge_access(const Event& event, int cta, std::uint32_t offset, std::uint32_t bytes) const;
  // Whole granules; `which` becomes the index of the one at fault.
  Verdict access_granules(const Event& event, int cta, const std::uint32_t* granules, int count, int& which);
  // A write of `by` that was in flight has landed, at `clock` of `by`.
  void land(Agent by, std::uint32_t clock, int cta, std::uint32_t offset, std::uint32_t bytes);
  // The 8 bytes are an mbarrier from now on, or no longer.
  void set_barrier(int cta, std::uint32_t offset, bool is_barrier);

  // --- synchronisation --------------------------------------------------------------------------------
  void release(Agent warp, Clock& into);        // what the warp knows and has done goes into the clock
  void release_until(Agent warp, std::uint32_t clock, Clock& into);  // the same, of its own doing only what came up to that time
  std::uint32_t begin(Agent warp) { tick(warp); return now(warp) - 1; }  // a new time; returns the one that is over
  void acquire(Agent warp, const Clock& from);
  void fence_async(Agent warp, bool shared, bool global);  // fence.proxy.async for these spaces
  void learn(Agent warp, Agent other, std::uint32_t clock);  // `other` has come to `clock`

 private:
  struct Entry {
    Agent agent;
    std::uint16_t bytes;  // mask of 16
    std::uint32_t clock;
    std::uint32_t op;
    bool is_read, is_async;
    bool operator==(const Entry&) const = default;
  };
  struct History {
    std::vector<Entry> entries;
    std::uint16_t barriers = 0;  // bytes of live mbarriers
    bool operator==(const History&) const = default;
  };
  struct Memo {
    std::uint32_t before = ~std::uint32_t{0}, after = 0;
    std::uint64_t version = 0;
    std::uint32_t clock = 0, op = 0;
    Agent by = 0, issuer = 0;
    std::uint16_t mask = 0;
    Access access = Access::kRead;
    Verdict verdict;
  };
  // The last history that an access met without fault, and what it became: the rows of a tile are accesses of one event, with a history in common.
  struct Recent {
    Event event;
    std::uint64_t version = 0;
    std::uint32_t before = ~std::uint32_t{0}, after = 0;
  };
  void look_at(const Event& event);  // recent_ is about it afterwards
  std::uint32_t step(std::uint32_t before, std::uint16_t mask, const Event& event, Verdict& verdict);
  Verdict judge(const History& history, std::uint16_t mask, const Event& event) const;
  std::uint32_t intern(History history);
  template <class Change>
  void change(int cta, std::uint32_t offset, std::uint32_t bytes, Change change);
  void collect();
  void changed(Agent warp) { version_[warp] = ++last_version_; }
  void tick(Agent warp) { ++g_[warp][warp], changed(warp); }

  static constexpr int kBarrierAgents = 64, kWarpKinds = static_cast<int>(AgentKind::kBarrier);
  int num_warps_ = 0, warps_per_cta_ = 1, num_agents_ = 0;
  std::uint32_t granules_ = 0;  // of one cta
  std::vector<std::vector<std::uint32_t>> g_, p_, q_;  // [warp][agent]
  std::vector<OtherClusters> others_;               // per warp
  std::vector<std::uint64_t> version_;              // per warp: changes with what it knows
  std::uint64_t last_version_ = 0;
  std::vector<std::uint32_t> memory_;               // numbers of histories, [cta][granule]
  std::vector<History> histories_;
  std::size_t limit_ = 0;                           // of histories; then the unused ones are forgotten
  std::unordered_map<std::uint64_t, std::uint32_t> interned_;
  std::vector<Memo> memos_;
  Recent recent_;
};

}  // namespace bsgen::sim
