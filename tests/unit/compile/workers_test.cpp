// Threads that wait for something to do.
#include "runtime/compile/workers.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/support/catch.h"

using namespace bsgen::runtime;

namespace {

template <class Condition>
bool soon(Condition&& condition) {
  for (int i = 0; i < 5000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return condition();
}

}  // namespace

TEST_CASE("workers_run_as_many_tasks_at_a_time_as_they_may") {
  std::atomic<int> running{0}, most{0}, done{0};
  Workers workers(3);
  for (int i = 0; i < 30; ++i)
    workers.post([&] {
      const int now = ++running;
      for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      --running;
      ++done;
    });
  CHECK(soon([&] { return done == 30; }));
  CHECK(most == 3);
}

TEST_CASE("workers_end_with_what_runs_and_drop_what_waits") {
  std::atomic<int> begun{0}, done{0};
  {
    Workers workers(1);
    for (int i = 0; i < 100; ++i)
      workers.post([&] {
        ++begun;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        ++done;
      });
    REQUIRE(soon([&] { return begun > 0; }));
  }
  CHECK(begun == done);
  CHECK(done < 100);
}

TEST_CASE("a_forked_child_has_workers_of_its_own") {
  std::atomic<int> done{0};
  Workers workers(2);
  workers.post([&] { ++done; });
  REQUIRE(soon([&] { return done == 1; }));
  if (const pid_t child = fork(); child == 0) {
    alarm(10);
    std::atomic<int> mine{0};
    {
      Workers untouched(2);
      workers.post([&] { ++mine; });
      if (!soon([&] { return mine == 1; })) _exit(1);
    }
    _exit(0);
  } else {
    int state = 0;
    waitpid(child, &state, 0);
    CHECK((WIFEXITED(state) && WEXITSTATUS(state) == 0));
  }
  workers.post([&] { ++done; });
  CHECK(soon([&] { return done == 2; }));
}
