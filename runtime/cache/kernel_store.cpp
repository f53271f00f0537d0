#include "runtime/cache/kernel_store.h"

namespace bsgen::runtime {

KernelStore::KernelStore(StoreOptions options)
    : options_(std::move(options)), memory_(options_.memory_entries, options_.memory_bytes) {
  if (options_.disk) disk_.emplace(options_.directory, options_.logger);
}

KernelStore::~KernelStore() {
  CacheStats counts;
  counts.hits_memory = hits_memory_;
  counts.hits_disk = hits_disk_;
  counts.misses = misses_;
  counts.compiles = compiles_;
  counts.corrupt = corrupt_;
  if (disk_) disk_->add_counts(counts);
}

Expected<KernelStore::Result> KernelStore::get(const KernelKey& key, const Record& about,
                                               const CompileFunction& compile) {
  if (options_.memory)
    if (SharedImage image = memory_.find(key.digest)) {
      count_memory_hit();
      return Result{std::move(image), KernelOrigin::kMemory};
    }
  return flights_.run(key.digest, [&] { return find_or_compile(key, about, compile); });
}

Expected<KernelStore::Result> KernelStore::find_or_compile(const KernelKey& key,
                                                           const Record& about,
                                                           const CompileFunction& compile) {
  // A flight for this key may have landed between our look into memory and our take-off.
  if (options_.memory)
    if (SharedImage image = memory_.find(key.digest)) {
      count_memory_hit();
      return Result{std::move(image), KernelOrigin::kMemory};
    }
  if (disk_) {
    DiskCache::Found found = disk_->find(key);
    if (found.damaged) ++corrupt_;
    if (found.entry) {
      ++hits_disk_;
      auto image = std::make_shared<const KernelImage>(std::move(found.entry->image));
      remember(key, image);
      return Result{std::move(image), KernelOrigin::kDisk};
    }
  }
  ++misses_;
  ++compiles_;
  BSGEN_ASSIGN(KernelImage compiled, compile());
  auto image = std::make_shared<const KernelImage>(std::move(compiled));
  remember(key, image);
  if (disk_) disk_->store(key, {key.record, *image, about});
  return Result{std::move(image), KernelOrigin::kCompiled};
}

void KernelStore::remember(const KernelKey& key, const SharedImage& image) {
  if (options_.memory) memory_.insert(key.digest, image, image->ptx.size() + image->cubin.size());
}

CacheStats KernelStore::stats() const {
  CacheStats stats;
  if (disk_) {
    if (const auto on_disk = cache_stats(disk_->directory())) {
      stats.entries = on_disk->entries;
      stats.bytes = on_disk->bytes;
    }
  } else {
    stats.entries = memory_.size();
    stats.bytes = memory_.bytes();
  }
  stats.hits_memory = hits_memory_;
  stats.hits_disk = hits_disk_;
  stats.misses = misses_;
  stats.compiles = compiles_;
  stats.corrupt = corrupt_;
  return stats;
}

}  // namespace bsgen::runtime
