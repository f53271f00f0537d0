#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "compiler/support/fork_fresh_mutex.h"
#include "compiler/support/fork_safe_mutex.h"
#include "tests/support/fork.h"

using namespace bsgen;
using namespace bsgen::test;

TEST_CASE("a_fork_waits_for_who_holds_the_mutex_and_both_find_it_free_and_its_data_whole") {
  BSGEN_NEED_FORK();
  ForkSafeMutex mutex;
  int first = 0, second = 0;  // equal whenever nobody holds it
  std::atomic<bool> stop{false}, began{false};
  std::thread writing([&] {
    while (!stop) {
      const std::lock_guard lock(mutex);
      ++first;
      began = true;
      std::this_thread::sleep_for(std::chrono::microseconds(300));
      ++second;
    }
  });
  while (!began) std::this_thread::yield();
  for (int i = 0; i < 20; ++i) {
    CHECK(true_in_child([&] {
      const std::lock_guard lock(mutex);
      return first == second;
    }));
    if (i == 19) stop = true;  // and the parent's thread goes on after each fork
  }
  writing.join();
  CHECK(first == second);
  CHECK(mutex.try_lock());
  mutex.unlock();
}

// Taken in both orders, as two parts of a program that know nothing of each other do.
TEST_CASE("forks_and_threads_that_hold_several_mutexes_never_wait_for_one_another") {
  BSGEN_NEED_FORK();
  ForkSafeMutex a, b;
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (const bool forwards : {true, false})
    threads.emplace_back([&, forwards] {
      while (!stop) {
        ForkSafeMutex &first = forwards ? a : b, &then = forwards ? b : a;
        const std::lock_guard lock(first);
        std::this_thread::sleep_for(std::chrono::microseconds(20));
        if (then.try_lock()) then.unlock();
        const ForkSafeMutex made_under_a_lock;
      }
    });
  // Makes and destroys some all the time: the list changes while forks go through it.
  threads.emplace_back([&] {
    while (!stop) {
      std::vector<std::unique_ptr<ForkSafeMutex>> some;
      for (int i = 0; i < 5; ++i) some.push_back(std::make_unique<ForkSafeMutex>());
      some.erase(some.begin() + 2);
      const std::lock_guard lock(*some.back());
      std::this_thread::sleep_for(std::chrono::microseconds(5));
    }
  });
  for (int i = 0; i < 50; ++i)
    CHECK(true_in_child([&] {
      const ForkSafeMutex another;
      const std::scoped_lock lock(a, b);
      return true;
    }));
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

TEST_CASE("each_fork_adds_one_to_the_generation_of_the_child_alone") {
  const unsigned here = fork_generation();
  CHECK(true_in_child([&] { return fork_generation() == here + 1 && true_in_child([&] { return fork_generation() == here + 2; }); }));
  CHECK(fork_generation() == here);
}

// A fork that waits asks threads to step aside, some 200 us each time that they take a mutex. That has an end with the fork, here and in the child.
TEST_CASE("a_child_finds_a_mutex_free_that_its_parent_holds_for_long") {
  BSGEN_NEED_FORK();
  ForkFreshMutex mutex;
  const std::lock_guard held(mutex);
  CHECK(true_in_child([&] {
    const std::lock_guard mine(mutex);
    return true_in_child([&] { return (std::lock_guard(mutex), true); });
  }));
  std::atomic<bool> passed{false};
  std::thread another([&] {
    const std::lock_guard after(mutex);
    passed = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK_FALSE(passed);  // here it is held as before
  mutex.unlock();
  another.join();
  mutex.lock();
}

TEST_CASE("after_a_fork_nobody_steps_aside_any_more") {
  BSGEN_NEED_FORK();
  ForkSafeMutex mutex;
  const auto is_quick = [&] {
    using Clock = std::chrono::steady_clock;
    auto least = Clock::duration::max();
    for (int i = 0; i < 5; ++i) {
      const auto begin = Clock::now();
      for (int n = 0; n < 100; ++n) const std::lock_guard lock(mutex);
      least = std::min(least, Clock::now() - begin);
    }
    return least < std::chrono::milliseconds(10);  // stepping aside 100 times takes 20
  };
  CHECK(is_quick());
  CHECK(true_in_child(is_quick));
  CHECK(is_quick());
  // Of two forks at a time one waits, and its wait is none of the other's child's.
  std::atomic<bool> stop{false};
  std::thread forking([&] {
    while (!stop) (void)true_in_child([] { return true; });
  });
  bool all = true;
  for (int i = 0; i < 50; ++i) all = true_in_child(is_quick) && all;
  stop = true;
  forking.join();
  CHECK(all);
}

TEST_CASE("a_mutex_that_is_gone_is_not_taken_by_a_fork") {
  auto first = std::make_unique<ForkSafeMutex>(), second = std::make_unique<ForkSafeMutex>(), third = std::make_unique<ForkSafeMutex>();
  first.reset();
  CHECK(true_in_child([&] { return second->try_lock() && third->try_lock(); }));
  third.reset();
  CHECK(true_in_child([&] { return second->try_lock(); }));
  CHECK(second->try_lock());
  second->unlock();
}
