#include "runtime/cache/key_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "runtime/cache/failpoint.h"

namespace bsgen::runtime {
namespace {

// statfs(2): file systems on which another machine can hold nothing.
bool local_file_system(const std::string& directory) {
  struct statfs facts;
  if (statfs(directory.c_str(), &facts) != 0) return false;
  switch (static_cast<std::uint32_t>(facts.f_type)) {
    case 0xEF53:      // ext2, ext3, ext4
    case 0x58465342:  // xfs
    case 0x9123683E:  // btrfs
    case 0x01021994:  // tmpfs
    case 0x794C7630:  // overlay
    case 0xF2F52010:  // f2fs
    case 0x2FC12FC1:  // zfs
    case 0xCA451A4E:  // bcachefs
      return true;
  }
  return false;
}

bool set_lock(const File& file, short type, std::int64_t offset) {
  struct flock range {};  // l_pid 0, as locks of an open file description ask
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = offset;
  range.l_len = 1;
  return fcntl(file.fd(), F_OFD_SETLK, &range) == 0;
}

}  // namespace

std::string lock_file(const std::string& directory) {
  if (local_file_system(directory)) return directory + "/locks";
  const std::string shared_memory = fmt::format("/dev/shm/bsgen-{}", geteuid());
  return make_folders(shared_memory, Trust::kOwn) && distrust(shared_memory, Trust::kOwn).empty() ? shared_memory + "/locks" : "";
}

KeyLock KeyLock::try_take(const std::string& directory, const Digest& key, Trust trust) {
  KeyLock lock;
  const std::string path = lock_file(directory);
  if (path.empty()) return lock;
  lock.file_ = open_shared_file(path, trust);
  if (!lock.file_.ok()) return lock;
  // In /dev/shm several folders share the file; a key means the same kernel in all of them.
  std::uint64_t offset;
  std::memcpy(&offset, key.bytes.data(), sizeof offset);
  lock.offset_ = static_cast<std::int64_t>(offset >> 2);
  if (set_lock(lock.file_, F_WRLCK, lock.offset_)) {
    lock.state_ = State::kHeld;
    failpoint(Failpoint::kLockTaken);
  } else if (errno == EAGAIN || errno == EACCES) {
    lock.state_ = State::kBusy;
  }
  return lock;
}

KeyLock& KeyLock::operator=(KeyLock&& other) noexcept {
  if (this != &other) {
    give_back();
    state_ = std::exchange(other.state_, State::kNone);
    file_ = std::move(other.file_);
    offset_ = other.offset_;
  }
  return *this;
}

void KeyLock::give_back() {
  if (state_ != State::kHeld) return;
  failpoint(Failpoint::kBeforeUnlock);
  // By its name, not by closing alone: a child that was forked meanwhile has the description open as well.
  set_lock(file_, F_UNLCK, offset_);
  state_ = State::kNone;
}

}  // namespace bsgen::runtime
