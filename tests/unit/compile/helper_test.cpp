// What happens between a host and its helpers.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <string>
#include <thread>

#include "runtime/compile/helper_pool.h"
#include "tests/support/catch.h"
#include "tests/support/fork.h"

using namespace bsgen;
using namespace bsgen::runtime;
using bsgen::test::true_in_child;

namespace {

using Clock = std::chrono::steady_clock;
double ms_since(Clock::time_point begin) { return std::chrono::duration<double, std::milli>(Clock::now() - begin).count(); }

// Does a process exist, other than as a child that nobody waited for?
bool exists(pid_t pid) { return ::kill(pid, 0) == 0; }

}  // namespace

TEST_CASE("a_helper_answers_messages_of_every_length") {
  HelperPool pool(OBEDIENT_HELPER, 1);
  for (const std::size_t length : {0u, 1u, 7u, 4096u, 3'000'000u}) {
    std::string message(length, 'x');
    for (std::size_t i = 0; i < length; i += 97) message[i] = static_cast<char>(i);
    const auto answer = pool.ask(message, 0);
    INFO(answer.status().message());
    REQUIRE(answer.ok());
    CHECK(*answer == message);
  }
}

TEST_CASE("a_helper_that_takes_too_long_is_killed_within_100_ms_of_its_limit") {
  HelperPool pool(OBEDIENT_HELPER, 1);
  REQUIRE(pool.ask("warm", 0).ok());
  double quickest = 1e9;  // of three: this machine may have other things to do
  for (int i = 0; i < 3; ++i) {
    const auto begin = Clock::now();
    const auto answer = pool.ask("hang", 200);
    quickest = std::min(quickest, ms_since(begin));
    CHECK(answer.status() == Status(ErrorCode::kCompileFailed,
                                    "compiler: the kernel did not compile within 200 ms and was given up; raise compile_timeout_ms, or ask for tier table"));
  }
  CHECK(quickest >= 200);
  CHECK(quickest < 300);
  CHECK(pool.ask("next", 0).ok());
}

TEST_CASE("a_helper_that_dies_over_a_job_is_an_error_and_the_next_job_has_another") {
  HelperPool pool(OBEDIENT_HELPER, 1);
  const auto answer = pool.ask("die", 0);
  CHECK(answer.status().code() == ErrorCode::kCompileFailed);
  CHECK(answer.status().message().find("ended before it answered") != std::string::npos);
  CHECK(*pool.ask("next", 0) == "next");
}

TEST_CASE("a_helper_that_lies_about_its_answer_s_length_is_not_believed") {
  HelperPool pool(OBEDIENT_HELPER, 1);
  CHECK(pool.ask("lie", 0).status().message().find("ended before it answered") != std::string::npos);
  CHECK(*pool.ask("next", 0) == "next");
}

// Whatever the host does to its signals and its terminal, a helper has the usual ones, a Ctrl-C is not for it, and nobody sees what compilers print.
TEST_CASE("a_helper_has_surroundings_of_its_own") {
  sigset_t terminate, before;
  sigemptyset(&terminate);
  sigaddset(&terminate, SIGTERM);
  REQUIRE(pthread_sigmask(SIG_BLOCK, &terminate, &before) == 0);
  const auto handler = signal(SIGTERM, SIG_IGN);
  HelperPool pool(OBEDIENT_HELPER, 1);
  const auto answer = pool.ask("surroundings", 0);
  signal(SIGTERM, handler);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  REQUIRE(answer.ok());
  CHECK(*answer == "own group, prints to /dev/null");
}

