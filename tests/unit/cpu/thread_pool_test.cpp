#include "runtime/cpu/thread_pool.h"

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
