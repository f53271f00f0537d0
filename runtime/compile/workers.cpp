#include "runtime/compile/workers.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "compiler/support/fork_safe_mutex.h"

namespace bsgen::runtime {

struct Workers::State {
  unsigned generation = fork_generation();
  ForkSafeMutex mutex;
  std::condition_variable_any wake;
  std::deque<std::function<void()>> tasks;
  std::vector<std::thread> threads;
  unsigned num_idle = 0;
  bool stop = false;

  // One more thread; false where the system has none to give.
  bool start() {
    try {
      threads.emplace_back([this] { run(); });
      return true;
    } catch (const std::system_error&) {
      return false;
    }
  }

  void run() {
    std::unique_lock lock(mutex);
    for (;;) {
      ++num_idle;
      wake.wait(lock, [&] { return stop || !tasks.empty(); });
      --num_idle;
      if (stop) return;
      const std::function<void()> task = std::move(tasks.front());
      tasks.pop_front();
      lock.unlock();
      task();
      lock.lock();
    }
  }
};

Workers::Workers(unsigned max_threads) : max_threads_(max_threads), state_(std::make_unique<State>()), generation_(state_->generation) {}

Workers::~Workers() {
  if (state_->generation != fork_generation()) {
    state_.release();
    return;
  }
  {
    const std::lock_guard lock(state_->mutex);
    state_->stop = true;
    state_->tasks.clear();
  }
  state_->wake.notify_all();
  for (std::thread& thread : state_->threads) thread.join();
}

Workers::State& Workers::state_here() {
  std::unique_ptr<State> mine;
  if (generation_ != fork_generation()) mine = std::make_unique<State>();  // before the mutex: never two at a time
  const std::lock_guard lock(mutex_);
  if (mine && state_->generation != mine->generation) {
    state_.release();  // of the parent: its threads can neither be joined nor forgotten
    state_ = std::move(mine);
    generation_ = state_->generation;
  }
  return *state_;
}

void Workers::post(std::function<void()> task) {
  State& state = state_here();
  bool nobody = false;
  {
    const std::lock_guard lock(state.mutex);
    if (state.num_idle <= state.tasks.size() && state.threads.size() < max_threads_) nobody = !state.start() && state.threads.empty();
    if (!nobody) state.tasks.push_back(std::move(task));
  }
  if (nobody) task();
  else state.wake.notify_one();
}

}  // namespace bsgen::runtime
