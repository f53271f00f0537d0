// LateRelease: gives device memory and code back once the work that may use them has ended, without waiting for it.
//
// A launch leaves no event behind: that would be a second call of every launch. Instead the streams that were launched on are noted, and
// what is given back records an event on each of them, after the last launch: when all have passed, it goes. cuCtxRecordEvent would do
// it in one call, but ends every capture in the context. A stream that is being captured is asked again later.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "runtime/driver/cuda_api.h"
#include "compiler/support/fork_safe_mutex.h"

namespace bsgen::cuda {

class LateRelease {
 public:
  LateRelease(const CudaApi& api, CUcontext context) : api_(api), context_(context) {}
  LateRelease(const LateRelease&) = delete;
  LateRelease& operator=(const LateRelease&) = delete;

  // A launch went to this stream. Cheap where it is known already.
  void note(CUstream stream);
  void forget(CUstream stream);

  // Any thread; needs no current context. Gives back at once what nothing can be using any more.
  void unload(CUlibrary library) { release({.library = library}); }
  void free(CUdeviceptr address) { release({.address = address}); }

  // Gives back what has become free. The context is current.
  void collect();
  // Waits for the work and gives everything back, whether or not the driver can tell; for memory that is short and for the end.
  void collect_all();

 private:
  struct Item {
    CUlibrary library = nullptr;
    CUdeviceptr address = 0;
    bool marked = false;  // events stand for all work that was launched before
    std::vector<CUevent> events{};
  };
  static constexpr std::size_t kMaxStreams = 64;

  void release(Item item);
  std::vector<Item> take();
  void put_back(std::vector<Item>&& items);
  std::vector<CUstream> streams() const;
  bool mark(Item& item);        // false: some stream is being captured, or the driver is short of something
  bool passed(Item& item);      // every event has
  void give_back(Item& item);

  const CudaApi& api_;
  CUcontext context_;
  std::array<std::atomic<CUstream>, kMaxStreams> streams_{};
  std::atomic<bool> overflow_{false};  // more streams than that: then only waiting for the context tells
  ForkSafeMutex mutex_;       // of items_; never held during a driver call
  std::vector<Item> items_;
};

}  // namespace bsgen::cuda
