// The tiers on disk: folders of entries, one immutable file each. Every error of the world is a miss, told once, never a
// failure.
//
//   DIR/v1/ab/cdef...     an entry; its key's digest is abcdef...
//   DIR/v1/tmp/           files on their way (only where the file system has no nameless files)
//   DIR/quarantine/       damaged entries that were moved aside
//   DIR/counters          what past processes counted
//   DIR/size              bytes of the entries, as far as writers told (size_bound.h)
//   DIR/compilers         builds of the compilers seen last (compiler_builds.h)
//   DIR/locks             who compiles what (key_lock.h)
//
// An entry appears whole or not at all; two processes that make the same one do no harm. No locks over entries: readers
// and writers of any number share a folder. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bsgen/engine.h"
#include "bsgen/options.h"
#include "runtime/cache/cache_files.h"
#include "runtime/cache/entry.h"
#include "runtime/cache/size_bound.h"
#include "runtime/cache/warn_once.h"

namespace bsgen::runtime {

// `named`, else $XDG_CACHE_HOME/bsgen, else ~/.cache/bsgen; empty where neither variable is an
// absolute path.
std::string cache_directory(const std::string& named);

struct FoundEntry {
  std::optional<Entry> entry;
  bool damaged = false;  // there was one
};

// This process's own folder: read and written.
class DiskCache {
 public:
  // Nothing is created or looked at before the first use.
  DiskCache(std::string directory, Trust trust, std::uint64_t max_bytes, Logger logger);

  FoundEntry find(const KernelKey& key);  // what is damaged is moved to the quarantine
  struct Stored {
    bool kept = false;
    std::uint64_t evicted = 0;
  };
  Stored store(const KernelKey& key, const Entry& entry) { return publish(key.hex(), write_entry(entry)); }
  Stored publish(const std::string& hex, std::string_view bytes);  // an entry as it is written
  // Whether what this process compiles can be seen by others: false once something could not be written.
  bool shares() { return !failed_.load(std::memory_order_relaxed) && usable(true); }

  // Adds to the counters file and to what is known of the compilers; best effort.
  void take_leave(const CacheStats& delta);

  const std::string& directory() const { return directory_; }
  Trust trust() const { return trust_; }

 private:
  bool usable(bool for_writing);
  bool quarantine(const std::string& path, const std::string& hex);

  std::string directory_;
  Trust trust_;
  std::uint64_t max_bytes_;
  std::atomic<bool> failed_{false};
  WarnOnce warn_;
};

// A folder that somebody else fills: a cluster's cache, a layer of a container. Nothing is written, renewed or locked.
class ReadOnlyCache {
 public:
  ReadOnlyCache(std::string directory, Trust trust, Logger logger);
  FoundEntry find(const KernelKey& key);

 private:
  std::string directory_;
  Trust trust_;
  WarnOnce warn_;
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
// check: read and verify each; else names and sizes
Expected<CacheListing> list_cache(const std::string& directory, bool check, Trust trust = Trust::kOwn);

struct PruneLimits {
  std::optional<std::uint64_t> max_bytes = {};
  std::optional<std::int64_t> older_than_seconds = {};
};
struct PruneResult {
  std::uint64_t removed = 0, removed_bytes = 0, kept = 0, kept_bytes = 0;
};
// Least recently used first; also sweeps what writers left behind more than an hour ago.
Expected<PruneResult> prune_cache(const std::string& directory, const PruneLimits& limits, Trust trust = Trust::kOwn);
// Entries, quarantine and counters; files that are not the cache's stay.
Expected<PruneResult> clear_cache(const std::string& directory, Trust trust = Trust::kOwn);
// Entries and bytes as they are, the rest as counted by past processes.
Expected<CacheStats> cache_stats(const std::string& directory, Trust trust = Trust::kOwn);

}  // namespace bsgen::runtime
