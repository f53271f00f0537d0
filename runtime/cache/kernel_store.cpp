#include "runtime/cache/kernel_store.h"

#include <fmt/format.h>

#include <thread>

#include "runtime/cache/compiler_builds.h"
#include "runtime/cache/counters.h"

namespace bsgen::runtime {

StoreOptions store_options(const Environment& environment, const std::string& directory) {
  StoreOptions options;
  options.directory = cache_directory(directory.empty() ? environment.cache_dir : directory);
  options.read_only_directories = environment.cache_read_only;
  options.trust = environment.cache_trust_shared ? Trust::kShared : Trust::kOwn;
  options.disk_bytes = environment.cache_bytes;
  options.fleet = {environment.cache_server, environment.cache_server_key, environment.cache_server_read_only, environment.cache_server_ca};
  return options;
}

KernelStore::KernelStore(StoreOptions options)
    : options_(std::move(options)), memory_(options_.memory_entries, options_.memory_bytes), warn_(options_.logger) {
  if (!options_.disk) return;
  disk_.emplace(options_.directory, options_.trust, options_.disk_bytes, options_.logger);
  for (const std::string& directory : options_.read_only_directories) read_only_.emplace_back(directory, options_.trust, options_.logger);
  if (!options_.fleet.server.empty()) fleet_.emplace(options_.fleet, options_.logger);
  recall_compiler_builds(options_.directory, options_.trust);
}

KernelStore::~KernelStore() {
  if (disk_) disk_->take_leave(counts());
}

Expected<KernelStore::Result> KernelStore::get(const KernelKey& key, const Record& about, const CompileFunction& compile) {
  if (auto result = in_memory(key)) return *std::move(result);
  return flights_.run(key.digest, [&] { return find_or_compile(key, about, compile); });
}

std::optional<KernelStore::Result> KernelStore::in_memory(const KernelKey& key, bool settled) {
  if (!options_.memory) return std::nullopt;
  const auto image = settled ? memory_.find_settled(key.digest) : memory_.find(key.digest);
  if (!image) return std::nullopt;
  count_memory_hit();
  return Result{*image, KernelOrigin::kMemory};
}

std::optional<KernelStore::Result> KernelStore::on_disk(const KernelKey& key) {
  const auto take = [&](FoundEntry found, std::uint64_t CacheStats::* hits) -> std::optional<Result> {
    if (!found.entry && !found.damaged) return std::nullopt;
    {
      const std::lock_guard lock(counts_mutex_);
      ++(found.entry ? counts_.*hits : counts_.corrupt);
    }
    if (!found.entry) return std::nullopt;
    return remember(key, std::make_shared<const KernelImage>(std::move(found.entry->image)), KernelOrigin::kDisk);
  };
  if (auto result = take(disk_->find(key), &CacheStats::hits_disk)) return result;
  for (ReadOnlyCache& cache : read_only_)
    if (auto result = take(cache.find(key), &CacheStats::hits_read_only)) return result;
  return std::nullopt;
}

Expected<KernelStore::Result> KernelStore::find_or_compile(const KernelKey& key, const Record& about, const CompileFunction& compile) {
  // A flight for this key may have landed between our look into memory and our take-off.
  if (auto result = in_memory(key, true)) return *std::move(result);
  KeyLock lock;
  if (disk_) {
    if (auto result = on_disk(key)) return *std::move(result);
    if (auto result = wait_for_turn(key, lock)) return *std::move(result);
    if (auto result = in_fleet(key)) return *std::move(result);
  }
  BSGEN_ASSIGN(SharedImage image, compile_counted(compile));
  if (disk_) {
    const Entry entry{key.record, *image, about};
    keep_on_disk(key, entry);
    if (fleet_) fleet_->store(key, entry);
  }
  return remember(key, std::move(image), KernelOrigin::kCompiled);
}

std::optional<KernelStore::Result> KernelStore::in_fleet(const KernelKey& key) {
  if (!fleet_) return std::nullopt;
  auto entry = fleet_->find(key);
  if (!entry) return std::nullopt;
  keep_on_disk(key, *entry);
  {
    const std::lock_guard lock(counts_mutex_);
    ++counts_.hits_shared;
  }
  return remember(key, std::make_shared<const KernelImage>(std::move(entry->image)), KernelOrigin::kDisk);
}

void KernelStore::keep_on_disk(const KernelKey& key, const Entry& entry) {
  const DiskCache::Stored stored = disk_->store(key, entry);
  const std::lock_guard lock(counts_mutex_);
  counts_.evicted += stored.evicted;
  counts_.not_written += !stored.kept;
}

std::optional<KernelStore::Result> KernelStore::wait_for_turn(const KernelKey& key, KeyLock& lock) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kLongestNap{20};  // a holder's death is noticed within this
  if (options_.patience.count() <= 0 || !disk_->shares()) return std::nullopt;
  const auto begin = Clock::now();
  for (std::chrono::milliseconds nap{1};; nap = std::min(2 * nap, kLongestNap)) {
    lock = KeyLock::try_take(disk_->directory(), key.digest, options_.trust);
    if (lock.state() != KeyLock::State::kBusy) break;
    if (nap.count() == 1) {
      const std::lock_guard counting(counts_mutex_);
      ++counts_.waits;
    }
    if (Clock::now() - begin > patience()) {
      {
        const std::lock_guard counting(counts_mutex_);
        ++counts_.given_up_waits;
      }
      warn_("wait", fmt::format("cache: another process has been compiling {} for {} s; it is compiled here as well", key.hex().substr(0, 12),
                                std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - begin).count()));
      return std::nullopt;
    }
    std::this_thread::sleep_for(nap);
    if (auto result = on_disk(key)) return result;
  }
  // Who held the lock until now may have published since we looked.
  return lock.state() == KeyLock::State::kHeld ? on_disk(key) : std::nullopt;
}

