// DiskCache: a folder of entries, one immutable file each. Every error of the world is a miss, told
// once, never a failure.
//
//   DIR/v1/ab/cdef...     an entry; its key's digest is abcdef...
//   DIR/v1/tmp/           files on their way (only where the file system has no nameless files)
//   DIR/quarantine/       damaged entries that were moved aside
//   DIR/counters          what past processes counted
//
// An entry appears whole or not at all; two processes that make the same one do no harm. No locks:
// readers and writers of any number share a folder. Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bsgen/engine.h"
#include "bsgen/options.h"
#include "runtime/cache/entry.h"

namespace bsgen::runtime {

// `named`, else $XDG_CACHE_HOME/bsgen, else ~/.cache/bsgen; empty where neither variable is an
// absolute path.
std::string cache_directory(const std::string& named);

class DiskCache {
 public:
  // Nothing is created or looked at before the first use.
  DiskCache(std::string directory, Logger logger);

  struct Found {
    std::optional<Entry> entry;
    bool damaged = false;  // there was one, now in quarantine
  };
  Found find(const KernelKey& key);
  void store(const KernelKey& key, const Entry& entry);

  // Adds to the counters file; best effort.
  void add_counts(const CacheStats& delta);

  const std::string& directory() const { return directory_; }

 private:
  bool usable(bool for_writing);
  void warn(const std::string& cause, const std::string& message);
  std::string path_of(const std::string& hex) const;
  bool quarantine(const std::string& path, const std::string& hex);
  bool publish(const std::string& path, std::string_view bytes);

  std::string directory_;
  Logger logger_;
  std::mutex mutex_;
  std::set<std::string> warned_;
};

// What a folder holds, for the command line. These report what is wrong instead of passing over it.
struct CacheListing {
  struct Item {
    std::string key;  // hex
    std::uint64_t bytes = 0;
    std::int64_t age_seconds = 0;  // since it was made or, coarsely, last used
    EntryState state = EntryState::kSound;
    std::string why;
    Record meta;  // of a sound entry: arch, entry, about ...
  };
  std::vector<Item> entries;             // by key
  std::vector<std::string> quarantined;  // file names
};
Expected<CacheListing> list_cache(const std::string& directory,
                                  bool check);  // check: read and verify each; else names and sizes

struct PruneLimits {
  std::optional<std::uint64_t> max_bytes = {};
  std::optional<std::int64_t> older_than_seconds = {};
};
struct PruneResult {
  std::uint64_t removed = 0, removed_bytes = 0, kept = 0, kept_bytes = 0;
};
// Least recently used first; also sweeps what writers left behind more than an hour ago.
Expected<PruneResult> prune_cache(const std::string& directory, const PruneLimits& limits);
// Entries, quarantine and counters; files that are not the cache's stay.
Expected<PruneResult> clear_cache(const std::string& directory);
// Entries and bytes as they are, the rest as counted by past processes.
Expected<CacheStats> cache_stats(const std::string& directory);

}  // namespace bsgen::runtime
