#include "compiler/support/fork_safe_mutex.h"

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace bsgen {

// All mutexes of the kind. Constant-initialised, so that it is there before and after every static object.
struct ForkGate {
  std::mutex mutex;  // of the list; held from before a fork until after it
  ForkSafeMutex* first = nullptr;
  std::atomic<unsigned> generation{0};

  // From the first question on: who asks for the number wants to see it change.
  static void watch() {
    static const bool registered = pthread_atfork(&before, &after_in_parent, &after_in_child) == 0;
    (void)registered;
  }

  void add(ForkSafeMutex* member) {
    watch();
    const std::lock_guard lock(mutex);
    member->next_ = first;
    if (first) first->previous_ = member;
    first = member;
  }
  void remove(ForkSafeMutex* member) {
    const std::lock_guard lock(mutex);
    (member->previous_ ? member->previous_->next_ : first) = member->next_;
    if (member->next_) member->next_->previous_ = member->previous_;
  }

  static void before();
  static void after_in_parent();
  static void after_in_child();
};

namespace {

constinit ForkGate gate;

}  // namespace

// All or none: a thread that holds one may be waiting for another, or be about to make one.
void ForkGate::before() {
  for (;;) {
    gate.mutex.lock();
    ForkSafeMutex* taken = gate.first;
    while (taken && taken->mutex_.try_lock()) taken = taken->next_;
    if (!taken) return;
    for (ForkSafeMutex* m = gate.first; m != taken; m = m->next_) m->mutex_.unlock();
    gate.mutex.unlock();
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
}
void ForkGate::after_in_parent() {
  for (ForkSafeMutex* m = gate.first; m; m = m->next_) m->mutex_.unlock();
  gate.mutex.unlock();
}
void ForkGate::after_in_child() {
  gate.generation.fetch_add(1, std::memory_order_relaxed);
  after_in_parent();
}

ForkSafeMutex::ForkSafeMutex() { gate.add(this); }
ForkSafeMutex::~ForkSafeMutex() { gate.remove(this); }

unsigned fork_generation() {
  ForkGate::watch();
  return gate.generation.load(std::memory_order_relaxed);
}

}  // namespace bsgen
