// What `bsgen cache` does to a folder of entries.
#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <functional>

#include "runtime/cache/cache_files.h"
#include "runtime/cache/disk_cache.h"

namespace bsgen::runtime {
namespace {

constexpr std::int64_t kAbandonedSeconds = 3600;  // a writer's file this old has no writer any more

struct Named {
  std::string name, path;
  struct stat facts;
};

// Entries of a folder but "." and ".."; none where there is no such folder.
std::vector<Named> contents(const std::string& folder) {
  std::vector<Named> found;
  DIR* open = opendir(folder.c_str());
  if (!open) return found;
  while (const dirent* item = readdir(open)) {
    Named named{item->d_name, folder + "/" + item->d_name, {}};
    if (named.name == "." || named.name == ".." || lstat(named.path.c_str(), &named.facts) != 0)
      continue;
    found.push_back(std::move(named));
  }
  closedir(open);
  std::sort(found.begin(), found.end(),
            [](const Named& a, const Named& b) { return a.name < b.name; });
  return found;
}

void for_each_entry(const std::string& directory,
                    const std::function<void(const std::string& hex, const Named&)>& visit) {
  for (const Named& folder : contents(entries_directory(directory))) {
    if (!is_hex(folder.name, 2) || !S_ISDIR(folder.facts.st_mode)) continue;
    for (const Named& file : contents(folder.path))
      if (is_hex(file.name, 62)) visit(folder.name + file.name, file);
  }
}

Status check_directory(const std::string& directory) {
  if (directory.empty())
    return Status(
        ErrorCode::kInvalidArgument,
        "cache: neither XDG_CACHE_HOME nor HOME names a folder; name one with --cache-dir");
  struct stat facts;
  if (stat(directory.c_str(), &facts) != 0)
    return errno == ENOENT ? Status()
                           : Status(ErrorCode::kIo, fmt::format("cache: {} cannot be read: {}",
                                                                directory, std::strerror(errno)));
  if (!S_ISDIR(facts.st_mode))
    return Status(ErrorCode::kInvalidArgument, fmt::format("cache: {} is not a folder", directory));
  DIR* open = opendir(directory.c_str());
  if (!open)
    return Status(ErrorCode::kIo,
                  fmt::format("cache: {} cannot be read: {}", directory, std::strerror(errno)));
  closedir(open);
  return {};
}

// Whether this process may change what lies there. A folder that does not exist is empty.
Status check_own_directory(const std::string& directory) {
  BSGEN_TRY(check_directory(directory));
  if (access(directory.c_str(), F_OK) != 0) return {};
  if (const std::string why = distrust(directory); !why.empty())
    return Status(ErrorCode::kInvalidArgument,
                  fmt::format("cache: {} is not touched: {}", directory, why));
  return {};
}

Status remove(const Named& file, PruneResult& result) {
  if (unlink(file.path.c_str()) != 0 && errno != ENOENT)
    return Status(ErrorCode::kIo,
                  fmt::format("cache: {} cannot be removed: {}", file.path, std::strerror(errno)));
  ++result.removed;
  result.removed_bytes += static_cast<std::uint64_t>(file.facts.st_size);
  return {};
}

CacheListing::Item read_item(const std::string& hex, const Named& file, bool check) {
  CacheListing::Item item;
  item.key = hex;
  item.bytes = static_cast<std::uint64_t>(file.facts.st_size);
  item.age_seconds = std::max<std::int64_t>(0, std::time(nullptr) - file.facts.st_mtime);
  if (!check) return item;
  const auto bytes = read_own_file(file.path);
  if (!bytes) {
    item.state = EntryState::kDamaged;
    item.why = fmt::format("it cannot be read: {}", std::strerror(errno));
    return item;
  }
  EntryReading reading = read_entry(*bytes);
  item.state = reading.state;
  item.why = std::move(reading.why);
  if (reading.state != EntryState::kSound) return item;
  item.meta = reading.entry.about;
  item.meta.add("arch", reading.entry.image.arch.name());
  item.meta.add("entry", reading.entry.image.entry);
  if (KernelKey(reading.entry.key).hex() != hex) {
    item.state = EntryState::kDamaged;
    item.why = "it holds another kernel than its name says";
  }
  return item;
}

}  // namespace

Expected<CacheListing> list_cache(const std::string& directory, bool check) {
  BSGEN_TRY(check_directory(directory));
  CacheListing listing;
  for_each_entry(directory, [&](const std::string& hex, const Named& file) {
    listing.entries.push_back(read_item(hex, file, check));
  });
  for (const Named& file : contents(quarantine_directory(directory)))
    listing.quarantined.push_back(file.name);
  return listing;
}

Expected<PruneResult> prune_cache(const std::string& directory, const PruneLimits& limits) {
  BSGEN_TRY(check_own_directory(directory));
  PruneResult result;
  std::vector<Named> files;
  for_each_entry(directory, [&](const std::string&, const Named& file) { files.push_back(file); });
  std::sort(files.begin(), files.end(),
            [](const Named& a, const Named& b) { return a.facts.st_mtime < b.facts.st_mtime; });
  const std::time_t now = std::time(nullptr);
  std::uint64_t total = 0;
  for (const Named& file : files) total += static_cast<std::uint64_t>(file.facts.st_size);
  for (const Named& file : files) {
    const std::uint64_t bytes = static_cast<std::uint64_t>(file.facts.st_size);
    const bool old =
        limits.older_than_seconds && now - file.facts.st_mtime > *limits.older_than_seconds;
    const bool too_much = limits.max_bytes && total > *limits.max_bytes;
    if (!old && !too_much) {
      ++result.kept;
      result.kept_bytes += bytes;
      continue;
    }
    BSGEN_TRY(remove(file, result));
    total -= bytes;
  }
  for (const Named& file : contents(entries_directory(directory) + "/tmp"))
    if (now - file.facts.st_mtime > kAbandonedSeconds) unlink(file.path.c_str());
  return result;
}

Expected<PruneResult> clear_cache(const std::string& directory) {
  BSGEN_TRY(check_own_directory(directory));
  PruneResult result;
  Status status;
  for_each_entry(directory, [&](const std::string&, const Named& file) {
    if (status.ok()) status = remove(file, result);
  });
  BSGEN_TRY(status);
  const std::string entries = entries_directory(directory),
                    quarantine = quarantine_directory(directory);
  for (const std::string& folder : {entries + "/tmp", quarantine})
    for (const Named& file : contents(folder)) unlink(file.path.c_str());
  unlink((directory + "/counters").c_str());
  // Folders go where they are empty by now; a folder that somebody put something of his own into
  // stays.
  for (const Named& folder : contents(entries)) rmdir(folder.path.c_str());
  for (const std::string& folder : {entries, quarantine}) rmdir(folder.c_str());
  return result;
}

Expected<CacheStats> cache_stats(const std::string& directory) {
  BSGEN_TRY(check_directory(directory));
  CacheStats stats = read_counters(directory);
  for_each_entry(directory, [&](const std::string&, const Named& file) {
    ++stats.entries;
    stats.bytes += static_cast<std::uint64_t>(file.facts.st_size);
  });
  return stats;
}

}  // namespace bsgen::runtime
