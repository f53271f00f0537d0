// Held<Key, Value>: a counted handle whose copies do not meet in one cache line.
//
//   auto held = Held<Digest, LoadedKernel>::make(std::move(loaded));
//
// A value lies in a cell. Cells are never given back to the allocator but used again, so a thread may add itself to a cell's holders
// before it knows what the cell holds, look, and leave again: that is what lets a memory tier be read without a lock (memory_cache.h).
// There are as many cells as values were ever alive at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "compiler/support/fork_safe_mutex.h"
#include "compiler/support/made_once.h"
#include "runtime/support/striped.h"

namespace bsgen::runtime {

template <class Key, class Value>
struct Cell {
  StripedCount holders;
  // A tier holds it, so it cannot be the last holder that leaves; and its key is set. Written by the tier alone.
  std::atomic<bool> kept{false};
  std::atomic<bool> used{false};  // found since the tier last looked
  Key key{};
  std::uint64_t bytes = 0;
  std::size_t place = 0;  // among the tier's cells; under the tier's mutex
  bool live = false;      // holds a value; under the pool's mutex
  std::optional<Value> value;
};

template <class Key, class Value>
class Held {
 public:
  using Cell = runtime::Cell<Key, Value>;

  Held() = default;
  static Held make(Value value) {
    Cell* cell = nullptr;
    {
      Pool& all = pool();
      const std::lock_guard lock(all.mutex);
      if (all.free.empty()) {
        if (all.free.capacity() == all.num_cells) all.free.reserve(2 * all.num_cells + 16);  // so that giving back never allocates
        all.free.push_back(new Cell);
        ++all.num_cells;
      }
      cell = all.free.back();
      all.free.pop_back();
      cell->holders.add();  // before it is live: a passer-by who leaves looks for the last holder under this mutex
      cell->live = true;
    }
    cell->value.emplace(std::move(value));
    return Held(cell);
  }

  Held(const Held& other) : cell_(other.cell_) {
    if (cell_) cell_->holders.add();
  }
  Held(Held&& other) noexcept : cell_(std::exchange(other.cell_, nullptr)) {}
  Held& operator=(Held other) noexcept {
    std::swap(cell_, other.cell_);
    return *this;
  }
  ~Held() {
    if (cell_) leave(cell_);
  }

  explicit operator bool() const { return cell_ != nullptr; }
  const Value& operator*() const { return *cell_->value; }
  const Value* operator->() const { return &*cell_->value; }

  // For memory_cache.h and for handles with another face (Kernel): a holder that is counted already, and out of the counting again.
  static Held adopt(Cell* counted) { return Held(counted); }
  Cell* release() { return std::exchange(cell_, nullptr); }
  Cell* cell() const { return cell_; }

  // One holder less. The last one to leave a cell that no tier keeps takes the value with it.
  static void leave(Cell* cell) {
    cell->holders.drop();
    if (!cell->kept.load(std::memory_order_seq_cst)) [[unlikely]] free_if_unheld(cell);
  }

 private:
  explicit Held(Cell* cell) : cell_(cell) {}

  struct Pool {
    ForkSafeMutex mutex;
    std::vector<Cell*> free;
    std::size_t num_cells = 0;
  };
  static Pool& pool() { return pool_.get(); }

  // Several may come here for one cell, and late ones for what the cell holds next: the question is the same for all.
  static void free_if_unheld(Cell* cell) {
    std::optional<Value> out;  // destroyed without the mutex: unloading a module takes time, and may let go of further handles
    Pool& all = pool();
    const std::lock_guard lock(all.mutex);
    if (!cell->live || cell->kept.load(std::memory_order_seq_cst) || !cell->holders.zero()) return;
    cell->live = false;
    out.emplace(std::move(*cell->value));
    cell->value.reset();
    all.free.push_back(cell);
  }

  static inline constinit MadeOnce<Pool> pool_;

  Cell* cell_ = nullptr;
};

}  // namespace bsgen::runtime
