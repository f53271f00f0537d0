// Numbers that every thread adds to on a cache line of its own, so that threads that hit the same kernel do not meet in it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "runtime/support/thread_slot.h"

namespace bsgen::runtime {

// How many hold something. add() and drop() cost one atomic operation on the thread's own line; whether the count is zero takes a look
// at all of them.
class StripedCount {
 public:
  StripedCount() : lines_(new Line[num_thread_slots() + 1]) {}

  void add() { line().added.fetch_add(1, std::memory_order_seq_cst); }
  void drop() { line().dropped.fetch_add(1, std::memory_order_seq_cst); }

  // Both only grow. All drops are read before any add: drops(t) <= adds(t) at every moment t, and what is read of the drops is from
  // before, of the adds from after one such moment; so where the two are equal, the count was zero then.
  bool zero() const {
    std::uint64_t dropped = 0, added = 0;
    for (unsigned i = 0; i <= num_thread_slots(); ++i) dropped += lines_[i].dropped.load(std::memory_order_seq_cst);
    for (unsigned i = 0; i <= num_thread_slots(); ++i) added += lines_[i].added.load(std::memory_order_seq_cst);
    return added == dropped;
  }

 private:
  struct alignas(kCacheLine) Line {
    std::atomic<std::uint64_t> added{0}, dropped{0};
  };
  Line& line() { return lines_[thread_slot()]; }

  std::unique_ptr<Line[]> lines_;
};

// A statistic. Exact once the threads that count have been waited for; adding is no atomic operation for a thread with a slot of its own.
class StripedCounter {
 public:
  StripedCounter() : lines_(new Line[num_thread_slots() + 1]) {}

  void add(std::uint64_t n = 1) {
    const unsigned slot = thread_slot();
    std::atomic<std::uint64_t>& value = lines_[slot].value;
    if (slot < num_thread_slots())
      value.store(value.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    else
      value.fetch_add(n, std::memory_order_relaxed);
  }
  std::uint64_t sum() const {
    std::uint64_t total = 0;
    for (unsigned i = 0; i <= num_thread_slots(); ++i) total += lines_[i].value.load(std::memory_order_relaxed);
    return total;
  }

 private:
  struct alignas(kCacheLine) Line {
    std::atomic<std::uint64_t> value{0};
  };
  std::unique_ptr<Line[]> lines_;
};

}  // namespace bsgen::runtime
