#include "runtime/cache/cache_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "runtime/cache/failpoint.h"

namespace bsgen::runtime {
namespace {

constexpr std::time_t kAbandonedSeconds = 3600;  // a writer's file this old has no writer any more

mode_t file_mode(Trust trust) {
  return trust == Trust::kShared ? 0666 : 0600;
}

bool trusted_owner(uid_t owner, Trust trust) {
  return trust == Trust::kShared || owner == geteuid() || owner == 0;
}

bool write_in_halves(int fd, std::string_view bytes) {
  failpoint(Failpoint::kFileMade);
  if (!write_all(fd, bytes.substr(0, bytes.size() / 2))) return false;
  failpoint(Failpoint::kHalfWritten);
  if (!write_all(fd, bytes.substr(bytes.size() / 2))) return false;
  failpoint(Failpoint::kWritten);
  return true;
}

// A file without a name, in the folder where it will get one; nothing remains of it if the process dies. Not every file
// system has them.
bool publish_nameless(const std::string& path, std::string_view bytes, Trust trust, bool& supported) {
  const std::string folder = path.substr(0, path.rfind('/'));
  const File file(open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, file_mode(trust)));
  supported = file.ok();
  if (!file.ok() || !write_in_halves(file.fd(), bytes)) return false;
  const std::string link = fmt::format("/proc/self/fd/{}", file.fd());
  if (linkat(AT_FDCWD, link.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0 || errno == EEXIST) return true;
  supported = errno != ENOENT && errno != EOPNOTSUPP;  // no /proc here
  return false;
}

mode_t folder_mode(Trust trust) {
  return trust == Trust::kShared ? 0777 : 0700;
}

}  // namespace

File::~File() {
  if (fd_ >= 0) close(fd_);
}
File& File::operator=(File&& other) noexcept {
  if (fd_ >= 0 && this != &other) close(fd_);
  fd_ = other.release();
  return *this;
}

std::string entries_directory(const std::string& directory) {
  return directory + "/v1";
}
std::string arrivals_directory(const std::string& directory) {
  return directory + "/v1/tmp";
}
std::string quarantine_directory(const std::string& directory) {
  return directory + "/quarantine";
}
std::string entry_path(const std::string& directory, const std::string& hex) {
  return entries_directory(directory) + "/" + hex.substr(0, 2) + "/" + hex.substr(2);
}

bool is_hex(std::string_view text, std::size_t digits) {
  return text.size() == digits && std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::optional<std::string> read_trusted_file(const std::string& path, Trust trust, struct stat* status, bool untouched) {
  // O_NONBLOCK: a pipe somebody put there must not stop us.
  constexpr int kHow = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
  File file(open(path.c_str(), untouched ? kHow | O_NOATIME : kHow));
  if (!file.ok() && untouched && errno == EPERM) file = File(open(path.c_str(), kHow));  // only its owner may ask for that
  struct stat own;
  struct stat& facts = status ? *status : own;
  if (!file.ok() || fstat(file.fd(), &facts) != 0) return std::nullopt;
  if (!S_ISREG(facts.st_mode) || !trusted_owner(facts.st_uid, trust) || static_cast<std::uint64_t>(facts.st_size) > kLargestEntry) {
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

File open_shared_file(const std::string& path, Trust trust) {
  File file(open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, file_mode(trust)));
  struct stat facts;
  if (file.ok() && fstat(file.fd(), &facts) == 0 && S_ISREG(facts.st_mode) && trusted_owner(facts.st_uid, trust)) return file;
  return File();
}

bool lock_briefly(const File& file) {
  for (int attempt = 0; flock(file.fd(), LOCK_EX | LOCK_NB) != 0; ++attempt) {
    if (attempt == 20) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

std::string read_up_to(const File& file, std::size_t most) {
  std::string text(most, '\0');
  const ssize_t n = pread(file.fd(), text.data(), text.size(), 0);
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return text;
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

bool make_folders(const std::string& path, Trust trust) {
  struct stat facts;
  if (stat(path.c_str(), &facts) == 0) {
    errno = ENOTDIR;
    return S_ISDIR(facts.st_mode);
  }
  if (errno != ENOENT) return false;
  const auto slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0 && !make_folders(path.substr(0, slash), trust)) return false;
  if (mkdir(path.c_str(), folder_mode(trust)) != 0) return errno == EEXIST;
  failpoint(Failpoint::kFolderMade);
  return true;
}

bool publish_file(const std::string& directory, const std::string& path, std::string_view bytes, Trust trust) {
  bool supported = true;
  if (publish_nameless(path, bytes, trust, supported)) return true;
  return !supported && replace_file(directory, path, bytes, trust);
}

bool replace_file(const std::string& directory, const std::string& path, std::string_view bytes, Trust trust) {
  const std::string folder = arrivals_directory(directory);
  if (!make_folders(folder, trust)) return false;
  std::string name;
  File file;
  for (int attempt = 0; attempt < 100 && !file.ok(); ++attempt) {
    static std::atomic<unsigned> made{0};
    name = fmt::format("{}/{}-{}-{}", folder, getpid(), std::chrono::steady_clock::now().time_since_epoch().count(), ++made);
    file = File(open(name.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, file_mode(trust)));
    if (!file.ok() && errno != EEXIST) return false;
  }
  if (!file.ok()) return false;
  if (write_in_halves(file.fd(), bytes) && rename(name.c_str(), path.c_str()) == 0) return true;
  const int error = errno;
  unlink(name.c_str());
  errno = error;
  return false;
}

std::vector<Named> contents(const std::string& folder) {
  std::vector<Named> found;
  DIR* open = opendir(folder.c_str());
  if (!open) return found;
  while (const dirent* item = readdir(open)) {
    Named named{item->d_name, folder + "/" + item->d_name, {}};
    if (named.name == "." || named.name == ".." || lstat(named.path.c_str(), &named.facts) != 0) continue;
    found.push_back(std::move(named));
  }
  closedir(open);
  std::sort(found.begin(), found.end(), [](const Named& a, const Named& b) { return a.name < b.name; });
  return found;
}

void sweep_arrivals(const std::string& directory, std::time_t now) {
  for (const Named& file : contents(arrivals_directory(directory)))
    if (now - file.facts.st_mtime > kAbandonedSeconds) unlink(file.path.c_str());
}

std::string distrust(const std::string& directory, Trust trust, bool or_root) {
  struct stat facts, link;
  if (stat(directory.c_str(), &facts) != 0 || lstat(directory.c_str(), &link) != 0) return std::strerror(errno);
  if (!S_ISDIR(facts.st_mode)) return "it is not a folder";
  if (trust == Trust::kShared) return {};
  // Whoever can write here, or say where here is, can have code of his choice run on the GPU by this process.
  const auto foreign = [or_root](uid_t owner) { return owner != geteuid() && !(or_root && owner == 0); };
  if (foreign(facts.st_uid)) return fmt::format("it belongs to user {}, this process runs as user {}", facts.st_uid, geteuid());
  if (link.st_uid != geteuid() && link.st_uid != 0)
    return fmt::format("it is a link of user {}, this process runs as user {}", link.st_uid, geteuid());
  if (facts.st_mode & S_IWOTH) return "everybody may write to it (chmod o-w)";
  if (facts.st_mode & S_IWGRP) return "its group may write to it (chmod g-w)";
  return {};
}

std::string why_unusable(const std::string& directory, Trust trust) {
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
    if (std::string why = distrust(directory, trust); !why.empty()) return why;
  return access(there.c_str(), W_OK | X_OK) == 0 ? "" : fmt::format("{}: {}", there, std::strerror(errno));
}

}  // namespace bsgen::runtime
