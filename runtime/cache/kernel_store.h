// KernelStore: from a kernel's key to its image. Memory, then this process's folder, then read-only folders, then the
// fleet's server, then the compiler; the logic of the cache, and nothing of plans or devices.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "bsgen/engine.h"
#include "runtime/cache/disk_cache.h"
#include "runtime/cache/fleet_cache.h"
#include "runtime/cache/kernel_key.h"
#include "runtime/cache/key_lock.h"
#include "runtime/cache/memory_cache.h"
#include "runtime/cache/single_flight.h"
#include "runtime/support/striped.h"

namespace bsgen::runtime {

struct StoreOptions {
  bool memory = true;  // false: every request goes to the disk or the compiler
  bool disk = true;
  std::string directory = {};  // as cache_directory() gives it
  std::vector<std::string> read_only_directories = {};  // looked into in this order, after `directory`
  Trust trust = Trust::kOwn;
  std::uint64_t disk_bytes = kDefaultCacheBytes;
  FleetOptions fleet = {};  // asked last; off where no server is named, and with `disk`
  // How long to wait for another process that compiles the same kernel, at least (longer where compiles were seen to take
  // longer). 0: compile at once, whoever else does.
  std::chrono::milliseconds patience{10'000};
  std::size_t memory_entries = 16384;
  std::uint64_t memory_bytes = 512ull << 20;
  Logger logger = {};
};

// What the environment asks of the store: its folder, unless `directory` names another; bounds, trust and lower tiers.
StoreOptions store_options(const Environment& environment, const std::string& directory);

using SharedImage = std::shared_ptr<const KernelImage>;
using CompileFunction = std::function<Expected<KernelImage>()>;

class KernelStore {
 public:
  explicit KernelStore(StoreOptions options);
  ~KernelStore();  // adds this store's counts to the folder's
  KernelStore(const KernelStore&) = delete;
  KernelStore& operator=(const KernelStore&) = delete;

  // `about` is written into a new entry for `cache list`. Any number of threads that ask for one
  // key at once cause one compile; its error goes to all of them and is not remembered.
  struct Result {
    SharedImage image;
    KernelOrigin origin = KernelOrigin::kCompiled;
  };
  Expected<Result> get(const KernelKey& key, const Record& about, const CompileFunction& compile);

  void count_memory_hit() {
    hits_memory_.add();
  }  // of a tier above this one
  void count_bundle_hit();

  // What this store counted, and nothing of its folder.
  CacheStats counts() const;
  // Counts of this store; entries and bytes of its folder, or of its memory where it has no folder.
  CacheStats stats() const;

 private:
  std::optional<Result> in_memory(const KernelKey& key, bool settled = false);  // settled: see MemoryCache
  std::optional<Result> on_disk(const KernelKey& key);
  std::optional<Result> in_fleet(const KernelKey& key);
  Expected<Result> find_or_compile(const KernelKey& key, const Record& about, const CompileFunction& compile);
  // Holds the key's lock, or holds nothing because there is none or its holder took too long; or has what the holder made.
  std::optional<Result> wait_for_turn(const KernelKey& key, KeyLock& lock);
  std::chrono::milliseconds patience() const;
  Expected<SharedImage> compile_counted(const CompileFunction& compile);
  void keep_on_disk(const KernelKey& key, const Entry& entry);
  Result remember(const KernelKey& key, SharedImage image, KernelOrigin origin);

  StoreOptions options_;
  MemoryCache<Digest, SharedImage, DigestHash> memory_;
  std::optional<DiskCache> disk_;
  std::list<ReadOnlyCache> read_only_;
  std::optional<FleetCache> fleet_;
  WarnOnce warn_;
  SingleFlight<Digest, Result, DigestHash> flights_;
  StripedCounter hits_memory_;
  mutable ForkSafeMutex counts_mutex_;
  CacheStats counts_;  // of all that takes longer than a hit in memory
};

}  // namespace bsgen::runtime