// Four times what nearly every compile of this process took, where that is longer than the patience asked for.
std::chrono::milliseconds KernelStore::patience() const {
  const std::lock_guard lock(counts_mutex_);
  return std::max(options_.patience, std::chrono::milliseconds(static_cast<std::int64_t>(4 * compile_quantile_ms(counts_, 0.95))));
}

Expected<SharedImage> KernelStore::compile_counted(const CompileFunction& compile) {
  {
    const std::lock_guard lock(counts_mutex_);
    ++counts_.misses;
    ++counts_.compiles;
  }
  const auto begin = std::chrono::steady_clock::now();
  Expected<KernelImage> compiled = compile();
  const double ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  {
    const std::lock_guard lock(counts_mutex_);
    ++counts_.compile_ms[compile_bucket(ms)];
    counts_.failed_compiles += !compiled.ok();
  }
  BSGEN_TRY(compiled.status());
  return std::make_shared<const KernelImage>(*std::move(compiled));
}

KernelStore::Result KernelStore::remember(const KernelKey& key, SharedImage image, KernelOrigin origin) {
  if (options_.memory) memory_.insert(key.digest, decltype(memory_)::Handle::make(image), image->ptx.size() + image->cubin.size());
  return Result{std::move(image), origin};
}

void KernelStore::count_bundle_hit() {
  const std::lock_guard lock(counts_mutex_);
  ++counts_.hits_bundle;
}

CacheStats KernelStore::counts() const {
  const std::lock_guard lock(counts_mutex_);
  CacheStats counts = counts_;
  counts.hits_memory = hits_memory_.sum();
  return counts;
}

CacheStats KernelStore::stats() const {
  CacheStats stats = counts();
  if (!disk_) {
    stats.entries = memory_.size();
    stats.bytes = memory_.bytes();
  } else if (const auto on_disk = cache_stats(disk_->directory(), options_.trust)) {
    stats.entries = on_disk->entries;
    stats.bytes = on_disk->bytes;
  }
  return stats;
}

}  // namespace bsgen::runtime
