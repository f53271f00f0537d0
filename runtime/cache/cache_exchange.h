// What `bsgen cache` tells of single entries, and caches packed into one file to be carried elsewhere.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bsgen/status.h"
#include "runtime/cache/disk_cache.h"

namespace bsgen::runtime {

// The one entry whose key begins with `name` (hex), or that lies in the file `name`.
Expected<Entry> read_named_entry(const std::string& directory, const std::string& name, Trust trust);

// The first field in which two records differ: its label, with what it is about where another field says so ("header
// sha256 of bsgen/tile.cuh"), and both values. A record that has no such field has "absent" instead.
struct FieldDifference {
  std::string field, first, second;
};
std::optional<FieldDifference> first_difference(const Record& first, const Record& second);

// "BSGNPACK" | format, u32 | number of entries, u64 | per entry: number of bytes, u64 | bytes | SHA-256 of all before.
// Sound entries only; `keys` are beginnings of keys, none for all.
Expected<std::string> pack_cache(const std::string& directory, const std::vector<std::string>& keys, Trust trust);

struct ImportResult {
  std::uint64_t added = 0, added_bytes = 0, already_there = 0;
};
// Nothing is taken over from a pack that is not sound from end to end.
Expected<ImportResult> unpack_cache(const std::string& directory, std::string_view pack, std::uint64_t max_bytes, Trust trust);

}  // namespace bsgen::runtime
