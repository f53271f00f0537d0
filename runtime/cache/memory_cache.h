// MemoryCache: a bounded table from keys to shared values, read without a lock.
//
// A hit writes to lines of its own thread alone: it adds itself to the holders of the cell that it finds (held.h) and then looks whether
// that was the right one. It marks the cell as used only where the mark is missing, which is once between two rounds of the hand that
// looks for what to throw out. That hand takes the first cell without a mark (second chance: nearly the least recently used one).
//
// Writers take turns. A reader that meets a writer who moves things may miss what is there; who misses looks again with
// find_settled() before he does the work.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/support/held.h"

namespace bsgen::runtime {

// `Hash` gives 64 good bits. A value that is thrown out lives on with whoever holds it. There may be one value larger than max_bytes.
template <class Key, class Value, class Hash>
class MemoryCache {
 public:
  using Handle = Held<Key, Value>;

  MemoryCache(std::size_t max_entries, std::uint64_t max_bytes = ~0ull)
      : max_entries_(std::max<std::size_t>(1, max_entries)), max_bytes_(max_bytes) {
    grow(std::min(kFirstSlots, slots_at_most()));
  }
  ~MemoryCache() {
    for (Handle& handle : kept_) let_go(handle);
  }
  MemoryCache(const MemoryCache&) = delete;
  MemoryCache& operator=(const MemoryCache&) = delete;

  // Probe: the key, or what compares with and hashes like it. Empty where there is none.
  template <class Probe>
  Handle find(const Probe& key) const {
    const std::uint64_t hash = Hash{}(key);
    const Table& table = *table_.load(std::memory_order_acquire);
    for (std::size_t i = hash & table.mask, looked_at = 0; looked_at <= table.mask; i = (i + 1) & table.mask, ++looked_at) {
      Cell* cell = table.slots[i].cell.load(std::memory_order_acquire);
      if (!cell) break;
      if (table.slots[i].hash.load(std::memory_order_relaxed) != hash) continue;
      cell->holders.add();
      // Kept means: a tier holds it, and will see that we do too before the cell becomes another's. Only now its key may be read.
      if (cell->kept.load(std::memory_order_seq_cst) && cell->key == key) {
        if (!cell->used.load(std::memory_order_relaxed)) cell->used.store(true, std::memory_order_relaxed);
        return Handle::adopt(cell);
      }
      Handle::leave(cell);
    }
    return {};
  }

  // The same when no writer is in the way.
  template <class Probe>
  Handle find_settled(const Probe& key) const {
    const std::lock_guard lock(mutex_);
    return find(key);
  }

  // The handle must be new: of a value that no tier ever had. Takes the place of what had the key.
  void insert(const Key& key, Handle handle, std::uint64_t bytes = 0) {
    std::vector<Handle> out;  // destroyed after the mutex is given back
    const std::lock_guard lock(mutex_);
    if (Cell* old = cell_of(key)) throw_out(old, out);
    Cell* cell = handle.cell();
    cell->key = key;
    cell->bytes = bytes;
    cell->used.store(false, std::memory_order_relaxed);
    if (2 * (kept_.size() + 1) > table().mask + 1 && table().mask + 1 < slots_at_most()) grow(2 * (table().mask + 1));
    cell->place = kept_.size();
    kept_.push_back(std::move(handle));
    cell->kept.store(true, std::memory_order_seq_cst);
    enter(table(), cell);
    bytes_ += bytes;
    while (kept_.size() > 1 && (kept_.size() > max_entries_ || bytes_ > max_bytes_)) throw_out(next_unused(cell), out);
  }

  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return kept_.size();
  }
  std::uint64_t bytes() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
  }

 private:
  using Cell = runtime::Cell<Key, Value>;

  // Open addressing, linear probing; at most half full.
  struct Slot {
    std::atomic<std::uint64_t> hash{0};
    std::atomic<Cell*> cell{nullptr};
  };
  struct Table {
    explicit Table(std::size_t num_slots) : mask(num_slots - 1), slots(new Slot[num_slots]) {}
    std::size_t mask;
    std::unique_ptr<Slot[]> slots;
  };
  static constexpr std::size_t kFirstSlots = 64;

  std::size_t slots_at_most() const { return std::bit_ceil(2 * (max_entries_ + 1)); }
  Table& table() { return *tables_.back(); }

  // Readers may still be in the former tables, so these stay: together they are smaller than the new one.
  void grow(std::size_t num_slots) {
    auto larger = std::make_unique<Table>(num_slots);
    for (const Handle& handle : kept_) enter(*larger, handle.cell());
    tables_.push_back(std::move(larger));
    table_.store(tables_.back().get(), std::memory_order_release);
  }

  static void enter(Table& table, Cell* cell) {
    const std::uint64_t hash = Hash{}(cell->key);
    std::size_t i = hash & table.mask;
    while (table.slots[i].cell.load(std::memory_order_relaxed)) i = (i + 1) & table.mask;
    table.slots[i].hash.store(hash, std::memory_order_relaxed);
    table.slots[i].cell.store(cell, std::memory_order_release);
  }

  // Closes the gap: what follows moves back as far as its own place allows, so that no probing stops too early.
  void remove(Cell* cell) {
    Table& t = table();
    std::size_t gap = Hash{}(cell->key) & t.mask;
    while (t.slots[gap].cell.load(std::memory_order_relaxed) != cell) gap = (gap + 1) & t.mask;
    for (std::size_t i = (gap + 1) & t.mask; Cell* next = t.slots[i].cell.load(std::memory_order_relaxed); i = (i + 1) & t.mask) {
      const std::uint64_t hash = t.slots[i].hash.load(std::memory_order_relaxed);
      if (((i - hash) & t.mask) < ((i - gap) & t.mask)) continue;  // its place lies behind the gap
      t.slots[gap].hash.store(hash, std::memory_order_relaxed);
      t.slots[gap].cell.store(next, std::memory_order_release);
      gap = i;
    }
    t.slots[gap].cell.store(nullptr, std::memory_order_release);
  }

  Cell* cell_of(const Key& key) {
    const Handle found = find(key);
    return found.cell();  // stays: this tier holds it, and we are the writer
  }

  // Not `newest`, for which room is made.
  Cell* next_unused(const Cell* newest) {
    for (;; ++hand_) {
      if (hand_ >= kept_.size()) hand_ = 0;
      Cell* cell = kept_[hand_].cell();
      if (cell != newest && !cell->used.exchange(false, std::memory_order_relaxed)) return cell;
    }
  }

  void throw_out(Cell* cell, std::vector<Handle>& out) {
    remove(cell);
    bytes_ -= cell->bytes;
    const std::size_t place = cell->place;
    out.push_back(std::move(kept_[place]));
    if (place + 1 != kept_.size()) {
      kept_[place] = std::move(kept_.back());
      kept_[place].cell()->place = place;
    }
    kept_.pop_back();
    let_go(out.back());
  }

  static void let_go(Handle& handle) { handle.cell()->kept.store(false, std::memory_order_seq_cst); }

  const std::size_t max_entries_;
  const std::uint64_t max_bytes_;
  mutable ForkSafeMutex mutex_;  // of the writers
  std::atomic<Table*> table_{nullptr};
  std::vector<std::unique_ptr<Table>> tables_;  // the last one is in use
  std::vector<Handle> kept_;
  std::size_t hand_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace bsgen::runtime
