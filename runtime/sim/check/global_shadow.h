// Happens-before over global memory: who wrote and read each byte last, and whether anything stands between.
//
// Agents are those of the shared memory's shadows (warps, and what runs beside them), whose clocks say what an agent of the same cluster
// knows; of other clusters OtherClusters says it (clock.h). Kept per 16 bytes, and only for memory that the kernel may write: there is
// nothing to find in the rest, so a kernel's inputs cost nothing. A cell holds one entry per access that is still of interest; mostly
// that is the write of the one warp whose output it is.
//
// Where clusters can order nothing among each other (no atomics, no flags) they run on several threads, each thread with a shadow of
// its own. Conflicts between clusters are then looked for at the end of the launch (between_clusters), in an order that does not depend
// on who ran where. Else one thread runs all clusters, and each access is judged at once.
//
// A race is never invented; a cell that has met very many agents forgets the oldest reads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "compiler/support/fork_safe_mutex.h"
#include "runtime/sim/check/flag_order.h"
#include "runtime/sim/exec/memory_map.h"

namespace bsgen::sim {

class GlobalShadow {
 public:
  static constexpr std::uint32_t kGranule = 16;

  // Strong accesses are those by which threads may meet (.relaxed, .acquire, .release, .volatile; atom and red): they do not race with
  // each other where the scope of each includes the other. kReadOnly: ld.global.nc, for memory that is read-only for the entire lifetime of the kernel.
  enum class Access : std::uint8_t { kRead, kWrite, kStrongRead, kStrongWrite, kAtomic, kReadOnly, kAsyncRead, kAsyncWrite, kAsyncAtomic };
  enum class Fault : std::uint8_t { kNone, kRace, kLanes, kScope, kProxy, kReadOnly };

  struct Event {
    std::uint32_t cluster = 0;     // its place in the launch
    std::uint32_t clock = 0;       // of `by`
    std::uint32_t op = 0;
    std::uint32_t lanes = 0;
    std::uint32_t lane_epoch = 0;  // LaneOrder's: between two of them lanes of a warp are not ordered
    std::uint16_t by = 0;          // agent of the cluster that touches the memory ...
    std::uint16_t bytes = 0;       // ... these of the 16, as a mask
    Access access = Access::kRead;
    Scope scope = Scope::kGpu;
    std::uint8_t rank = 0;         // cta in the cluster
    std::uint8_t warp = 0;         // in the cta: whose instruction it is
    bool operator==(const Event&) const = default;
  };
  struct Verdict {
    Fault fault = Fault::kNone;
    Event other;                   // who came before
    int lane = -1;                 // of the later one, where that is known
    std::uint32_t byte = 0;        // first one of the granule that both touch
  };
  // What the warp that makes an access knows of earlier ones.
  struct Observer {
    virtual ~Observer() = default;
    virtual bool knows(const Event& earlier) const = 0;
    virtual bool async_proxy_sees(const Event& earlier) const = 0;
  };

  struct Cell {
    Event event;
    std::uint32_t next = 0;  // the index + 1 of another one in Table::more
  };
  // Sets of cells are words, so that a page is empty, and two of different threads have nothing in common, without a look at any cell.
  static constexpr std::uint32_t kPageGranules = 64;
  struct Page {
    std::uint64_t touched = 0;  // the cells that hold something; what is in the others means nothing
    std::uint64_t shared = 0;   // of these, where several clusters of one thread met
    Cell cells[kPageGranules];
  };
  using Pages = std::vector<std::unique_ptr<Page>>;
  struct Table {
    const Allocation* allocation = nullptr;
    Pages pages;
    Pages more;
    std::uint32_t num_more = 0;         // cells of `more` in use so far
    std::vector<std::uint32_t> unused;  // of these
    Cell& at(std::uint32_t next) { return more[(next - 1) / kPageGranules]->cells[(next - 1) % kPageGranules]; }
    const Cell& at(std::uint32_t next) const { return const_cast<Table*>(this)->at(next); }
  };
  // Pages of launches that are over, for those to come: fresh memory costs more than what is written there. Thread-safe; many at a time.
  class Pool {
   public:
    void take(Pages& into);  // empty ones; none where there is no memory
    void give(Pages& pages);

   private:
    ForkSafeMutex mutex_;
    Pages pages_;
  };

  GlobalShadow() = default;
  ~GlobalShadow();
  GlobalShadow(const GlobalShadow&) = delete;
  GlobalShadow& operator=(const GlobalShadow&) = delete;

  // `allocations`: those that the kernel may write. `clusters_meet`: one thread runs all clusters, and they may synchronise. `pool` lives longer.
  void start(const std::vector<const Allocation*>& allocations, bool clusters_meet, Pool& pool);
  Table& table(const Allocation& allocation) { return tables_[allocation.tracked - 1u]; }

  Verdict access(const Event& event, Table& table, std::uint64_t granule, const Observer& observer);

  // Two clusters met at these bytes and one of them wrote; `later` is of the cluster whose turn comes later.
  using Meeting = std::function<void(const Allocation& allocation, std::uint64_t granule, const Event& earlier, const Event& later, std::uint32_t byte)>;
  // Of clusters before `end`; at most one meeting per 16 bytes.
  static void between_clusters(const std::vector<const GlobalShadow*>& shadows, std::uint32_t end, const Meeting& meeting);

  static bool writes(Access access) { return access != Access::kRead && access != Access::kStrongRead && access != Access::kReadOnly && access != Access::kAsyncRead; }
  static bool is_async(Access access) { return access >= Access::kAsyncRead; }

 private:
  std::unique_ptr<Page> new_page();
  Verdict access_slowly(const Event& event, Table& table, Page& page, std::uint32_t place, const Observer& observer);
  Verdict judge(const Event& earlier, const Event& event, const Observer& observer) const;
  static void forget(std::vector<Event>& events, std::uint32_t cluster);
  std::uint32_t append(Table& table, const Cell& cell);
  void put(Table& table, Page& page, std::uint32_t place, const std::vector<Event>& events);

  Pool* pool_ = nullptr;
  Pages spare_;  // out of the pool
  std::vector<Table> tables_;
  std::vector<Event> events_;  // of the cell at hand
  bool clusters_meet_ = false;
};

}  // namespace bsgen::sim
