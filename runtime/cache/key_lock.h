// KeyLock: tells processes of one machine that somebody already compiles a key. An optimisation: nothing is wrong where it
// cannot be had, or where two hold it.
//
// A lock is one byte of one file, at an offset that the key names, held through an open file description of its own. So
// no two keys wait for each other, no lock file is ever made or removed per key, and the system takes the lock from a
// holder that dies. The file lies beside the entries where that file system is of this machine, so that whoever shares the
// folder (containers too) shares the locks; else in /dev/shm, for locks over a network are slow or not kept.
#pragma once

#include <string>

#include "runtime/cache/cache_files.h"
#include "runtime/cache/sha256.h"

namespace bsgen::runtime {

class KeyLock {
 public:
  enum class State {
    kNone,  // no lock can be had here
    kHeld,
    kBusy,  // somebody else holds it
  };
  KeyLock() = default;
  KeyLock(KeyLock&& other) noexcept : state_(other.state_), file_(std::move(other.file_)), offset_(other.offset_) { other.state_ = State::kNone; }
  KeyLock& operator=(KeyLock&& other) noexcept;
  ~KeyLock() { give_back(); }

  // Never waits. The folder exists and is trusted.
  static KeyLock try_take(const std::string& directory, const Digest& key, Trust trust);
  State state() const { return state_; }

 private:
  void give_back();

  State state_ = State::kNone;
  File file_;
  std::int64_t offset_ = 0;
};

// The file with the locks of a cache folder; empty where there is no place for one.
std::string lock_file(const std::string& directory);

}  // namespace bsgen::runtime
