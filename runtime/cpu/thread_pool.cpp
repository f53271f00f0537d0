#include "runtime/cpu/thread_pool.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace bsgen::cpu {

struct ThreadPool::Workers {
  std::mutex mutex;
  std::condition_variable wake, idle;
  std::uint64_t round = 0;  // of the run in progress; a worker takes part in each once
  int busy = 0;
  bool stop = false;
  const CpuTask* task = nullptr;
  int tasks = 0;
  std::atomic<int> next{0};
  std::vector<std::thread> threads;

  void take_tasks() {
    for (int i = next.fetch_add(1); i < tasks; i = next.fetch_add(1)) (*task)(i);
  }

  void work() {
    std::unique_lock lock(mutex);
    for (std::uint64_t seen = 0;;) {
      wake.wait(lock, [&] { return stop || round != seen; });
      if (stop) return;
      seen = round;
      lock.unlock();
      take_tasks();
      lock.lock();
      if (--busy == 0) idle.notify_one();
    }
  }

  // As many as the system grants; the caller works too, so none is needed.
  explicit Workers(int count) {
    try {
      for (int i = 0; i < count; ++i) threads.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
    }
  }
  ~Workers() {
    {
      std::lock_guard lock(mutex);
      stop = true;
    }
    wake.notify_all();
    for (std::thread& thread : threads) thread.join();
  }
};

ThreadPool::ThreadPool(int threads) : threads_(std::max(threads, 1)) {}

ThreadPool::~ThreadPool() {
  if (owner_ != getpid()) (void)workers_.release();  // threads of a parent process: there is nothing here to join
}

void ThreadPool::run(int tasks, const CpuTask& task) {
  if (tasks <= 1 || threads_ == 1) {
    for (int i = 0; i < tasks; ++i) task(i);
    return;
  }
  if (owner_ != getpid()) {
    (void)workers_.release();
    workers_ = std::make_unique<Workers>(threads_ - 1);
    owner_ = getpid();
  }
  Workers& workers = *workers_;
  {
    std::lock_guard lock(workers.mutex);
    workers.task = &task;
    workers.tasks = tasks;
    workers.next = 0;
    workers.busy = static_cast<int>(workers.threads.size());
    ++workers.round;
  }
  workers.wake.notify_all();
  workers.take_tasks();
  std::unique_lock lock(workers.mutex);
  workers.idle.wait(lock, [&] { return workers.busy == 0; });
}

int available_threads() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(CPU_COUNT(&set), 1);
  return static_cast<int>(std::max(std::thread::hardware_concurrency(), 1u));
}

}  // namespace bsgen::cpu
