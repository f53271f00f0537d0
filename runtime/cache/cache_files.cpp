#include "runtime/cache/cache_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <thread>

namespace bsgen::runtime {
namespace {

struct Counter {
  std::string_view label;
  std::uint64_t CacheStats::* member;
};
constexpr Counter kCounters[] = {{"hits_memory", &CacheStats::hits_memory},
                                 {"hits_disk", &CacheStats::hits_disk},
                                 {"misses", &CacheStats::misses},
                                 {"compiles", &CacheStats::compiles},
                                 {"corrupt", &CacheStats::corrupt}};
constexpr std::size_t kMostCounterBytes = 4096;

std::string counters_path(const std::string& directory) {
  return directory + "/counters";
}

std::string read_up_to(int fd, std::size_t most) {
  std::string text(most, '\0');
  const ssize_t n = pread(fd, text.data(), text.size(), 0);
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return text;
}

CacheStats parse_counters(std::string_view text) {
  CacheStats stats;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    const auto blank = line.find(' ');
    if (blank == std::string_view::npos) continue;
    for (const auto& [label, member] : kCounters)
      if (line.substr(0, blank) == label)
        std::from_chars(line.data() + blank + 1, line.data() + line.size(), stats.*member);
  }
  return stats;
}

}  // namespace

File::~File() {
  if (fd_ >= 0) close(fd_);
}

std::string entries_directory(const std::string& directory) {
  return directory + "/v1";
}
std::string quarantine_directory(const std::string& directory) {
  return directory + "/quarantine";
}
std::string entry_path(const std::string& directory, const std::string& hex) {
  return entries_directory(directory) + "/" + hex.substr(0, 2) + "/" + hex.substr(2);
}

bool is_hex(std::string_view text, std::size_t digits) {
  return text.size() == digits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::optional<std::string> read_own_file(const std::string& path, struct stat* status) {
  // O_NONBLOCK: a pipe somebody put there must not stop us.
  const File file(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  struct stat own;
  struct stat& facts = status ? *status : own;
  if (!file.ok() || fstat(file.fd(), &facts) != 0) return std::nullopt;
  if (!S_ISREG(facts.st_mode) || (facts.st_uid != geteuid() && facts.st_uid != 0) ||
      static_cast<std::uint64_t>(facts.st_size) > kLargestEntry) {
    errno = EPERM;
    return std::nullopt;
  }
  std::string bytes(static_cast<std::size_t>(facts.st_size), '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = read(file.fd(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::nullopt;
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  bytes.resize(done);
  return bytes;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

std::string distrust(const std::string& directory) {
  struct stat facts;
  if (stat(directory.c_str(), &facts) != 0) return std::strerror(errno);
  if (!S_ISDIR(facts.st_mode)) return "it is not a folder";
  // Whoever can write here can have code of his choice run on the GPU by this process.
  if (facts.st_uid != geteuid())
    return fmt::format("it belongs to user {}, this process runs as user {}", facts.st_uid,
                       geteuid());
  if (facts.st_mode & S_IWOTH) return "everybody may write to it (chmod o-w)";
  return {};
}

std::string why_unusable(const std::string& directory) {
  if (directory.empty()) return "neither XDG_CACHE_HOME nor HOME names a folder";
  std::string there = directory;  // the part of the path that exists
  struct stat facts;
  while (stat(there.c_str(), &facts) != 0) {
    if (errno != ENOENT) return std::strerror(errno);
    const auto slash = there.rfind('/');
    there = slash == 0 || slash == std::string::npos ? "/" : there.substr(0, slash);
    if (there == "/") break;
  }
  if (there == directory)
    if (std::string why = distrust(directory); !why.empty()) return why;
  return access(there.c_str(), W_OK | X_OK) == 0
             ? ""
             : fmt::format("{}: {}", there, std::strerror(errno));
}

CacheStats read_counters(const std::string& directory) {
  const auto text = read_own_file(counters_path(directory));
  return text ? parse_counters(*text) : CacheStats{};
}

bool add_counters(const std::string& directory, const CacheStats& delta) {
  const File file(
      open(counters_path(directory).c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.ok()) return false;
  // The lock goes with the descriptor, so a dead holder holds nothing. Counting is not worth
  // waiting long for.
  for (int attempt = 0; flock(file.fd(), LOCK_EX | LOCK_NB) != 0; ++attempt) {
    if (attempt == 20) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CacheStats total = parse_counters(read_up_to(file.fd(), kMostCounterBytes));
  std::string text;
  for (const auto& [label, member] : kCounters) {
    total.*member += delta.*member;
    text += fmt::format("{} {}\n", label, total.*member);
  }
  return pwrite(file.fd(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()) &&
         ftruncate(file.fd(), static_cast<off_t>(text.size())) == 0;
}

}  // namespace bsgen::runtime
