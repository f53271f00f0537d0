// HelperProcess: one running bsgen-compiler, spoken to through a socket.
//
// It may be killed at any moment: it owns nothing and nobody waits for it without a limit but by wish. A forked copy of its owner lets
// it alone.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "bsgen/status.h"

namespace bsgen::runtime {

class HelperProcess {
 public:
  using Deadline = std::optional<std::chrono::steady_clock::time_point>;  // none: for as long as it takes

  static Expected<std::unique_ptr<HelperProcess>> start(const std::string& path);
  ~HelperProcess();  // kills it
  HelperProcess(const HelperProcess&) = delete;
  HelperProcess& operator=(const HelperProcess&) = delete;

  enum class Outcome { kAnswered, kTimedOut, kGone };
  // Sends a message and waits for the answer. After anything but an answer the process is dead.
  Outcome ask(std::string_view message, std::string& answer, Deadline deadline);

  pid_t pid() const { return pid_; }
  bool ours() const;  // started by this process, not by one that it was forked from

 private:
  HelperProcess(pid_t pid, int socket);
  bool wait_for(short events, Deadline deadline, bool& timed_out);
  bool send_all(std::string_view bytes, Deadline deadline, bool& timed_out);
  bool receive_all(char* bytes, std::size_t count, Deadline deadline, bool& timed_out);
  void kill();

  pid_t pid_;
  int socket_;
  unsigned generation_;
};

// The helper's side: answers messages from `socket` until the other end closes it or nothing came for `idle`.
// `answer` makes an answer of a message.
void serve(int socket, std::chrono::milliseconds idle, std::string (*answer)(std::string_view));

}  // namespace bsgen::runtime
