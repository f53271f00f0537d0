// Order that warps make by flags in memory: release and acquire accesses, and fences around relaxed ones (PTX ISA, "Memory consistency
// model", release and acquire patterns). One per worker, for the cluster that runs.
//
// A flag is an address with what its last value released. A read that acquires joins that to what its warp knows; a write replaces it,
// a read-modify-write adds to it. Scopes: what is released at .cta is for readers of that cta only, and so is all behind a narrow fence.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "runtime/sim/check/clock.h"

namespace bsgen::sim {

struct Warp;
struct Worker;

enum class Scope : std::uint8_t { kCta, kCluster, kGpu };
inline constexpr int kNumScopes = 3;

// Flags that clusters share, by global address.
using GlobalFlags = std::map<std::uint64_t, OtherClusters>;

class FlagOrder {
 public:
  void reset(std::size_t num_warps);  // of the cluster

  struct Access {
    bool reads, writes, acquires, releases;
    Scope scope;
  };
  // `address`: generic, those of shared memory with the rank of the cta they belong to.
  void access(Warp& warp, std::uint64_t address, const Access& access);
  void fence(Warp& warp, Scope scope);
  // For synchronisation that is not a flag: what a fence before it covers; what counts once a fence follows.
  void release_relaxed(const Warp& warp, Clock& into) const;
  void acquire_relaxed(const Warp& warp, const Clock& from);

 private:
  struct PerWarp { Clock fenced[kNumScopes], seen[kNumScopes]; };  // released by its last fence; acquired by its next one
  std::vector<PerWarp> warps_;
  std::map<std::pair<std::uint64_t, int>, Clock> flags_;  // by address and 0 = of the cluster, 1 + rank = of that cta
};

// What the warp knows and has done goes into the clock, and the other way round, whichever shadow its cluster has.
void release(Warp& warp, Clock& into);
void acquire(Warp& warp, const Clock& from);
// Its number among the agents of its cluster, and its time.
std::uint16_t agent_number(const Warp& warp);
std::uint32_t clock_of(const Warp& warp);

}  // namespace bsgen::sim
