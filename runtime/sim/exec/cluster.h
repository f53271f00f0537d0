// What the ctas of one cluster share while they run: mbarriers, copies in flight, the cluster barrier, and who has synchronised with whom.
// A cta outside a cluster is a cluster of one. Exists only for programs with Program::uses_async.
#pragma once

#include <functional>
#include <vector>

#include "runtime/sim/check/proxy_shadow.h"
#include "runtime/sim/exec/register_pool.h"
#include "runtime/sim/exec/warp.h"

namespace bsgen::sim {

// Shared addresses of the cluster: the cta's own window is used as it is; mapa gives those of rank r as (r + 1) << 24 | address.
inline constexpr int kClusterRankShift = 24;

// The state of an mbarrier (PTX ISA, "Parallel Synchronization and Communication Instructions: mbarrier").
struct Mbarrier {
  static constexpr std::int64_t kMaxCount = (1 << 20) - 1;  // of arrivals; transactions go from minus this to this
  struct Arrival {
    int cta, warp;
    std::uint32_t op;
  };
  bool live = false;
  int cta = 0;                     // rank in the cluster
  std::uint32_t offset = 0;        // in its shared memory
  std::int64_t expected = 0, pending = 0, transactions = 0;
  std::uint64_t phase = 0;         // phases completed
  ProxyShadow::Agent agent = 0;    // the copies that complete on it
  Clock arriving, completed;
  ProxyShadow::Agent init_warp = 0;
  std::uint32_t init_clock = 0;
  bool fenced = false;             // the async proxy and other ctas see the initialisation
  // The last copy that counted bytes here, in this phase; and how many phases some wait has seen complete.
  Warp* copier = nullptr;
  std::uint32_t copy_op = 0;
  std::uint64_t copy_phase = 0, phases_seen = 0;
  std::uint64_t num_arrivals = 0;
  Arrival last[4] = {};
};

// A copy that counts its bytes on an mbarrier.
struct Flight {
  std::size_t barrier;  // index into Cluster::mbarriers
  std::function<void()> land;
  Warp* issuer = nullptr;  // of a bulk copy: whose finding it is when nobody waits for it
  std::uint32_t op = 0;
};

struct Cluster {
  ProxyShadow shadow;
  std::vector<Mbarrier> mbarriers;
  std::vector<std::uint32_t> mbarrier_at;     // [cta][offset / 8]: index + 1
  std::vector<std::uint32_t> agent_clock;     // per mbarrier agent: of what has landed in the current phase
  std::vector<Flight> flights;                // in order of issue
  int num_ctas = 1;
  struct RemoteUse { std::uint32_t clock = 0, op = 0; };
  RegisterPool registers;
  std::vector<RemoteUse> remote_uses;         // [cta][warp of the cluster]: its last use of that cta's shared memory
  std::uint64_t progress = 0;                 // counts what can wake somebody
  std::uint64_t barrier_phase = 0;            // barrier.cluster
  Clock barrier_arriving, barrier_completed;

  void reset(std::vector<Cta>& ctas, std::uint32_t shared_bytes);
  Mbarrier* find(int cta, std::uint64_t offset);
};

inline ProxyShadow::Agent agent_of(const Warp& warp) { return warp.cta->cluster->shadow.warp(warp.cta->rank, warp.index); }

// Lands one copy: one that somebody waits for if there is one. False where none is in flight.
bool land_a_flight(Worker& worker);
// Completes the barrier of the cluster where all warps that live have arrived.
void check_cluster_barrier(Worker& worker);
// "the mbarrier at shared offset 64 (full+8)"
std::string name_of(const Worker& worker, const Mbarrier& barrier);
// What every warp of the cluster waits for.
std::string describe_waits(const Worker& worker);
// Of a cta that has ended: other ctas' uses of its shared memory must come before that.
void check_remote_uses(Worker& worker, Cta& cta);
// Findings about what is left when all warps have ended; lands it.
void finish_cluster(Worker& worker);

}  // namespace bsgen::sim
