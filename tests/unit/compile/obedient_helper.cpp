// Answers with the message; "hang", "die" and "lie" it does, and of some things it tells how they are.
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <thread>

#include "runtime/compile/helper_process.h"

namespace {

std::string obey(std::string_view message) {
  if (message == "hang") pause();
  if (message == "die") _exit(7);
  if (message == "who") return std::to_string(getpid());
  if (message == "lie") {  // about the length of the answer
    char bytes[16];
    std::memset(bytes, 0xff, sizeof bytes);
    (void)!send(0, bytes, sizeof bytes, MSG_NOSIGNAL);
    _exit(7);
  }
  if (message == "think") std::this_thread::sleep_for(std::chrono::milliseconds(100));
  if (message == "surroundings") {
    sigset_t blocked;
    sigprocmask(SIG_SETMASK, nullptr, &blocked);
    char output[64] = {};
    (void)!readlink("/proc/self/fd/1", output, sizeof output - 1);
    struct sigaction on_terminate = {};
    sigaction(SIGTERM, nullptr, &on_terminate);
    return std::string(getpgrp() == getpid() ? "own group" : "host's group") + (sigismember(&blocked, SIGTERM) ? ", SIGTERM blocked" : "") +
           (on_terminate.sa_handler == SIG_IGN ? ", SIGTERM ignored" : "") + ", prints to " + output;
  }
  if (message == "descriptors") {  // how many above the three are open
    int open = 0;
    for (int fd = 3; fd < 256; ++fd) open += ::lseek(fd, 0, SEEK_CUR) != -1;
    return std::to_string(open);
  }
  return std::string(message);
}

}  // namespace

int main() {
  bsgen::runtime::serve(0, std::chrono::milliseconds(300), &obey);
  return 0;
}
