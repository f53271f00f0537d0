// Just enough of zip for .npz files: the central directory, stored and deflated members. Written here and not taken from
// libzip because a mask needs one thing that libraries make hard: the first kilobyte of a member whose gigabytes it never
// looks at, with every size believed only as far as the file's bytes back it. zlib does the inflating.
// Format: PKWARE's APPNOTE.TXT, sections 4.3 and 4.4. Not read: encryption, zip64 (members over 4 GiB), split archives.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bsgen/status.h"

namespace bsgen::layout {

struct ZipMember {
  std::string name;
  bool deflated = false;
  std::uint32_t crc = 0;
  std::uint64_t bytes = 0;             // uncompressed
  std::span<const std::byte> stored;  // what the file holds of it
};

class ZipArchive {
 public:
  // `bytes` must outlive the archive.
  static Expected<ZipArchive> open(std::string_view name, std::span<const std::byte> bytes);

  const ZipMember* find(std::string_view member) const;
  // The first `count` bytes of a member, or all of it where it is shorter.
  Expected<std::vector<std::byte>> read_prefix(const ZipMember& member, std::uint64_t count) const;
  // All of it, its checksum compared. A member that inflates to more than 256 MiB and a hundred times the file is refused.
  Expected<std::vector<std::byte>> read(const ZipMember& member) const;

 private:
  std::string name_;
  std::uint64_t file_bytes_ = 0;
  std::vector<ZipMember> members_;
};

// Writes stored and deflated members to a string; the counterpart for what `mask convert` writes.
class ZipWriter {
 public:
  // The member is `head` followed by `repeats` times `unit`, deflated; nothing of it is ever whole in memory.
  void add(std::string_view name, std::string_view head, std::string_view unit = {}, std::uint64_t repeats = 0);
  std::string finish() &&;

 private:
  std::string out_, directory_;
  std::uint16_t num_members_ = 0;
};

}  // namespace bsgen::layout
