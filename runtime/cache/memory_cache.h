// MemoryCache: a bounded table from digests to shared values, least recently used out first.
// Thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "runtime/cache/sha256.h"

namespace bsgen::runtime {

// `Value` is cheap to copy (a shared pointer). A value that is thrown out lives on with whoever
// holds it. The bounds hold for each of kShards parts of the table, so the whole holds at most the
// given number, and may hold somewhat less.
template <class Value>
class MemoryCache {
 public:
  MemoryCache(std::size_t max_entries, std::uint64_t max_bytes = ~0ull)
      : max_entries_(std::max<std::size_t>(1, max_entries / kShards)),
        max_bytes_(max_bytes == ~0ull ? max_bytes : max_bytes / kShards) {}

  std::shared_ptr<const Value> find(const Digest& key) {
    Shard& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    const auto it = shard.index.find(key);
    if (it == shard.index.end()) return nullptr;
    if (it->second != shard.items.begin())
      shard.items.splice(shard.items.begin(), shard.items, it->second);
    return it->second->value;
  }

  void insert(const Digest& key, std::shared_ptr<const Value> value, std::uint64_t bytes = 0) {
    Shard& shard = shard_of(key);
    std::list<Item> out;  // destroyed after the lock is given back: unloading a module takes time
    const std::lock_guard lock(shard.mutex);
    if (const auto it = shard.index.find(key); it != shard.index.end())
      drop(shard, it->second, out);
    shard.items.push_front({key, std::move(value), bytes});
    shard.index.emplace(key, shard.items.begin());
    shard.bytes += bytes;
    while (shard.items.size() > 1 &&
           (shard.items.size() > max_entries_ || shard.bytes > max_bytes_))
      drop(shard, std::prev(shard.items.end()), out);
  }

  std::size_t size() const {
    std::size_t total = 0;
    for (Shard& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      total += shard.items.size();
    }
    return total;
  }
  std::uint64_t bytes() const {
    std::uint64_t total = 0;
    for (Shard& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      total += shard.bytes;
    }
    return total;
  }

 private:
  static constexpr std::size_t kShards = 16;  // so that threads with different kernels seldom meet
  struct Item {
    Digest key;
    std::shared_ptr<const Value> value;
    std::uint64_t bytes;
  };
  struct alignas(64) Shard {
    std::mutex mutex;
    std::list<Item> items;  // most recently used first
    std::unordered_map<Digest, typename std::list<Item>::iterator, DigestHash> index;
    std::uint64_t bytes = 0;
  };

  Shard& shard_of(const Digest& key) const { return shards_[key.bytes[31] % kShards]; }
  static void drop(Shard& shard, typename std::list<Item>::iterator item, std::list<Item>& out) {
    shard.bytes -= item->bytes;
    shard.index.erase(item->key);
    out.splice(out.begin(), shard.items, item);
  }

  std::size_t max_entries_;
  std::uint64_t max_bytes_;
  mutable std::array<Shard, kShards> shards_;
};

}  // namespace bsgen::runtime
