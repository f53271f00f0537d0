// ForkFreshMutex: a mutex that is free in a child of fork(), whoever held it when the child was made.
//
// For what is held as long as a launch takes, over which no fork should wait (ForkSafeMutex makes it wait). What it guards may be half done in
// the child: it serves where every holder begins anew.
#pragma once

#include <atomic>
#include <mutex>

#include "compiler/support/fork_safe_mutex.h"

namespace bsgen {

class ForkFreshMutex {
 public:
  ForkFreshMutex() : state_(new State) {}
  ~ForkFreshMutex() { delete state_.load(); }
  ForkFreshMutex(const ForkFreshMutex&) = delete;
  ForkFreshMutex& operator=(const ForkFreshMutex&) = delete;

  void lock() {
    State* state = state_.load(std::memory_order_acquire);
    if (state->generation != fork_generation()) {
      State* const fresh = new State;
      // The old one is left alone: destroying a mutex that a thread of the parent holds is undefined.
      if (state_.compare_exchange_strong(state, fresh, std::memory_order_acq_rel)) state = fresh;
      else delete fresh;
    }
    state->mutex.lock();
  }
  void unlock() { state_.load(std::memory_order_acquire)->mutex.unlock(); }

 private:
  struct State {
    unsigned generation = fork_generation();
    std::mutex mutex;
  };
  std::atomic<State*> state_;
};

}  // namespace bsgen
