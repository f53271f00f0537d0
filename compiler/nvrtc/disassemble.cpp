// cubin -> SASS text through nvdisasm, run as a child process without a shell.
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "compiler/nvrtc/compile.h"
#include "compiler/nvrtc/search.h"

extern char** environ;

namespace bsgen::nvrtc {
namespace {

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd = -1) : fd_(fd) {}
  ~FileDescriptor() { reset(); }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }
  void reset(int fd = -1) {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }

 private:
  int fd_;
};

Status io_error(const char* what) {
  return Status(ErrorCode::kIo, fmt::format("nvdisasm: {}: {}", what, std::strerror(errno)));
}

bool write_all(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return true;
}

std::string read_all(int fd) {
  std::string text;
  char buffer[65536];
  for (;;) {
    const ssize_t n = read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(n));
  }
}

}  // namespace

Expected<std::string> find_disassembler(const std::string& cuda_dir) {
  for (const std::string& folder : tool_folders(cuda_dir)) {
    const std::string path = folder + "/nvdisasm";
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  auto places = search_places(cuda_dir);
  std::erase(places, "the loader's path");
  if (cuda_dir.empty()) places.push_back("PATH");
  return Status(ErrorCode::kMissing,
                fmt::format("nvdisasm: not found; looked in {}; install the CUDA toolkit's, or pip "
                            "install nvidia-cuda-nvdisasm",
                            fmt::join(places, ", ")));
}

Expected<std::string> disassemble(std::span<const std::byte> cubin, const std::string& cuda_dir) {
  BSGEN_ASSIGN(const std::string tool, find_disassembler(cuda_dir));
  // nvdisasm reads files only; one in memory leaves nothing behind. The child sees it, and nothing
  // else of ours, as descriptor 3.
  FileDescriptor input(memfd_create("bsgen-cubin", MFD_CLOEXEC));
  if (input.get() < 0 || !write_all(input.get(), cubin))
    return io_error("the cubin cannot be handed over");
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return io_error("no pipe");
  FileDescriptor output(ends[0]), child_end(ends[1]);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, child_end.get(), 1);
  posix_spawn_file_actions_adddup2(&actions, child_end.get(), 2);
  // dup2 of a descriptor onto itself would keep its close-on-exec flag; 1000 is out of the way.
  posix_spawn_file_actions_adddup2(&actions, input.get(), 1000);
  std::string program = tool, options[] = {"--print-code", "/proc/self/fd/1000"};
  char* arguments[] = {program.data(), options[0].data(), options[1].data(), nullptr};
  pid_t child = 0;
  const int error = posix_spawn(&child, tool.c_str(), &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0)
    return Status(ErrorCode::kMissing,
                  fmt::format("nvdisasm: {} cannot be started: {}", tool, std::strerror(error)));
  child_end.reset();
  std::string text = read_all(output.get());
  int state = 0;
  while (waitpid(child, &state, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(state) || WEXITSTATUS(state) != 0)
    return Status(ErrorCode::kCheckFailed, fmt::format("nvdisasm: {} does not read this cubin: {}",
                                                       tool, text.substr(0, 400)));
  return text;
}

}  // namespace bsgen::nvrtc
