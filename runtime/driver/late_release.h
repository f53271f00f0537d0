// LateRelease: gives device memory and code back once the work that may use them has ended, without waiting for it.
//
// A launch leaves no event behind: that would be a second call of every launch. Instead the streams that were launched on are noted, and
// what is given back records an event on each of them, after the last launch: when all have passed, it goes. cuCtxRecordEvent would do
// it in one call, but ends every capture in the context. A stream that is being captured is asked again later. A stream that is about to
// be destroyed leaves an event of its own, for which everything waits.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "compiler/support/fork_safe_mutex.h"
#include "runtime/driver/cuda_api.h"

namespace bsgen::cuda {

class LateRelease {
 public:
  LateRelease(const CudaApi& api, CUcontext context) : api_(api), context_(context) {}
  LateRelease(const LateRelease&) = delete;
  LateRelease& operator=(const LateRelease&) = delete;

  // A launch went to this stream. Cheap where it is known already.
  void note(CUstream stream);
  // It will not be asked any more; what it was given counts until it has run. The context is current.
  void forget(CUstream stream);

  // Any thread; needs no current context. Gives back at once what nothing can be using any more.
  void unload(CUlibrary code) { release({.code = code}); }
  void free(CUdeviceptr address) { release({.address = address}); }

  // Gives back what has become free. The context is current.
  void collect();
  // Waits for the work of the streams that are not being captured and gives everything back; for memory that is short and for the end.
  void collect_all();

 private:
  struct Item {
    CUlibrary code = nullptr;
    CUdeviceptr address = 0;
    bool marked = false;  // events stand for all work that was launched before
    std::vector<CUevent> events{};
  };
  static constexpr std::size_t kMaxStreams = 256;

  void release(Item item);
  std::vector<Item> take();
  void put_back(std::vector<Item>&& items);
  std::vector<CUstream> streams() const;
  bool captured(CUstream stream) const;  // or the driver does not say
  bool mark(Item& item);                 // false: some stream is being captured, or the driver is short of something
  bool passed(Item& item);               // every event has
  bool forgotten_passed(bool wait);      // those of all streams that were forgotten so far
  void give_back(Item& item);

  const CudaApi& api_;
  CUcontext context_;
  std::array<std::atomic<CUstream>, kMaxStreams> streams_{};
  std::atomic<bool> untold_{false};  // some stream's work cannot be told: nothing is given back any more, it goes with the context
  ForkSafeMutex mutex_;              // of what follows; never held during a driver call
  std::vector<Item> items_;
  std::vector<std::shared_ptr<void>> forgotten_;  // events after the work of streams that were forgotten; several may look at one at once
};

}  // namespace bsgen::cuda
