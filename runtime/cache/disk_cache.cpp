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

#include "runtime/cache/compiler_builds.h"
#include "runtime/cache/counters.h"
#include "runtime/cache/failpoint.h"

namespace bsgen::runtime {
namespace {

constexpr std::time_t kUseIsRecorded = 3600;  // seconds: a hit renews an entry's time at most this often

std::string absolute_variable(const char* name) {
  const char* value = std::getenv(name);
  return value && value[0] == '/' ? value : "";
}

// What lies under a key's name in a folder. Neither entry nor damage: a miss.
struct Lookup {
  std::optional<Entry> entry;
  std::string damage;      // why it cannot be served, though it is there
  std::string unreadable;  // why it cannot even be read
  struct stat facts {};
};

Lookup look_up(const std::string& path, const KernelKey& key, Trust trust, bool untouched) {
  Lookup found;
  const auto bytes = read_trusted_file(path, trust, &found.facts, untouched);
  if (!bytes) {
    if (errno != ENOENT && errno != ENOTDIR) found.unreadable = std::strerror(errno);
    return found;
  }
  EntryReading reading = read_entry(*bytes);
  if (reading.state == EntryState::kDamaged) found.damage = std::move(reading.why);
  if (reading.state != EntryState::kSound) return found;
  if (reading.entry.key == key.record)
    found.entry = std::move(reading.entry);
  else
    found.damage = "it holds another kernel than its name says";
  return found;
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

DiskCache::DiskCache(std::string directory, Trust trust, std::uint64_t max_bytes, Logger logger)
    : directory_(std::move(directory)), trust_(trust), max_bytes_(max_bytes), warn_(std::move(logger)) {}

bool DiskCache::usable(bool for_writing) {
  const auto refuse = [&](const std::string& why) {
    warn_("directory", fmt::format("cache: {} cannot be used: {}; kernels are kept in memory only; name another folder with --cache-dir "
                                   "or BSGEN_CACHE_DIR",
                                   directory_.empty() ? "the default folder" : directory_, why));
    return false;
  };
  if (directory_.empty()) return refuse("neither XDG_CACHE_HOME nor HOME names a folder");
  if (for_writing && !make_folders(directory_, trust_)) return refuse(std::strerror(errno));
  struct stat facts;
  if (stat(directory_.c_str(), &facts) != 0) {
    if (errno == ENOENT && !for_writing) return false;  // nothing there yet
    return refuse(std::strerror(errno));
  }
  if (const std::string why = distrust(directory_, trust_); !why.empty()) return refuse(why);
  return true;
}

FoundEntry DiskCache::find(const KernelKey& key) {
  if (!usable(false)) return {};
  const std::string hex = key.hex(), path = entry_path(directory_, hex);
  Lookup found = look_up(path, key, trust_, false);
  if (!found.unreadable.empty())
    warn_("read", fmt::format("cache: {} cannot be read: {}; the kernel is compiled again", path, found.unreadable));
  if (!found.damage.empty()) {
    failpoint(Failpoint::kBeforeQuarantine);
    const bool moved = quarantine(path, hex);
    warn_("damaged " + hex,
          fmt::format("cache: {} is damaged: {}; {}; the kernel is compiled again", path, found.damage,
                      moved ? "moved to quarantine" : fmt::format("it cannot be moved aside: {}", std::strerror(errno))));
    return {std::nullopt, true};
  }
  if (found.entry && std::time(nullptr) - found.facts.st_mtime > kUseIsRecorded) {
    utimensat(AT_FDCWD, path.c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
    failpoint(Failpoint::kUseRecorded);
  }
  return {std::move(found.entry), false};
}

bool DiskCache::quarantine(const std::string& path, const std::string& hex) {
  const std::string folder = quarantine_directory(directory_);
  if (!make_folders(folder, trust_)) return false;
  for (int n = 0; n < 1000; ++n) {
    const std::string aside = fmt::format("{}/{}.{}", folder, hex, n);
    struct stat facts;
    if (lstat(aside.c_str(), &facts) == 0) continue;
    const bool moved = rename(path.c_str(), aside.c_str()) == 0 || errno == ENOENT;  // another process may have been quicker
    failpoint(Failpoint::kQuarantined);
    return moved;
  }
  return unlink(path.c_str()) == 0;
}

DiskCache::Stored DiskCache::publish(const std::string& hex, std::string_view bytes) {
  Stored stored;
  if (!usable(true)) return stored;
  const std::string path = entry_path(directory_, hex);
  stored.evicted = keep_within(directory_, max_bytes_, bytes.size(), trust_);
  // Nothing is synced: what a power cut tears, the digest finds, and it costs one compile.
  stored.kept = make_folders(path.substr(0, path.rfind('/')), trust_) && publish_file(directory_, path, bytes, trust_);
  failpoint(Failpoint::kPublished);
  failed_ = !stored.kept;
  if (!stored.kept)
    warn_("write", fmt::format("cache: {} cannot be written to: {}; kernels are kept in memory only", directory_, std::strerror(errno)));
  return stored;
}

void DiskCache::take_leave(const CacheStats& delta) {
  CacheStats copy = delta;
  std::uint64_t all = 0;
  for_each_count(copy, [&](const std::string&, std::uint64_t& count) { all += count; });
  if (all == 0 || directory_.empty() || !distrust(directory_, trust_).empty()) return;
  (void)add_counters(directory_, delta, trust_);
  keep_compiler_builds(directory_, trust_);
}

ReadOnlyCache::ReadOnlyCache(std::string directory, Trust trust, Logger logger)
    : directory_(std::move(directory)), trust_(trust), warn_(std::move(logger)) {}

FoundEntry ReadOnlyCache::find(const KernelKey& key) {
  if (const std::string why = distrust(directory_, trust_, true); !why.empty()) {
    warn_("directory", fmt::format("cache: the read-only {} cannot be used: {}; kernels are looked for elsewhere", directory_, why));
    return {};
  }
  const std::string path = entry_path(directory_, key.hex());
  Lookup found = look_up(path, key, trust_, true);
  if (!found.unreadable.empty())
    warn_("read", fmt::format("cache: {} cannot be read: {}; the kernel is looked for elsewhere", path, found.unreadable));
  if (!found.damage.empty())
    warn_("damaged " + key.hex(), fmt::format("cache: {} is damaged: {}; the kernel is looked for elsewhere", path, found.damage));
  return {std::move(found.entry), !found.damage.empty()};
}

}  // namespace bsgen::runtime