TEST_CASE("a_signal_to_the_host_does_not_end_its_wait_for_a_helper") {
  HelperPool pool(OBEDIENT_HELPER, 1);
  REQUIRE(pool.ask("warm", 0).ok());
  static std::atomic<int> rung{0};
  struct sigaction ring = {}, before = {};
  ring.sa_handler = [](int) { ++rung; };  // and no SA_RESTART: the wait is interrupted
  REQUIRE(sigaction(SIGUSR1, &ring, &before) == 0);
  const pthread_t waiting = pthread_self();
  std::atomic<bool> answered{false};
  std::thread ringing([&] {
    while (!answered) {
      pthread_kill(waiting, SIGUSR1);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  const auto answer = pool.ask("think", 0);
  answered = true;
  ringing.join();
  sigaction(SIGUSR1, &before, nullptr);
  REQUIRE(answer.ok());
  CHECK(*answer == "think");
  CHECK(rung > 5);
}

TEST_CASE("a_helper_that_ended_while_it_waited_is_replaced_unnoticed") {
  HelperPool pool(OBEDIENT_HELPER, 1);
  REQUIRE(pool.ask("first", 0).ok());
  std::this_thread::sleep_for(std::chrono::milliseconds(450));  // it waits for 300
  CHECK(*pool.ask("second", 0) == "second");
}

// A program that the host starts would keep its helper alive, and speak to it, through a socket that it was given.
TEST_CASE("what_the_host_starts_does_not_inherit_a_helper_s_socket") {
  const auto inherited = [] {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      const int flags = fcntl(std::stoi(entry.path().filename()), F_GETFD);
      count += flags >= 0 && (flags & FD_CLOEXEC) == 0;
    }
    return count;
  };
  const int before = inherited();
  HelperPool pool(OBEDIENT_HELPER, 2);
  REQUIRE(pool.ask("warm", 0).ok());
  CHECK(inherited() == before);
}

TEST_CASE("threads_have_a_helper_each") {
  HelperPool pool(OBEDIENT_HELPER, 2);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const std::string message = std::to_string(t * 100 + i);
        const auto answer = pool.ask(message, 0);
        wrong += !answer.ok() || *answer != message;
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("a_program_that_is_not_there_is_missing_and_one_that_is_no_helper_says_so") {
  HelperPool none("/nonexistent/bsgen-compiler", 1);
  CHECK(none.ask("x", 0).status() == Status(ErrorCode::kMissing,
                                            "compiler: /nonexistent/bsgen-compiler cannot be started: No such file or directory; install bsgen-compiler "
                                            "beside the library, or name it"));
  HelperPool wrong("/bin/true", 1);
  CHECK(wrong.ask("x", 0).status().code() == ErrorCode::kCompileFailed);
}

TEST_CASE("a_helper_is_gone_with_its_owner_and_stays_when_a_forked_copy_of_it_goes") {
  auto helper = HelperProcess::start(OBEDIENT_HELPER);
  REQUIRE(helper.ok());
  const pid_t pid = (*helper)->pid();
  if (const pid_t child = fork(); child == 0) {
    helper->reset();
    _exit(exists(pid) ? 0 : 1);
  } else {
    int state = 0;
    waitpid(child, &state, 0);
    CHECK((WIFEXITED(state) && WEXITSTATUS(state) == 0));
  }
  std::string answer;
  CHECK((*helper)->ask("still there", answer, {}) == HelperProcess::Outcome::kAnswered);
  CHECK(answer == "still there");
  helper->reset();
  CHECK(!exists(pid));
}

// Two processes on one socket would read each other's answers.
TEST_CASE("a_forked_child_starts_helpers_of_its_own") {
  BSGEN_NEED_FORK();
  HelperPool pool(OBEDIENT_HELPER, 1);
  const std::string mine = *pool.ask("who", 0);
  CHECK(true_in_child([&] {
    const auto other = pool.ask("who", 0);
    return other.ok() && *other != mine;
  }));
  CHECK(*pool.ask("who", 0) == mine);
}

TEST_CASE("a_host_that_waits_for_every_child_harms_nothing") {
  HelperPool pool(OBEDIENT_HELPER, 1);
  struct sigaction ignore {}, before {};
  ignore.sa_handler = SIG_IGN;  // children are waited for by the system
  sigaction(SIGCHLD, &ignore, &before);
  CHECK(pool.ask("die", 0).status().code() == ErrorCode::kCompileFailed);
  CHECK(pool.ask("x", 0).ok());
  sigaction(SIGCHLD, &before, nullptr);
}
