// Tests that fork.
#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/catch.h"
#include "tests/support/sanitizers.h"

#define BSGEN_NEED_FORK() \
  if (bsgen::test::kThreadSanitizer) BSGEN_SKIP("the thread sanitizer does not follow a fork of a process with threads")

namespace bsgen::test {

// Whether `work` returns true in a forked child, within some seconds.
template <class Work>
bool true_in_child(const Work& work, unsigned seconds = 5) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(seconds);
    _exit(work() ? 0 : 1);
  }
  int state = 0;
  return waitpid(child, &state, 0) == child && WIFEXITED(state) && WEXITSTATUS(state) == 0;
}

}  // namespace bsgen::test
