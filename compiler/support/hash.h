// XXH3-128 for indexes and digests that nobody attacks; what is trusted on disk uses SHA-256 (runtime/cache).
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "bsgen/layout.h"

namespace bsgen {

Hash128 hash_bytes(std::span<const std::byte> bytes);
Hash128 hash_text(std::string_view text);

}  // namespace bsgen
