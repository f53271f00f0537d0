// Failpoints: the places around every change that the store makes to a file system. A test stops the process there.
#pragma once

#include <atomic>
#include <cstdint>

namespace bsgen::runtime {

// In the order of their happening where one request passes them all; numbers are printed by tests, and stay.
enum class Failpoint : std::uint8_t {
  kLockTaken,        // this process compiles the key, others wait
  kFolderMade,       // one of the missing folders
  kFileMade,         // without a name, or under v1/tmp
  kHalfWritten,      // half of an entry's bytes
  kWritten,          // all of them; not yet published
  kPublished,        // the entry has its name
  kBeforeUnlock,     // published, others still wait
  kUseRecorded,      // a hit renewed its entry's time
  kBeforeQuarantine, // damage found
  kQuarantined,      // and moved aside
  kSizeLocked,       // the ledger of bytes is held
  kSizeWritten,
  kEvicted,          // one entry of several is gone
  kCountsLocked,     // the counters are held
  kCountsWritten,
  kBuildsWritten,    // compilers' builds written, under v1/tmp
  kNumFailpoints,
};

inline std::atomic<void (*)(Failpoint)> failpoint_hook{nullptr};  // null but in tests
inline void failpoint(Failpoint point) {
  if (const auto hook = failpoint_hook.load(std::memory_order_relaxed)) hook(point);
}

}  // namespace bsgen::runtime
