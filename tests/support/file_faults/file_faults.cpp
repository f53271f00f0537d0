#include "tests/support/file_faults/file_faults.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>

namespace bsgen::test {
namespace {

struct Faults {
  bool armed = false, no_nameless = false;
  int nth = 0, error = 0, seen = 0;
  unsigned one_in = 0, state = 1;
  std::vector<int> errors;
  std::string_view failed;
} faults;

// The error that this call fails with; 0: it does not.
int fault(const char* call) {
  if (!faults.armed) return 0;
  ++faults.seen;
  int error = 0;
  if (faults.seen == faults.nth) error = faults.error;
  if (faults.one_in) {
    faults.state = faults.state * 1664525u + 1013904223u;
    if ((faults.state >> 8) % faults.one_in == 0) error = faults.errors[(faults.state >> 20) % faults.errors.size()];
  }
  if (error) faults.failed = call;
  return error;
}

bool fails(const char* call) {
  const int error = fault(call);
  if (error > 0) errno = error;
  return error > 0;
}

}  // namespace

void fail_nth_call(int n, int error) {
  const bool no_nameless = faults.no_nameless;
  faults = {};
  faults.no_nameless = no_nameless;
  faults.nth = n;
  faults.error = error;
  faults.armed = true;
}
void fail_one_in(unsigned k, unsigned seed, std::vector<int> errors) {
  const bool no_nameless = faults.no_nameless;
  faults = {};
  faults.no_nameless = no_nameless;
  faults.one_in = k;
  faults.state = seed;
  faults.errors = std::move(errors);
  faults.armed = true;
}
void refuse_nameless_files() {
  faults.no_nameless = true;
}
void stop_failing() {
  faults.armed = faults.no_nameless = false;
}
int calls_counted() {
  return faults.seen;
}
std::string_view failed_call() {
  return faults.failed;
}

}  // namespace bsgen::test

using namespace bsgen::test;

extern "C" {

int open(const char* path, int flags, ...) {
  mode_t mode = 0;
  if (flags & (O_CREAT | O_TMPFILE)) {
    va_list arguments;
    va_start(arguments, flags);
    mode = va_arg(arguments, mode_t);
    va_end(arguments);
  }
  if (fails("open")) return -1;
  if (faults.no_nameless && (flags & O_TMPFILE) == O_TMPFILE) {
    errno = EOPNOTSUPP;
    return -1;
  }
  return static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

ssize_t read(int fd, void* data, size_t size) {
  return fails("read") ? -1 : syscall(SYS_read, fd, data, size);
}
ssize_t write(int fd, const void* data, size_t size) {
  const int error = fault("write");
  if (error > 0) errno = error;
  if (error > 0) return -1;
  return syscall(SYS_write, fd, data, error == kShortWrite && size > 1 ? size / 2 : size);
}
ssize_t pread(int fd, void* data, size_t size, off_t offset) {
  return fails("pread") ? -1 : syscall(SYS_pread64, fd, data, size, offset);
}
ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  const int error = fault("pwrite");
  if (error > 0) errno = error;
  if (error > 0) return -1;
  return syscall(SYS_pwrite64, fd, data, error == kShortWrite && size > 1 ? size / 2 : size, offset);
}
int linkat(int from_fd, const char* from, int to_fd, const char* to, int flags) noexcept {
  return fails("linkat") ? -1 : static_cast<int>(syscall(SYS_linkat, from_fd, from, to_fd, to, flags));
}
int rename(const char* from, const char* to) noexcept {
  return fails("rename") ? -1 : static_cast<int>(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}
int mkdir(const char* path, mode_t mode) noexcept {
  return fails("mkdir") ? -1 : static_cast<int>(syscall(SYS_mkdirat, AT_FDCWD, path, mode));
}
int unlink(const char* path) noexcept {
  return fails("unlink") ? -1 : static_cast<int>(syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}
int stat(const char* path, struct stat* facts) noexcept {
  return fails("stat") ? -1 : static_cast<int>(syscall(SYS_newfstatat, AT_FDCWD, path, facts, 0));
}
int lstat(const char* path, struct stat* facts) noexcept {
  return fails("lstat") ? -1 : static_cast<int>(syscall(SYS_newfstatat, AT_FDCWD, path, facts, AT_SYMLINK_NOFOLLOW));
}
int fstat(int fd, struct stat* facts) noexcept {
  return fails("fstat") ? -1 : static_cast<int>(syscall(SYS_fstat, fd, facts));
}
int statfs(const char* path, struct statfs* facts) noexcept {
  return fails("statfs") ? -1 : static_cast<int>(syscall(SYS_statfs, path, facts));
}
int ftruncate(int fd, off_t size) noexcept {
  return fails("ftruncate") ? -1 : static_cast<int>(syscall(SYS_ftruncate, fd, size));
}
int utimensat(int fd, const char* path, const struct timespec times[2], int flags) noexcept {
  return fails("utimensat") ? -1 : static_cast<int>(syscall(SYS_utimensat, fd, path, times, flags));
}
int flock(int fd, int how) noexcept {
  return fails("flock") ? -1 : static_cast<int>(syscall(SYS_flock, fd, how));
}
int fcntl(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  if (command == F_OFD_SETLK && fails("fcntl")) return -1;
  return static_cast<int>(syscall(SYS_fcntl, fd, command, argument));
}
DIR* opendir(const char* path) {
  static const auto next = reinterpret_cast<DIR* (*)(const char*)>(dlsym(RTLD_NEXT, "opendir"));
  return fails("opendir") ? nullptr : next(path);
}

}  // extern "C"
