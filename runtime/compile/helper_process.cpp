#include "runtime/compile/helper_process.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "compiler/support/fork_safe_mutex.h"

extern char** environ;

namespace bsgen::runtime {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kMostBytes = 1ull << 30;  // of a message; a longer one is a mix-up

// posix_spawn: of all ways to start a program the one that copies neither the host's memory nor what its other threads hold.
int spawn(const std::string& path, int socket, pid_t* pid) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&files, socket, 0);
  posix_spawn_file_actions_addopen(&files, 1, "/dev/null", 1, 0);  // the compilers may print
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);  // a Ctrl-C is for the host
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  char* arguments[] = {const_cast<char*>(path.c_str()), nullptr};
  const int error = posix_spawn(pid, path.c_str(), &files, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return error;
}

int remaining_ms(HelperProcess::Deadline deadline) {
  if (!deadline) return -1;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<long long>(left, 0, 1 << 30));
}

void put_length(char (&out)[8], std::uint64_t length) {
  for (int i = 0; i < 8; ++i) out[i] = static_cast<char>(length >> (8 * i));
}
std::uint64_t get_length(const char (&in)[8]) {
  std::uint64_t length = 0;
  for (int i = 0; i < 8; ++i) length |= std::uint64_t{static_cast<unsigned char>(in[i])} << (8 * i);
  return length;
}

}  // namespace

Expected<std::unique_ptr<HelperProcess>> HelperProcess::start(const std::string& path) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return Status(ErrorCode::kIo, fmt::format("compiler: no socket for a helper process: {}", std::strerror(errno)));
  pid_t pid = -1;
  const int error = spawn(path, ends[1], &pid);
  close(ends[1]);
  if (error != 0) {
    close(ends[0]);
    return Status(ErrorCode::kMissing, fmt::format("compiler: {} cannot be started: {}; install bsgen-compiler beside the library, or name it", path,
                                                   std::strerror(error)));
  }
  return std::unique_ptr<HelperProcess>(new HelperProcess(pid, ends[0]));
}

HelperProcess::HelperProcess(pid_t pid, int socket) : pid_(pid), socket_(socket), generation_(fork_generation()) {}

HelperProcess::~HelperProcess() {
  if (ours()) kill();
  close(socket_);
}

bool HelperProcess::ours() const { return generation_ == fork_generation(); }

// A host that waits for all its children may have been told of this one's end before us; there is nothing to learn from it.
void HelperProcess::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

bool HelperProcess::wait_for(short events, Deadline deadline, bool& timed_out) {
  for (;;) {
    pollfd one{socket_, events, 0};
    const int ready = poll(&one, 1, remaining_ms(deadline));
    if (ready > 0) return true;
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0 && deadline && Clock::now() < *deadline) continue;
    timed_out = ready == 0;
    return false;
  }
}

bool HelperProcess::send_all(std::string_view bytes, Deadline deadline, bool& timed_out) {
  while (!bytes.empty()) {
    if (!wait_for(POLLOUT, deadline, timed_out)) return false;
    const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool HelperProcess::receive_all(char* bytes, std::size_t count, Deadline deadline, bool& timed_out) {
  while (count > 0) {
    if (!wait_for(POLLIN, deadline, timed_out)) return false;
    const ssize_t got = recv(socket_, bytes, count, MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return false;
    bytes += got;
    count -= static_cast<std::size_t>(got);
  }
  return true;
}

HelperProcess::Outcome HelperProcess::ask(std::string_view message, std::string& answer, Deadline deadline) {
  bool timed_out = false;
  char length[8];
  put_length(length, message.size());
  bool good = send_all({length, sizeof length}, deadline, timed_out) && send_all(message, deadline, timed_out) &&
              receive_all(length, sizeof length, deadline, timed_out) && get_length(length) <= kMostBytes;
  if (good) {
    answer.resize(get_length(length));
    good = receive_all(answer.data(), answer.size(), deadline, timed_out);
  }
  if (good) return Outcome::kAnswered;
  kill();
  return timed_out ? Outcome::kTimedOut : Outcome::kGone;
}

void serve(int socket, std::chrono::milliseconds idle, std::string (*answer)(std::string_view)) {
  const auto read_all = [&](char* bytes, std::size_t count) {
    while (count > 0) {
      const ssize_t got = recv(socket, bytes, count, 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return false;
      bytes += got;
      count -= static_cast<std::size_t>(got);
    }
    return true;
  };
  const auto write_all = [&](std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  };
  for (;;) {
    pollfd one{socket, POLLIN, 0};
    const int ready = poll(&one, 1, static_cast<int>(idle.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return;
    char length[8];
    if (!read_all(length, sizeof length) || get_length(length) > kMostBytes) return;
    std::string message(get_length(length), '\0');
    if (!read_all(message.data(), message.size())) return;
    const std::string reply = answer(message);
    put_length(length, reply.size());
    if (!write_all({length, sizeof length}) || !write_all(reply)) return;
  }
}

}  // namespace bsgen::runtime
