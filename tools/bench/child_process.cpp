#include "tools/bench/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

extern char** environ;

namespace bsgen::bench {
namespace {

struct Pipe {
  int read = -1, write = -1;
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) == 0) read = ends[0], write = ends[1];
  }
  ~Pipe() {
    if (read >= 0) close(read);
    if (write >= 0) close(write);
  }
};

std::vector<std::string> environment_with(
    const std::vector<std::pair<std::string, std::string>>& variables) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry; ++entry) {
    const std::string text = *entry;
    bool replaced = false;
    for (const auto& [name, value] : variables)
      replaced = replaced || text.rfind(name + "=", 0) == 0;
    if (!replaced) all.push_back(text);
  }
  for (const auto& [name, value] : variables) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

// Reads both until both are closed: a child that fills one pipe never waits for us to read the
// other.
void drain(Pipe& out, Pipe& err, std::string& out_text, std::string& err_text) {
  pollfd ends[2] = {{out.read, POLLIN, 0}, {err.read, POLLIN, 0}};
  std::string* texts[2] = {&out_text, &err_text};
  int open = 2;
  while (open > 0 && (poll(ends, 2, -1) >= 0 || errno == EINTR)) {
    for (int i = 0; i < 2; ++i) {
      if (ends[i].fd < 0 || ends[i].revents == 0) continue;
      char buffer[4096];
      const ssize_t got = ::read(ends[i].fd, buffer, sizeof buffer);
      if (got > 0)
        texts[i]->append(buffer, static_cast<std::size_t>(got));
      else if (got == 0 || errno != EINTR)
        ends[i].fd = -1, --open;
    }
  }
}

}  // namespace

Expected<ChildTime> time_in_child(
    const std::string& self, const std::vector<std::string>& arguments,
    const std::vector<std::pair<std::string, std::string>>& variables) {
  const auto failed = [&](const std::string& why) {
    return Status(ErrorCode::kDevice,
                  fmt::format("bench: {} could not be run again: {}", self, why));
  };
  Pipe out, err;
  if (out.read < 0 || err.read < 0) return failed(std::strerror(errno));
  std::vector<std::string> argument_texts{self};
  argument_texts.insert(argument_texts.end(), arguments.begin(), arguments.end());
  std::vector<std::string> environment_texts = environment_with(variables);
  std::vector<char*> argv = pointers(argument_texts), envp = pointers(environment_texts);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out.write, 1);
  posix_spawn_file_actions_adddup2(&actions, err.write, 2);
  pid_t child = 0;
  const int error = posix_spawn(&child, self.c_str(), &actions, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  if (error) return failed(std::strerror(error));
  close(out.write), close(err.write);
  out.write = err.write = -1;
  std::string out_text, err_text;
  drain(out, err, out_text, err_text);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    while (!err_text.empty() && err_text.back() == '\n') err_text.pop_back();
    return failed(err_text.empty() ? fmt::format("it ended with status {}", status) : err_text);
  }
  ChildTime time;
  if (std::sscanf(out_text.c_str(), "%lf %lf", &time.wall, &time.cpu) != 2)
    return failed("it printed no two numbers");
  return time;
}

}  // namespace bsgen::bench
