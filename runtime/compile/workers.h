// Workers: threads that run tasks, started when there is something to do.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "compiler/support/fork_safe_mutex.h"

namespace bsgen::runtime {

class Workers {
 public:
  explicit Workers(unsigned max_threads);
  ~Workers();  // waits for what is running; what has not begun is dropped
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Any thread. Where no thread can be started, the caller's runs the task. The tasks must not throw. In a forked child new threads take up what is posted there; the parent's tasks stay its own.
  void post(std::function<void()> task);

 private:
  struct State;
  State& state_here();

  const unsigned max_threads_;
  ForkSafeMutex mutex_;  // of the pointer
  std::unique_ptr<State> state_;
  std::atomic<unsigned> generation_;  // of *state_
};

}  // namespace bsgen::runtime
