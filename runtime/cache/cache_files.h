// Names and plain file operations that the tiers on disk and their upkeep share.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bsgen::runtime {

// Owned descriptor.
class File {
 public:
  explicit File(int fd = -1) : fd_(fd) {}
  ~File();
  File(File&& other) noexcept : fd_(other.release()) {}
  File& operator=(File&& other) noexcept;
  int fd() const { return fd_; }
  bool ok() const { return fd_ >= 0; }
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  int fd_;
};

// Whose files are code that this process may run on the GPU: its user's (and root's), or everybody's who may write there.
enum class Trust : std::uint8_t { kOwn, kShared };

inline constexpr std::uint64_t kLargestEntry = 256ull << 20;  // what is bigger was not written by bsgen

std::string entries_directory(const std::string& directory);     // DIR/v1
std::string arrivals_directory(const std::string& directory);    // DIR/v1/tmp
std::string quarantine_directory(const std::string& directory);  // DIR/quarantine
std::string entry_path(const std::string& directory, const std::string& hex);
bool is_hex(std::string_view text, std::size_t digits);

// Whole contents of a regular file of a trusted owner. errno tells why not; ELOOP and EPERM: a link, somebody else's.
// untouched: its time of reading is not renewed either, where this user may ask for that.
std::optional<std::string> read_trusted_file(const std::string& path, Trust trust, struct stat* status = nullptr, bool untouched = false);

// A file that many processes write to, made where it is missing; not ok where it is no regular file of a trusted owner.
File open_shared_file(const std::string& path, Trust trust);
// Exclusive, by flock: given back with the descriptor, so a dead holder holds nothing. False after 20 ms: what is kept
// under such a lock is not worth waiting for.
bool lock_briefly(const File& file);
std::string read_up_to(const File& file, std::size_t most);
bool write_all(int fd, std::string_view bytes);

// All missing folders of a path, private to this user unless trust is shared. errno tells why not.
bool make_folders(const std::string& path, Trust trust);
// `bytes` under the name `path`: whole or not at all, at every instant. A file that is already there stays (publish), for
// whoever was first made the same; or gives way (replace). The folder of `path` exists. errno tells why not.
bool publish_file(const std::string& directory, const std::string& path, std::string_view bytes, Trust trust);
bool replace_file(const std::string& directory, const std::string& path, std::string_view bytes, Trust trust);

// What a folder holds, but "." and "..", by name; nothing where there is no such folder.
struct Named {
  std::string name, path;
  struct stat facts;
};
std::vector<Named> contents(const std::string& folder);
// Removes what writers left in v1/tmp more than an hour ago.
void sweep_arrivals(const std::string& directory, std::time_t now);

// Why the folder cannot be trusted with code, in words; empty where it can: a folder, of this user, writable by nobody else.
// or_root: a folder of root's will do, for it is only read from.
std::string distrust(const std::string& directory, Trust trust, bool or_root = false);

// Why entries cannot be kept there, as far as can be told without making anything; empty where they can.
std::string why_unusable(const std::string& directory, Trust trust = Trust::kOwn);

}  // namespace bsgen::runtime
