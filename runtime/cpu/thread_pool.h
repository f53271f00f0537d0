// ThreadPool: a few threads that wait, and the caller beside them. Each begins with its share of the tasks and then takes those that others are
// late with, one by one, so unequal ones even out; what they compute does not depend on who takes them.
//
// A thread keeps off the core of the caller whom it last shared one with, and waits awake for 100 us after a run where there is a core for each.
// Threads start with the first run(). A child of fork() has none of them and starts its own. One run() at a time.
#pragma once

#include <sched.h>
#include <sys/types.h>

#include <memory>

#include "bsgen/cpu.h"

namespace bsgen::cpu {

class ThreadPool {
 public:
  explicit ThreadPool(int threads);
  ~ThreadPool();
  int size() const { return threads_; }
  void run(int tasks, const CpuTask& task);

 private:
  struct Workers;
  const int threads_;
  const cpu_set_t cores_;  // that the thread which made the pool may run on
  pid_t owner_ = 0;  // of the process that started the workers
  std::unique_ptr<Workers> workers_;
};

// As many as this process may run on at once.
int available_threads();

}  // namespace bsgen::cpu
