#include "runtime/sim/exec/memory_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace bsgen::sim {
namespace {

constexpr std::size_t kMaxFreed = 4096;

}  // namespace

Allocation::Allocation(std::uint64_t base, std::uint64_t bytes, bool writable, std::string name)
    : base(base), bytes(bytes), writable(writable), name(std::move(name)), is_variable(!this->name.empty()),
      data(new (std::nothrow) std::byte[bytes]), valid(new (std::nothrow) std::uint8_t[bytes]) {}

void Allocation::set_valid(std::uint64_t offset, std::uint64_t size, bool is_valid) {
  std::memset(valid.get() + offset, is_valid ? 0xff : 0, size);
  if (!is_valid && size > 0) all_valid = false;
  if (is_valid && offset == 0 && size == bytes) all_valid = true;
}

std::string Allocation::noun() const { return name.empty() ? "an allocation" : is_variable ? "variable " + name : name; }

Allocation* find(const MemorySnapshot& snapshot, std::uint64_t address) {
  auto after = std::upper_bound(snapshot.begin(), snapshot.end(), address,
                                [](std::uint64_t a, const std::shared_ptr<Allocation>& b) { return a < b->base; });
  return after == snapshot.begin() ? nullptr : std::prev(after)->get();
}

Expected<std::shared_ptr<Allocation>> MemoryMap::allocate(std::uint64_t bytes, std::uint32_t align, bool writable, std::string name) {
  constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 40;
  if (bytes > kMaxBytes)
    return Status(ErrorCode::kInvalidArgument, fmt::format("sim: allocation of {} bytes, the limit is {}", bytes, kMaxBytes));
  std::lock_guard lock(mutex_);
  const std::uint64_t base = (top_ + align - 1) / align * align;
  auto made = std::make_shared<Allocation>(base, bytes, writable, std::move(name));
  if (!made->data || !made->valid)
    return Status(ErrorCode::kDevice, fmt::format("sim: no memory for an allocation of {} bytes", bytes));
  // What device memory holds is unknown; a NaN pattern makes results that depend on it look wrong.
  std::memset(made->data.get(), 0xff, bytes);
  made->set_valid(0, bytes, false);
  top_ = base + bytes + kGapBytes;
  live_.emplace(base, made);
  return made;
}

bool MemoryMap::free(std::uint64_t address) {
  std::lock_guard lock(mutex_);
  const auto found = live_.find(address);
  if (found == live_.end()) return false;
  if (freed_.size() >= kMaxFreed) freed_.erase(freed_.begin(), freed_.begin() + kMaxFreed / 2);
  freed_.push_back({found->second->base, found->second->bytes});
  live_.erase(found);
  return true;
}

MemorySnapshot MemoryMap::snapshot() const {
  std::lock_guard lock(mutex_);
  MemorySnapshot made;
  made.reserve(live_.size());
  for (const auto& [base, allocation] : live_) made.push_back(allocation);
  return made;
}

std::shared_ptr<Allocation> MemoryMap::find_containing(std::uint64_t address, std::uint64_t size) const {
  std::lock_guard lock(mutex_);
  auto after = live_.upper_bound(address);
  if (after == live_.begin()) return nullptr;
  --after;
  return after->second->contains(address, size) ? after->second : nullptr;
}

std::string MemoryMap::describe(std::uint64_t address) const {
  std::lock_guard lock(mutex_);
  for (const Freed& freed : freed_)
    if (address >= freed.base && address - freed.base < freed.bytes)
      return fmt::format("byte {} of an allocation of {} bytes that was freed", address - freed.base, freed.bytes);
  const auto after = live_.upper_bound(address);
  if (after != live_.begin()) {
    const Allocation& before = *std::prev(after)->second;
    const std::string what = before.noun();
    if (address - before.base < before.bytes + kGapBytes / 2)
      return fmt::format("byte {} of {} of {} bytes", address - before.base, what, before.bytes);
  }
  if (after != live_.end() && after->first - address < kGapBytes)
    return fmt::format("{} bytes before an allocation of {} bytes", after->first - address, after->second->bytes);
  return fmt::format("address {:#x}, in no allocation", address);
}

}  // namespace bsgen::sim
