// Names and plain file operations that the disk tier and its upkeep share.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bsgen/engine.h"

namespace bsgen::runtime {

// Owned descriptor.
class File {
 public:
  explicit File(int fd = -1) : fd_(fd) {}
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

inline constexpr std::uint64_t kLargestEntry = 256ull
                                               << 20;  // what is bigger was not written by bsgen

std::string entries_directory(const std::string& directory);     // DIR/v1
std::string quarantine_directory(const std::string& directory);  // DIR/quarantine
std::string entry_path(const std::string& directory, const std::string& hex);
bool is_hex(std::string_view text, std::size_t digits);

// Whole contents of a regular file that this user (or root) owns. errno tells why not; ELOOP and
// EPERM: a link, somebody else's.
std::optional<std::string> read_own_file(const std::string& path, struct stat* status = nullptr);
bool write_all(int fd, std::string_view bytes);

// Why the folder cannot be trusted with code, in words; empty where it can: a folder, this user's,
// not writable by others.
std::string distrust(const std::string& directory);

// Why entries cannot be kept there, as far as can be told without making anything; empty where they
// can.
std::string why_unusable(const std::string& directory);

// Counters of past processes: labelled lines. Zeros where there is no file or it is damaged.
CacheStats read_counters(const std::string& directory);
bool add_counters(const std::string& directory, const CacheStats& delta);

}  // namespace bsgen::runtime
