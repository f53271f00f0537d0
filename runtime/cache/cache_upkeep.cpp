// What `bsgen cache` does to a folder of entries.
#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "runtime/cache/cache_files.h"
#include "runtime/cache/compiler_builds.h"
#include "runtime/cache/counters.h"
#include "runtime/cache/disk_cache.h"

namespace bsgen::runtime {
namespace {

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
Status check_own_directory(const std::string& directory, Trust trust) {
  BSGEN_TRY(check_directory(directory));
  if (access(directory.c_str(), F_OK) != 0) return {};
  if (const std::string why = distrust(directory, trust); !why.empty())
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

CacheListing::Item read_item(const std::string& hex, const Named& file, bool check, Trust trust) {
  CacheListing::Item item;
  item.key = hex;
  item.bytes = static_cast<std::uint64_t>(file.facts.st_size);
  item.age_seconds = std::max<std::int64_t>(0, std::time(nullptr) - file.facts.st_mtime);
  if (!check) return item;
  const auto bytes = read_trusted_file(file.path, trust);
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

Expected<CacheListing> list_cache(const std::string& directory, bool check, Trust trust) {
  BSGEN_TRY(check_directory(directory));
  CacheListing listing;
  for (const auto& [hex, file] : entry_files(directory)) listing.entries.push_back(read_item(hex, file, check, trust));
  for (const Named& file : contents(quarantine_directory(directory))) listing.quarantined.push_back(file.name);
  return listing;
}

Expected<PruneResult> prune_cache(const std::string& directory, const PruneLimits& limits, Trust trust) {
  BSGEN_TRY(check_own_directory(directory, trust));
  PruneResult result;
  std::vector<EntryFile> entries = entry_files(directory);
  std::sort(entries.begin(), entries.end(),
            [](const EntryFile& a, const EntryFile& b) { return a.file.facts.st_mtime < b.file.facts.st_mtime; });
  const std::time_t now = std::time(nullptr);
  std::uint64_t total = 0;
  for (const EntryFile& entry : entries) total += static_cast<std::uint64_t>(entry.file.facts.st_size);
  for (const auto& [hex, file] : entries) {
    const std::uint64_t bytes = static_cast<std::uint64_t>(file.facts.st_size);
    const bool old = limits.older_than_seconds && now - file.facts.st_mtime > *limits.older_than_seconds;
    const bool too_much = limits.max_bytes && total > *limits.max_bytes;
    if (!old && !too_much) {
      ++result.kept;
      result.kept_bytes += bytes;
      continue;
    }
    BSGEN_TRY(remove(file, result));
    total -= bytes;
  }
  sweep_arrivals(directory, now);
  forget_size(directory);
  return result;
}

Expected<PruneResult> clear_cache(const std::string& directory, Trust trust) {
  BSGEN_TRY(check_own_directory(directory, trust));
  PruneResult result;
  for (const EntryFile& entry : entry_files(directory)) BSGEN_TRY(remove(entry.file, result));
  const std::string entries = entries_directory(directory), quarantine = quarantine_directory(directory);
  for (const std::string& folder : {arrivals_directory(directory), quarantine})
    for (const Named& file : contents(folder)) unlink(file.path.c_str());
  // The file of locks stays, for others may hold some.
  forget_counters(directory);
  forget_size(directory);
  forget_compiler_builds(directory);
  // Folders go where they are empty by now; a folder that somebody put something of his own into stays.
  for (const Named& folder : contents(entries)) rmdir(folder.path.c_str());
  for (const std::string& folder : {entries, quarantine}) rmdir(folder.c_str());
  return result;
}

Expected<CacheStats> cache_stats(const std::string& directory, Trust trust) {
  BSGEN_TRY(check_directory(directory));
  CacheStats stats = read_counters(directory, trust);
  for (const EntryFile& entry : entry_files(directory)) {
    ++stats.entries;
    stats.bytes += static_cast<std::uint64_t>(entry.file.facts.st_size);
  }
  return stats;
}

}  // namespace bsgen::runtime
