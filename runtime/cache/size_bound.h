// The bound on a cache folder's bytes, kept by whoever adds to it: no process of its own, no scan per entry.
//
// DIR/size holds how many bytes there are, as far as writers told, and when it was last counted. A writer adds what it is
// about to write; who passes the bound counts what is there and removes the least recently used entries down to 9/10 of it.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/cache/cache_files.h"

namespace bsgen::runtime {

inline constexpr std::uint64_t kDefaultCacheBytes = 1ull << 30;
inline constexpr std::int64_t kUntouchableSeconds = 60;  // an entry this young is never evicted: somebody may be about to read it
inline constexpr std::int64_t kSweepPauseSeconds = 10;   // where nothing is old enough to go, counting again at once is in vain

// Called before `bytes` are published. Returns how many entries went. Best effort: what cannot be told or removed stays.
std::uint64_t keep_within(const std::string& directory, std::uint64_t max_bytes, std::uint64_t bytes, Trust trust);
void forget_size(const std::string& directory);  // the next writer counts

// Every entry's file, by key.
struct EntryFile {
  std::string hex;
  Named file;
};
std::vector<EntryFile> entry_files(const std::string& directory);

}  // namespace bsgen::runtime
