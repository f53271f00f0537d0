// A bundle as bytes. One file, written once, mapped by everybody who reads it.
//
//   Header
//   manifest   a Record: bsgen's version, the digest of its templates, every architecture in the bundle
//   index      one IndexItem for each request, in the order of their hashes
//   requests   for each item its request bytes and the line that asks for it
//   payloads   for each kernel its plan's text and its cache entry (runtime/cache/entry.h), which names the compilers' builds
//
// Numbers are little-endian, offsets count from the beginning of the file. The header's digest covers everything up to the payloads; an item's
// digest covers its plan and, through the entry's own SHA-256, its entry. So the header's digest pins the whole file, and a kernel is checked when it is
// loaded, not when the bundle is opened.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>

namespace bsgen::runtime {

inline constexpr char kBundleMagic[8] = {'B', 'S', 'G', 'N', 'B', 'N', 'D', 'L'};
inline constexpr std::uint32_t kBundleFormat = 1;

struct BundleHeader {
  char magic[8];
  std::uint32_t format, reserved;
  std::uint64_t file_bytes, items;
  std::uint64_t manifest_offset, manifest_bytes;
  std::uint64_t index_offset;
  std::uint64_t payload_offset;  // the end of what `digest` covers
  std::array<std::byte, 32> digest;  // SHA-256 of the header before this field and of all from its end to payload_offset
};
static_assert(sizeof(BundleHeader) == 96 && offsetof(BundleHeader, digest) == 64);

struct BundleItem {
  std::uint64_t hash_high, hash_low;  // XXH3-128 of the request bytes
  std::uint64_t request_offset;       // its bytes, then its line
  std::uint32_t request_bytes, line_bytes;
  std::uint64_t payload_offset, plan_bytes, entry_bytes;
  std::array<std::byte, 32> digest;   // SHA-256 of the plan's text and the entry's last 32 bytes
};
static_assert(sizeof(BundleItem) == 88);
static_assert(std::endian::native == std::endian::little, "bundles are mapped as they are");

// What the generated code and the host's launch have agreed on: bsgen's version and the digest of the embedded templates. A bundle of another build is not
// served, for its kernels may take other arguments.
std::string bundle_builder();

}  // namespace bsgen::runtime
