// KernelStore: from a kernel's key to its image. Memory, then disk, then the compiler; the logic of
// the cache, and nothing of plans or devices.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "bsgen/engine.h"
#include "runtime/cache/disk_cache.h"
#include "runtime/cache/kernel_key.h"
#include "runtime/cache/memory_cache.h"
#include "runtime/cache/single_flight.h"

namespace bsgen::runtime {

struct StoreOptions {
  bool memory = true;  // false: every request goes to the disk or the compiler
  bool disk = true;
  std::string directory = {};  // as cache_directory() gives it
  std::size_t memory_entries = 16384;
  std::uint64_t memory_bytes = 512ull << 20;
  Logger logger = {};
};

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
    hits_memory_.fetch_add(1, std::memory_order_relaxed);
  }  // of a tier above this one

  // Counts of this store; entries and bytes of its folder, or of its memory where it has no folder.
  CacheStats stats() const;

 private:
  Expected<Result> find_or_compile(const KernelKey& key, const Record& about,
                                   const CompileFunction& compile);
  void remember(const KernelKey& key, const SharedImage& image);

  StoreOptions options_;
  MemoryCache<KernelImage> memory_;
  std::optional<DiskCache> disk_;
  SingleFlight<Digest, Result, DigestHash> flights_;
  std::atomic<std::uint64_t> hits_memory_{0}, hits_disk_{0}, misses_{0}, compiles_{0}, corrupt_{0};
};

}  // namespace bsgen::runtime
