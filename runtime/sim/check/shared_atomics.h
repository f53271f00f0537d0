// Atomic accesses of shared memory: they do not race with each other, but with plain ones that nothing orders.
//
// The shadows of shared memory keep plain accesses; what is atomic stands here, per 16 bytes, so that programs without atomics pay one
// test. A plain access asks for atomic ones that its warp does not know; an atomic one asks its shadow for plain ones as a write would,
// and is not kept there. Scopes are not looked at: those of shared memory mostly hold all who can reach it.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace bsgen::sim {

class SharedAtomics {
 public:
  struct Entry {
    std::uint16_t by;     // agent: a warp of the cluster
    std::uint16_t bytes;  // of the 16, as a mask
    std::uint32_t clock, op;
  };

  void reset() { granules_.clear(); }
  bool empty() const { return granules_.empty(); }

  // An agent's later access takes the place of its earlier ones: who knows it knows them.
  void add(std::uint64_t granule, const Entry& entry) {
    std::vector<Entry>& entries = granules_[granule];
    take_out(entries, entry.bytes, [&](const Entry& earlier) { return earlier.by == entry.by; });
    entries.push_back(entry);
  }
  // The first one among these bytes that is not known; nullptr: none.
  template <class Knows>
  const Entry* find_unknown(std::uint64_t granule, std::uint16_t bytes, Knows&& knows) const {
    const auto found = granules_.find(granule);
    if (found == granules_.end()) return nullptr;
    for (const Entry& entry : found->second)
      if ((entry.bytes & bytes) != 0 && !knows(entry)) return &entry;
    return nullptr;
  }
  // A plain write: who knows it knows what came before.
  void overwrite(std::uint64_t granule, std::uint16_t bytes) {
    if (const auto found = granules_.find(granule); found != granules_.end()) take_out(found->second, bytes, [](const Entry&) { return true; });
  }

 private:
  template <class Which>
  static void take_out(std::vector<Entry>& entries, std::uint16_t bytes, Which&& which) {
    std::erase_if(entries, [&](Entry& entry) {
      if (which(entry)) entry.bytes &= static_cast<std::uint16_t>(~bytes);
      return entry.bytes == 0;
    });
  }
  std::unordered_map<std::uint64_t, std::vector<Entry>> granules_;
};

}  // namespace bsgen::sim
