// The simulated address space.
//
// Global allocations (and module variables) lie above 2^48 with unmapped gaps between them, so that no device address is ever a
// host pointer and running past an allocation is seen at its exact last byte. Addresses are never used again: what was freed
// stays known for a while, for the message. Shared, local and parameter memory have windows of their own in the generic space.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bsgen/status.h"
#include "compiler/support/fork_safe_mutex.h"

namespace bsgen::sim {

inline constexpr std::uint64_t kGlobalBase = std::uint64_t{1} << 48;
// Generic addresses of the windows; `mov` of a shared variable gives the address inside the window (cvta adds the base).
inline constexpr std::uint64_t kSharedWindow = std::uint64_t{1} << 40;
inline constexpr std::uint64_t kLocalWindow = std::uint64_t{2} << 40;
inline constexpr std::uint64_t kParamWindow = std::uint64_t{3} << 40;
inline constexpr std::uint64_t kWindowBytes = std::uint64_t{1} << 32;
// Hardware keeps the first KiB of a cta's shared memory for itself, so address 0 is an error here too.
inline constexpr std::uint32_t kSharedBase = 1024;
inline constexpr std::uint64_t kGapBytes = 64 * 1024;  // between allocations

struct Allocation {
  Allocation(std::uint64_t base, std::uint64_t bytes, bool writable, std::string name);

  const std::uint64_t base;
  const std::uint64_t bytes;
  const bool writable;
  std::string name;                   // of a module variable, or given to allocated memory; set while nothing runs
  const bool is_variable;
  std::string noun() const;           // "variable table", "x", "an allocation"
  std::unique_ptr<std::byte[]> data;
  std::unique_ptr<std::uint8_t[]> valid;  // one per byte, 0xff = holds a value
  std::atomic<bool> all_valid{false};     // then `valid` need not be looked at
  std::uint32_t tracked = 0;              // of the launch under way: 1 + its number among those whose races are looked for

  bool contains(std::uint64_t address, std::uint64_t size) const {
    return address >= base && size <= bytes && address - base <= bytes - size;
  }
  void set_valid(std::uint64_t offset, std::uint64_t size, bool is_valid);
};

// Allocations at one moment, in order of address. Keeps them alive.
using MemorySnapshot = std::vector<std::shared_ptr<Allocation>>;
Allocation* find(const MemorySnapshot& snapshot, std::uint64_t address);  // the last one that begins at or before `address`

// Thread-safe.
class MemoryMap {
 public:
  Expected<std::shared_ptr<Allocation>> allocate(std::uint64_t bytes, std::uint32_t align, bool writable, std::string name);
  bool free(std::uint64_t address);
  MemorySnapshot snapshot() const;
  std::shared_ptr<Allocation> find_containing(std::uint64_t address, std::uint64_t size) const;
  // "the allocation of 64 bytes at 0x... ends at ..." or what else is known about an address that is in no allocation.
  std::string describe(std::uint64_t address) const;

 private:
  struct Freed { std::uint64_t base, bytes; };
  mutable ForkSafeMutex mutex_;
  std::uint64_t top_ = kGlobalBase;
  std::map<std::uint64_t, std::shared_ptr<Allocation>> live_;
  std::vector<Freed> freed_;  // the last ones
};

}  // namespace bsgen::sim
