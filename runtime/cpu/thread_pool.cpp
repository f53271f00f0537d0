#include "runtime/cpu/thread_pool.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace bsgen::cpu {
namespace {

constexpr auto kPatience = std::chrono::microseconds(100);

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// The cores that this thread may run on; none where the system does not say.
cpu_set_t allowed_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) CPU_ZERO(&set);
  return set;
}

void keep_on(pthread_t thread, const cpu_set_t& cores) {
  if (CPU_COUNT(&cores) > 0) (void)pthread_setaffinity_np(thread, sizeof cores, &cores);
}

}  // namespace

struct ThreadPool::Workers {
  struct Worker {
    std::thread thread;
    int core = -1;  // where it last worked
  };
  std::mutex mutex;
  std::condition_variable wake, idle;
  // Written with the mutex held.
  std::atomic<std::uint64_t> round{0};  // of the run in progress; a worker takes part in each once
  std::atomic<int> busy{0};
  bool stop = false;
  const bool patient = false;  // where there is a core for each thread
  const CpuTask* task = nullptr;
  // Of each thread, the caller's last: the first tasks that nobody has taken of those that are its to begin with.
  struct alignas(64) Share {
    std::atomic<int> next{0};
    int end = 0;
  };
  std::vector<Share> shares;
  std::vector<Worker> workers;

  // Waits awake for a while: launches follow one another closely, and a virtual core that sleeps takes as long to wake as a small launch does. The core
  // is not offered to others: where one has work for all of a time slice the next launch would wait for it, 4 ms.
  template <class Condition>
  void soon(const Condition& condition) const {
    if (!patient) return;
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!condition() && std::chrono::steady_clock::now() < end) pause();
  }

  // A thread's own tasks first, the same in every launch of a shape: what they read and wrote is in its cache. Then those that others are late with.
  void take_tasks(std::size_t self) {
    for (std::size_t k = 0; k < shares.size(); ++k) {
      Share& share = shares[(self + k) % shares.size()];
      for (int i = share.next.fetch_add(1); i < share.end; i = share.next.fetch_add(1)) (*task)(i);
    }
  }

  void share_out(std::int64_t tasks) {
    const auto count = static_cast<std::int64_t>(shares.size());
    for (std::int64_t i = 0; i < count; ++i) {
      shares[static_cast<std::size_t>(i)].next = static_cast<int>(tasks * i / count);
      shares[static_cast<std::size_t>(i)].end = static_cast<int>(tasks * (i + 1) / count);
    }
  }

  void work(std::size_t self) {
    for (std::uint64_t seen = 0;;) {
      soon([&] { return round != seen; });
      std::unique_lock lock(mutex);
      wake.wait(lock, [&] { return stop || round != seen; });
      if (stop) return;
      seen = round;
      lock.unlock();
      take_tasks(self);
      lock.lock();
      workers[self].core = sched_getcpu();
      if (--busy == 0) idle.notify_one();
    }
  }

  // As many as the system grants; the caller works too, so none is needed.
  Workers(int count, const cpu_set_t& cores) : patient(count < CPU_COUNT(&cores)) {
    workers.reserve(static_cast<std::size_t>(count));
    std::lock_guard lock(mutex);
    try {
      for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
        workers.push_back({std::thread([this, i] { work(i); })});
        keep_on(workers.back().thread.native_handle(), cores);  // the caller may have been sent to one of them
      }
    } catch (const std::system_error&) {
    }
    shares = std::vector<Share>(workers.size() + 1);
  }
  ~Workers() {
    {
      std::lock_guard lock(mutex);
      stop = true;
    }
    wake.notify_all();
    for (Worker& worker : workers) worker.thread.join();
  }
};

ThreadPool::ThreadPool(int threads) : threads_(std::max(threads, 1)), cores_(allowed_cores()) {}

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
    workers_ = std::make_unique<Workers>(threads_ - 1, cores_);
    owner_ = getpid();
  }
  Workers& workers = *workers_;
  {
    std::lock_guard lock(workers.mutex);
    workers.task = &task;
    workers.share_out(tasks);
    workers.busy = static_cast<int>(workers.workers.size());
    ++workers.round;
    // A system may wake a thread on the waker's own core, though another is idle: virtual cores that sleep look taken to Linux. There it would wait
    // until the caller has done everything.
    const int here = sched_getcpu();
    cpu_set_t others = cores_;
    if (here >= 0) CPU_CLR(static_cast<std::size_t>(here), &others);
    for (Workers::Worker& worker : workers.workers)
      if (worker.core == here) keep_on(worker.thread.native_handle(), others);
  }
  workers.wake.notify_all();
  workers.take_tasks(workers.workers.size());
  workers.soon([&] { return workers.busy == 0; });
  std::unique_lock lock(workers.mutex);
  workers.idle.wait(lock, [&] { return workers.busy == 0; });
}

int available_threads() {
  const cpu_set_t cores = allowed_cores();
  if (CPU_COUNT(&cores) > 0) return CPU_COUNT(&cores);
  return static_cast<int>(std::max(std::thread::hardware_concurrency(), 1u));
}

}  // namespace bsgen::cpu
