// A small number for each thread, so that threads that count the same thing do it on cache lines of their own.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <thread>

namespace bsgen::runtime {

inline constexpr std::size_t kCacheLine = 64;

// How many threads can have a number of their own: twice the processors, at most 63. The others share the number num_thread_slots().
inline unsigned num_thread_slots() {
  static constinit std::atomic<unsigned> count{0};  // all threads find the same; a guard would be a lock that no fork waits for
  if (const unsigned known = count.load(std::memory_order_relaxed)) return known;
  const unsigned found = std::min(63u, 2 * std::max(1u, std::thread::hardware_concurrency()));
  count.store(found, std::memory_order_relaxed);
  return found;
}

namespace detail {

inline constinit std::atomic<std::uint64_t> thread_slots_taken{0};
inline constinit thread_local int thread_slot = -1;  // of this thread; -1: it never asked

// Gives the number back when the thread ends. Whatever the thread still counts after that goes to the shared number.
struct ThreadSlotOwner {
  unsigned slot;
  ThreadSlotOwner() : slot(num_thread_slots()) {
    std::uint64_t taken = thread_slots_taken.load(std::memory_order_relaxed);
    while (std::countr_one(taken) < static_cast<int>(num_thread_slots())) {
      const unsigned free = static_cast<unsigned>(std::countr_one(taken));
      if (!thread_slots_taken.compare_exchange_weak(taken, taken | std::uint64_t{1} << free, std::memory_order_acquire)) continue;
      slot = free;
      break;
    }
  }
  ~ThreadSlotOwner() {
    thread_slot = static_cast<int>(num_thread_slots());
    if (slot < num_thread_slots()) thread_slots_taken.fetch_and(~(std::uint64_t{1} << slot), std::memory_order_release);
  }
};

[[gnu::noinline]] inline unsigned claim_thread_slot() {
  thread_local ThreadSlotOwner owner;
  thread_slot = static_cast<int>(owner.slot);
  return owner.slot;
}

}  // namespace detail

// 0 to num_thread_slots() - 1: nobody else has it while this thread lives. num_thread_slots(): shared.
inline unsigned thread_slot() {
  const int slot = detail::thread_slot;
  return slot >= 0 ? static_cast<unsigned>(slot) : detail::claim_thread_slot();
}

}  // namespace bsgen::runtime
