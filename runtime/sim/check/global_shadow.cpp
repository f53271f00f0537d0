#include "runtime/sim/check/global_shadow.h"

#include <algorithm>
#include <bit>
#include <new>
#include <tuple>

namespace bsgen::sim {
namespace {

using Access = GlobalShadow::Access;
using Event = GlobalShadow::Event;

constexpr std::size_t kMaxEvents = 32;  // of one cell

bool is_strong(Access access) {
  return access == Access::kStrongRead || access == Access::kStrongWrite || access == Access::kAtomic || access == Access::kAsyncAtomic;
}
bool includes(const Event& a, const Event& b) {  // the scope of a
  if (a.scope == Scope::kGpu) return true;
  return a.cluster == b.cluster && (a.scope == Scope::kCluster || a.rank == b.rank);
}
bool meet_strongly(const Event& a, const Event& b) { return is_strong(a.access) && is_strong(b.access) && includes(a, b) && includes(b, a); }
bool conflict(const Event& a, const Event& b) {
  return (a.bytes & b.bytes) != 0 && (GlobalShadow::writes(a.access) || GlobalShadow::writes(b.access)) && !meet_strongly(a, b);
}

// All but the bytes and lanes, which join.
bool same(const Event& a, const Event& b) {
  return a.cluster == b.cluster && a.clock == b.clock && a.op == b.op && a.lane_epoch == b.lane_epoch && a.by == b.by && a.access == b.access && a.scope == b.scope;
}

std::uint32_t first_byte(std::uint16_t bytes) { return static_cast<std::uint32_t>(std::countr_zero(bytes)); }

void collect(const GlobalShadow::Table& table, const GlobalShadow::Page& page, std::uint32_t place, std::vector<Event>& events) {
  if ((page.touched >> place & 1) == 0) return;
  const GlobalShadow::Cell& cell = page.cells[place];
  events.push_back(cell.event);
  for (std::uint32_t next = cell.next; next != 0; next = table.at(next).next) events.push_back(table.at(next).event);
}

}  // namespace

void GlobalShadow::Pool::take(Pages& into) {
  constexpr std::size_t kBatch = 16;
  {
    std::lock_guard lock(mutex_);
    for (; into.size() < kBatch && !pages_.empty(); pages_.pop_back()) into.push_back(std::move(pages_.back()));
  }
  if (into.empty())
    if (std::unique_ptr<Page> page(new (std::nothrow) Page()); page != nullptr) into.push_back(std::move(page));
}

void GlobalShadow::Pool::give(Pages& pages) {
  constexpr std::size_t kMostPages = 16384;  // 32 MiB
  std::lock_guard lock(mutex_);
  for (std::unique_ptr<Page>& page : pages)
    if (page != nullptr && pages_.size() < kMostPages) pages_.push_back(std::move(page));
}

GlobalShadow::~GlobalShadow() {
  for (Table& table : tables_) pool_->give(table.pages), pool_->give(table.more);
  if (pool_ != nullptr) pool_->give(spare_);
}

std::unique_ptr<GlobalShadow::Page> GlobalShadow::new_page() {
  if (spare_.empty()) pool_->take(spare_);
  if (spare_.empty()) return nullptr;
  std::unique_ptr<Page> page = std::move(spare_.back());
  spare_.pop_back();
  page->touched = page->shared = 0;
  return page;
}

void GlobalShadow::start(const std::vector<const Allocation*>& allocations, bool clusters_meet, Pool& pool) {
  clusters_meet_ = clusters_meet;
  pool_ = &pool;
  for (const Allocation* allocation : allocations) {
    tables_.emplace_back();
    tables_.back().allocation = allocation;
    tables_.back().pages.resize((allocation->bytes + kGranule * kPageGranules - 1) / (kGranule * kPageGranules));
  }
}

// Its number, for Cell::next; 0 where there is no memory for it.
std::uint32_t GlobalShadow::append(Table& table, const Cell& cell) {
  std::uint32_t next;
  if (!table.unused.empty()) {
    next = table.unused.back();
    table.unused.pop_back();
  } else {
    if (table.num_more == table.more.size() * kPageGranules) {
      std::unique_ptr<Page> page = new_page();
      if (page == nullptr) return 0;
      table.more.push_back(std::move(page));
    }
    next = ++table.num_more;
  }
  table.at(next) = cell;
  return next;
}

void GlobalShadow::put(Table& table, Page& page, std::uint32_t place, const std::vector<Event>& events) {
  Cell& cell = page.cells[place];
  for (std::uint32_t next = cell.next; next != 0; next = table.at(next).next) table.unused.push_back(next);
  cell = {events[0], 0};
  for (std::size_t i = events.size(); i > 1; --i) cell.next = append(table, {events[i - 1], cell.next});
}

GlobalShadow::Verdict GlobalShadow::access(const Event& event, Table& table, std::uint64_t granule, const Observer& observer) {
  std::unique_ptr<Page>& page = table.pages[granule / kPageGranules];
  if (page == nullptr) page = new_page();
  if (page == nullptr) return {};  // worker threads have nobody to tell; what is not recorded is not reported
  const std::uint32_t place = granule % kPageGranules;
  Cell& cell = page->cells[place];
  if ((page->touched >> place & 1) == 0) [[likely]] {
    page->touched |= std::uint64_t{1} << place;
    cell = {event, 0};
    return {};
  }
  // Mostly bytes that nobody has touched before: the parts of a row that one warp writes with several instructions.
  Cell* again = nullptr;
  std::size_t length = 1;
  for (Cell* at = &cell;; at = &table.at(at->next), ++length) {
    if (same(at->event, event) && at->event.lanes == event.lanes)
      again = at;
    else if ((at->event.bytes & event.bytes) != 0 || at->event.cluster != event.cluster || length == kMaxEvents)
      return access_slowly(event, table, *page, place, observer);
    if (at->next == 0) break;
  }
  if (again != nullptr) {
    again->event.bytes |= event.bytes;
    return {};
  }
  cell.next = append(table, {event, cell.next});
  return {};
}

GlobalShadow::Verdict GlobalShadow::judge(const Event& earlier, const Event& event, const Observer& observer) const {
  const auto common = static_cast<std::uint16_t>(earlier.bytes & event.bytes);
  if (!conflict(earlier, event)) return {};
  Verdict verdict{Fault::kRace, earlier, -1, first_byte(common)};
  const bool own = earlier.cluster == event.cluster && earlier.by == event.by && !is_async(earlier.access);
  if (event.access == Access::kReadOnly && (own || observer.knows(earlier))) {
    verdict.fault = Fault::kReadOnly;
    return verdict;
  }
  if (own) {
    // The same warp. Sure only where no lane of the access can have touched these bytes before by itself.
    const std::uint32_t others = event.lanes & ~earlier.lanes;
    const bool sure = others == event.lanes || (others != 0 && (event.bytes & ~earlier.bytes) == 0);
    if (earlier.lane_epoch != event.lane_epoch || !sure) return {};
    verdict.fault = Fault::kLanes;
    verdict.lane = std::countr_zero(others);
    return verdict;
  }
  if (!observer.knows(earlier)) {
    if (is_strong(earlier.access) && is_strong(event.access)) verdict.fault = Fault::kScope;
    return verdict;
  }
  if (is_async(event.access) && !is_async(earlier.access) && writes(earlier.access) && !observer.async_proxy_sees(earlier)) {
    verdict.fault = Fault::kProxy;
    return verdict;
  }
  return {};
}

GlobalShadow::Verdict GlobalShadow::access_slowly(const Event& event, Table& table, Page& page, std::uint32_t place, const Observer& observer) {
  events_.clear();
  collect(table, page, place, events_);
  Verdict worst;
  std::size_t kept = 0;
  bool joined = false;
  for (Event& earlier : events_) {
    const bool own = earlier.cluster == event.cluster;
    if (!own) page.shared |= std::uint64_t{1} << place;
    if ((earlier.bytes & event.bytes) != 0 && (own || clusters_meet_)) {
      const Verdict verdict = judge(earlier, event, observer);
      if (worst.fault == Fault::kNone) worst = verdict;
      // A write ends what is known of its bytes, since whoever knows it knows all before it; but a strong one does so only among strong
      // ones, for those need nothing in between. A read takes the place of reads that are known to it.
      // Of strong ones that with the narrower scope races with more.
      const bool weak = !is_strong(event.access), covers = weak || (is_strong(earlier.access) && event.scope <= earlier.scope);
      const bool mine = own && earlier.by == event.by;
      const bool ends = writes(event.access) ? weak || (covers && mine) : !writes(earlier.access) && covers && (mine || observer.knows(earlier));
      if (ends && !same(earlier, event)) earlier.bytes &= static_cast<std::uint16_t>(~event.bytes);
    }
    if (same(earlier, event)) {
      earlier.bytes |= event.bytes;
      earlier.lanes |= event.lanes;
      joined = true;
    }
    if (earlier.bytes != 0) events_[kept++] = earlier;
  }
  events_.resize(kept);
  if (!joined) events_.push_back(event);
  if (events_.size() > kMaxEvents) forget(events_, event.cluster);
  put(table, page, place, events_);
  return worst;
}

// Of other clusters two that read and two that wrote are enough for a cell: of three that meet, two meet. Then the oldest reads go.
void GlobalShadow::forget(std::vector<Event>& events, std::uint32_t cluster) {
  std::uint32_t seen[2][2];
  int count[2] = {0, 0};
  std::erase_if(events, [&](const Event& event) {
    if (event.cluster == cluster) return false;
    const int kind = writes(event.access);
    for (int i = 0; i < count[kind]; ++i)
      if (seen[kind][i] == event.cluster) return false;
    if (count[kind] == 2) return true;
    seen[kind][count[kind]++] = event.cluster;
    return false;
  });
  while (events.size() > kMaxEvents) {
    const auto read = std::find_if(events.begin(), events.end() - 1, [](const Event& event) { return !writes(event.access); });
    events.erase(read == events.end() - 1 ? events.begin() : read);
  }
}

void GlobalShadow::between_clusters(const std::vector<const GlobalShadow*>& shadows, std::uint32_t end, const Meeting& meeting) {
  if (shadows.empty()) return;
  std::vector<Event> events;
  for (std::size_t t = 0; t < shadows[0]->tables_.size(); ++t) {
    for (std::size_t p = 0; p < shadows[0]->tables_[t].pages.size(); ++p) {
      // Mostly each cell is one cluster's, and no cell needs a look.
      std::uint64_t touched = 0, met = 0;
      for (const GlobalShadow* shadow : shadows)
        if (const Page* page = shadow->tables_[t].pages[p].get(); page != nullptr) {
          met |= page->shared | (touched & page->touched);
          touched |= page->touched;
        }
      for (; met != 0; met &= met - 1) {
        const auto place = static_cast<std::uint32_t>(std::countr_zero(met));
        events.clear();
        for (const GlobalShadow* shadow : shadows)
          if (const Table& table = shadow->tables_[t]; table.pages[p] != nullptr) collect(table, *table.pages[p], place, events);
        std::erase_if(events, [&](const Event& event) { return event.cluster >= end; });
        if (events.size() < 2) continue;
        std::sort(events.begin(), events.end(), [](const Event& a, const Event& b) {
          return std::tie(a.cluster, a.op, a.by, a.access, a.bytes, a.lanes) < std::tie(b.cluster, b.op, b.by, b.access, b.bytes, b.lanes);
        });
        const auto meets = [&](const Event& later) {
          for (const Event& earlier : events) {
            if (earlier.cluster >= later.cluster) return false;
            if (!conflict(earlier, later)) continue;
            meeting(*shadows[0]->tables_[t].allocation, std::uint64_t{p} * kPageGranules + place, earlier, later, first_byte(earlier.bytes & later.bytes));
            return true;
          }
          return false;
        };
        for (const Event& later : events)
          if (meets(later)) break;
      }
    }
  }
}

}  // namespace bsgen::sim
