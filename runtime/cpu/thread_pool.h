// ThreadPool: a few threads that wait, and the caller beside them. Tasks are taken one by one, so unequal ones even out; what they
// compute does not depend on who takes them.
//
// Threads start with the first run(). A child of fork() has none of them and starts its own. One run() at a time.
#pragma once

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
  pid_t owner_ = 0;  // of the process that started the workers
  std::unique_ptr<Workers> workers_;
};

// As many as this process may run on at once.
int available_threads();

}  // namespace bsgen::cpu
