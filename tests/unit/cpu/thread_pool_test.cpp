#include "runtime/cpu/thread_pool.h"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
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
