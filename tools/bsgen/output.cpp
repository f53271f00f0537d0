// write_output: files appear whole or not at all.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "tools/bsgen/cli.h"

namespace bsgen::cli {
namespace {

Status io_error(const std::string& what) {
  return Status(ErrorCode::kIo, fmt::format("output: {}: {}", what, std::strerror(errno)));
}

bool write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

Status write_standard_output(std::string_view bytes, bool binary) {
  if (binary && isatty(STDOUT_FILENO))
    return Status(
        ErrorCode::kInvalidArgument,
        "output: binary data is not written to a terminal; name a file with -o, or redirect");
  std::fflush(stdout);
  if (!write_all(STDOUT_FILENO, bytes)) return io_error("standard output could not be written");
  return {};
}

// A device or a pipe (/dev/null, a fifo) has no "whole": it is written in place.
Status write_in_place(const std::string& path, std::string_view bytes, bool binary) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (file < 0) return io_error(path + " could not be opened");
  if (binary && isatty(file)) {
    ::close(file);
    return Status(
        ErrorCode::kInvalidArgument,
        fmt::format("output: {} is a terminal, and binary data is not written to one", path));
  }
  const bool written = write_all(file, bytes);
  const int error = errno;
  const bool closed = ::close(file) == 0;
  if (!written) errno = error;
  return written && closed ? Status() : io_error(path + " could not be written");
}

}  // namespace

Status write_output(const std::string& path, std::string_view bytes, bool binary) {
  if (path.empty() || path == "-") return write_standard_output(bytes, binary);

  struct stat existing {};
  const bool exists = ::stat(path.c_str(), &existing) == 0;
  if (exists && S_ISDIR(existing.st_mode))
    return Status(ErrorCode::kInvalidArgument,
                  fmt::format("output: {} is a folder; name a file", path));
  if (exists && !S_ISREG(existing.st_mode)) return write_in_place(path, bytes, binary);

  // Through a link, the file that it points to is replaced, not the link.
  std::error_code ignored;
  std::filesystem::path target =
      exists ? std::filesystem::canonical(path, ignored) : std::filesystem::path(path);
  if (target.empty()) target = path;
  std::string temporary = target.string() + ".XXXXXX";
  const int file = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (file < 0) return io_error(path + " could not be created");
  const mode_t mask = ::umask(0);
  ::umask(mask);
  const bool done = ::fchmod(file, exists ? (existing.st_mode & 07777) : (0666 & ~mask)) == 0 &&
                    write_all(file, bytes);
  int error = errno;
  const bool closed = ::close(file) == 0;
  if (done && closed && ::rename(temporary.c_str(), target.c_str()) == 0) return {};
  if (done) error = errno;
  ::unlink(temporary.c_str());
  errno = error;
  return io_error(path + " could not be written");
}

}  // namespace bsgen::cli
