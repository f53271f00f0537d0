#include "runtime/cache/disk_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>

#include "runtime/cache/cache_files.h"

namespace bsgen::runtime {
namespace {

constexpr std::time_t kUseIsRecorded =
    3600;  // seconds: a hit renews an entry's time at most this often

std::string absolute_variable(const char* name) {
  const char* value = std::getenv(name);
  return value && value[0] == '/' ? value : "";
}

// All missing folders of a path, private to this user. errno tells why not.
bool make_folders(const std::string& path) {
  struct stat facts;
  if (stat(path.c_str(), &facts) == 0) {
    errno = ENOTDIR;
    return S_ISDIR(facts.st_mode);
  }
  if (errno != ENOENT) return false;
  const auto slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0 && !make_folders(path.substr(0, slash))) return false;
  return mkdir(path.c_str(), 0700) == 0 || errno == EEXIST;
}

// A file without a name, in the folder where it will get one; nothing remains of it if the process
// dies. Not every file system has them.
bool publish_nameless(const std::string& folder, const std::string& path, std::string_view bytes,
                      bool& supported) {
  const File file(open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
  supported = file.ok();
  if (!file.ok() || !write_all(file.fd(), bytes)) return false;
  const std::string link = fmt::format("/proc/self/fd/{}", file.fd());
  if (linkat(AT_FDCWD, link.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0 ||
      errno == EEXIST)
    return true;                                       // somebody equal was first
  supported = errno != ENOENT && errno != EOPNOTSUPP;  // no /proc here
  return false;
}

bool publish_renamed(const std::string& folder, const std::string& path, std::string_view bytes) {
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return false;
  std::string name = folder + "/XXXXXX";
  const File file(mkostemp(name.data(), O_CLOEXEC));
  if (!file.ok()) return false;
  if (write_all(file.fd(), bytes) && rename(name.c_str(), path.c_str()) == 0) return true;
  const int error = errno;
  unlink(name.c_str());
  errno = error;
  return false;
}

}  // namespace

std::string cache_directory(const std::string& named) {
  if (!named.empty()) {
    // A relative name stays what it was when the working directory changes.
    std::error_code error;
    std::string path = std::filesystem::absolute(named, error).lexically_normal().string();
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    return error ? named : path;
  }
  if (const std::string xdg = absolute_variable("XDG_CACHE_HOME"); !xdg.empty())
    return xdg + "/bsgen";
  if (const std::string home = absolute_variable("HOME"); !home.empty())
    return home + "/.cache/bsgen";
  return {};
}

DiskCache::DiskCache(std::string directory, Logger logger)
    : directory_(std::move(directory)), logger_(std::move(logger)) {}

void DiskCache::warn(const std::string& cause, const std::string& message) {
  {
    const std::lock_guard lock(mutex_);
    if (!warned_.insert(cause).second) return;
  }
  if (logger_) logger_(LogLevel::kWarning, message);
}

bool DiskCache::usable(bool for_writing) {
  const auto refuse = [&](const std::string& why) {
    warn("directory", fmt::format("cache: {} cannot be used: {}; kernels are kept in memory only; "
                                  "name another folder with --cache-dir or BSGEN_CACHE_DIR",
                                  directory_.empty() ? "the default folder" : directory_, why));
    return false;
  };
  if (directory_.empty()) return refuse("neither XDG_CACHE_HOME nor HOME names a folder");
  if (for_writing && !make_folders(directory_)) return refuse(std::strerror(errno));
  struct stat facts;
  if (stat(directory_.c_str(), &facts) != 0) {
    if (errno == ENOENT && !for_writing) return false;  // nothing there yet
    return refuse(std::strerror(errno));
  }
  if (const std::string why = distrust(directory_); !why.empty()) return refuse(why);
  return true;
}

std::string DiskCache::path_of(const std::string& hex) const {
  return entry_path(directory_, hex);
}

DiskCache::Found DiskCache::find(const KernelKey& key) {
  if (!usable(false)) return {};
  const std::string hex = key.hex(), path = path_of(hex);
  struct stat facts;
  const auto bytes = read_own_file(path, &facts);
  if (!bytes) {
    if (errno != ENOENT && errno != ENOTDIR)
      warn("read", fmt::format("cache: {} cannot be read: {}; the kernel is compiled again", path,
                               std::strerror(errno)));
    return {};
  }
  EntryReading reading = read_entry(*bytes);
  if (reading.state == EntryState::kOtherFormat) return {};
  if (reading.state == EntryState::kSound && !(reading.entry.key == key.record)) {
    reading.state = EntryState::kDamaged;
    reading.why = "it holds another kernel than its name says";
  }
  if (reading.state == EntryState::kDamaged) {
    const bool moved = quarantine(path, hex);
    warn(
        "damaged " + hex,
        fmt::format("cache: {} is damaged: {}; {}; the kernel is compiled again", path, reading.why,
                    moved ? "moved to quarantine"
                          : fmt::format("it cannot be moved aside: {}", std::strerror(errno))));
    return {std::nullopt, true};
  }
  if (std::time(nullptr) - facts.st_mtime > kUseIsRecorded)
    utimensat(AT_FDCWD, path.c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
  return {std::move(reading.entry), false};
}

bool DiskCache::quarantine(const std::string& path, const std::string& hex) {
  const std::string folder = quarantine_directory(directory_);
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return false;
  for (int n = 0; n < 1000; ++n) {
    const std::string aside = fmt::format("{}/{}.{}", folder, hex, n);
    struct stat facts;
    if (lstat(aside.c_str(), &facts) == 0) continue;
    return rename(path.c_str(), aside.c_str()) == 0 ||
           errno == ENOENT;  // another process may have been quicker
  }
  return unlink(path.c_str()) == 0;
}

bool DiskCache::publish(const std::string& path, std::string_view bytes) {
  const std::string folder = path.substr(0, path.rfind('/'));
  if (!make_folders(folder)) return false;
  bool supported = true;
  if (publish_nameless(folder, path, bytes, supported)) return true;
  return !supported && publish_renamed(entries_directory(directory_) + "/tmp", path, bytes);
}

void DiskCache::store(const KernelKey& key, const Entry& entry) {
  if (!usable(true)) return;
  // Nothing is synced: what a power cut tears, the digest finds, and it costs one compile.
  if (!publish(path_of(key.hex()), write_entry(entry)))
    warn("write", fmt::format("cache: {} cannot be written to: {}; kernels are kept in memory only",
                              directory_, std::strerror(errno)));
}

void DiskCache::add_counts(const CacheStats& delta) {
  if (delta.hits_memory + delta.hits_disk + delta.misses + delta.compiles + delta.corrupt == 0)
    return;
  if (!directory_.empty() && distrust(directory_).empty()) (void)add_counters(directory_, delta);
}

}  // namespace bsgen::runtime
