// ForkSafeMutex: a mutex that a fork() waits for, so that the child finds it free and what it guards whole.
//
// fork() copies one thread only. A mutex that another thread held at that moment stays locked in the child for ever. So fork() takes
// every mutex of this kind first and gives all back afterwards, in the parent and in the child. They should be held briefly; in which
// order a thread takes two of them does not matter here. Threads that take one over and over let a fork pass.
#pragma once

#include <atomic>
#include <mutex>

namespace bsgen {

class ForkSafeMutex {
 public:
  ForkSafeMutex();
  ~ForkSafeMutex();
  ForkSafeMutex(const ForkSafeMutex&) = delete;
  ForkSafeMutex& operator=(const ForkSafeMutex&) = delete;

  void lock() {
    if (forks_waiting.load(std::memory_order_relaxed) > 0) [[unlikely]] let_fork_pass();
    mutex_.lock();
  }
  void unlock() { mutex_.unlock(); }
  bool try_lock() { return mutex_.try_lock(); }

 private:
  friend struct ForkGate;
  static void let_fork_pass();
  static inline constinit std::atomic<int> forks_waiting{0};

  std::mutex mutex_;
  ForkSafeMutex *previous_ = nullptr, *next_ = nullptr;
};

// How many forks lie between the first process and this one: what a thread or a helper process of an earlier number was doing, nobody
// here finishes.
unsigned fork_generation();

}  // namespace bsgen
