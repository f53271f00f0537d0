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

  void add(ForkSafeMutex* member) {
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
constexpr std::chrono::microseconds kLook{50};  // between two looks whether all are free

}  // namespace

// All or none: a thread that holds one may be waiting for another, or be about to make one.
void ForkGate::before() {
  ForkSafeMutex::forks_waiting.fetch_add(1, std::memory_order_relaxed);
  for (;;) {
    gate.mutex.lock();
    ForkSafeMutex* taken = gate.first;
    while (taken && taken->mutex_.try_lock()) taken = taken->next_;
    if (!taken) {
      ForkSafeMutex::forks_waiting.fetch_sub(1, std::memory_order_relaxed);
      return;
    }
    for (ForkSafeMutex* m = gate.first; m != taken; m = m->next_) m->mutex_.unlock();
    gate.mutex.unlock();
    std::this_thread::sleep_for(kLook);
  }
}
void ForkGate::after_in_parent() {
  for (ForkSafeMutex* m = gate.first; m; m = m->next_) m->mutex_.unlock();
  gate.mutex.unlock();
}
void ForkGate::after_in_child() {
  gate.generation.fetch_add(1, std::memory_order_relaxed);
  ForkSafeMutex::forks_waiting.store(0, std::memory_order_relaxed);  // the forks of other threads are not here
  after_in_parent();
}

namespace {

// When the program is loaded: what is registered later, behind a guard, has a lock more that a fork does not wait for.
[[maybe_unused]] const int registered = pthread_atfork(&ForkGate::before, &ForkGate::after_in_parent, &ForkGate::after_in_child);

}  // namespace

ForkSafeMutex::ForkSafeMutex() { gate.add(this); }
// Once and not for as long as the fork waits: this thread may hold what it waits for.
void ForkSafeMutex::let_fork_pass() { std::this_thread::sleep_for(4 * kLook); }

ForkSafeMutex::~ForkSafeMutex() { gate.remove(this); }

unsigned fork_generation() { return gate.generation.load(std::memory_order_relaxed); }

}  // namespace bsgen
