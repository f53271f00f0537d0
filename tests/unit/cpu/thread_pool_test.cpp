#include "runtime/cpu/thread_pool.h"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "tests/support/catch.h"

namespace bsgen::cpu {

TEST_CASE("every_task_runs_once_whatever_the_number_of_threads") {
  for (const int threads : {1, 2, 5})
    for (const int tasks : {0, 1, 2, 100}) {
      ThreadPool pool(threads);
      for (int round = 0; round < 20; ++round) {
        std::vector<std::atomic<int>> runs(static_cast<std::size_t>(tasks));
        pool.run(tasks, [&](int task) { ++runs[static_cast<std::size_t>(task)]; });
        for (const std::atomic<int>& each : runs) CHECK(each == 1);
      }
    }
}

TEST_CASE("there_are_as_many_threads_as_cores_that_the_process_may_run_on") {
  cpu_set_t before, one;
  REQUIRE(sched_getaffinity(0, sizeof before, &before) == 0);
  int core = 0;
  while (!CPU_ISSET(core, &before)) ++core;
  CPU_ZERO(&one);
  CPU_SET(core, &one);
  REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
  CHECK(available_threads() == 1);
  REQUIRE(sched_setaffinity(0, sizeof before, &before) == 0);
  CHECK(available_threads() == CPU_COUNT(&before));
}

namespace {

// As many tasks as threads, each of which waits for the others: every thread does one.
template <class Note>
void one_task_each(ThreadPool& pool, const Note& note) {
  std::atomic<int> here{0};
  pool.run(pool.size(), [&](int task) {
    note(task);
    for (++here; here < pool.size();) std::this_thread::yield();
  });
}

}  // namespace

TEST_CASE("a_thread_begins_with_the_same_tasks_in_every_run") {
  ThreadPool pool(4);
  std::vector<std::thread::id> first(4), again(4);
  one_task_each(pool, [&](int task) { first[static_cast<std::size_t>(task)] = std::this_thread::get_id(); });
  CHECK(std::set<std::thread::id>(first.begin(), first.end()).size() == 4);
  for (int round = 0; round < 20; ++round) {
    one_task_each(pool, [&](int task) { again[static_cast<std::size_t>(task)] = std::this_thread::get_id(); });
    CHECK(again == first);
  }
}

// The caller follows the other thread to its core, round after round; the first run after that may still find both there, and now and then the system
// moves a thread between runs.
TEST_CASE("a_thread_leaves_the_core_of_its_caller_and_those_that_its_caller_is_kept_on") {
  cpu_set_t before;
  REQUIRE(sched_getaffinity(0, sizeof before, &before) == 0);
  if (CPU_COUNT(&before) < 2) BSGEN_SKIP("this process may run on one core");
  ThreadPool pool(2);
  const std::thread::id caller = std::this_thread::get_id();
  int core = 0, allowed = 0, shared = 0;
  while (!CPU_ISSET(core, &before)) ++core;
  for (int round = 0; round < 20; ++round) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
    if (round == 0)
      one_task_each(pool, [&](int) {
        cpu_set_t cores;
        if (std::this_thread::get_id() != caller && sched_getaffinity(0, sizeof cores, &cores) == 0) allowed = CPU_COUNT(&cores);
      });
    int other = -1;
    for (int run = 0; run < 2; ++run)
      one_task_each(pool, [&](int) {
        if (std::this_thread::get_id() != caller) other = sched_getcpu();
      });
    shared += other == core;
    core = other;
  }
  CHECK(shared <= 2);
  CHECK(allowed == CPU_COUNT(&before));
  REQUIRE(sched_setaffinity(0, sizeof before, &before) == 0);
}

TEST_CASE("a_child_of_fork_has_threads_of_its_own") {
  ThreadPool pool(3);
  std::atomic<int> runs{0};
  pool.run(10, [&](int) { ++runs; });
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    pool.run(10, [&](int) { ++runs; });
    _exit(runs == 20 ? 0 : 1);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  pool.run(10, [&](int) { ++runs; });
  CHECK(runs == 20);
}

}  // namespace bsgen::cpu
