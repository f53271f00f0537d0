#include "runtime/driver/late_release.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "runtime/driver/current_context.h"

namespace bsgen::cuda {
namespace {

// Handle 2 means another stream in every thread. All of them, and whatever else is a blocking stream, are in order with the legacy one.
const CUstream kLegacy = reinterpret_cast<CUstream>(1), kPerThread = reinterpret_cast<CUstream>(2);

}  // namespace

void LateRelease::note(CUstream stream) {
  if (stream == kPerThread) stream = kLegacy;
  for (std::atomic<CUstream>& slot : streams_) {
    CUstream there = slot.load(std::memory_order_relaxed);
    if (there == stream) return;
    if (!there && (slot.compare_exchange_strong(there, stream) || there == stream)) return;
  }
  untold_.store(true, std::memory_order_relaxed);
}

// The event is kept before the stream is not asked any more, so that whoever asks sees one or the other. Holes would let note() enter a
// stream twice, which costs an event and harms nothing.
void LateRelease::forget(CUstream stream) {
  CUevent event = nullptr;
  const bool recorded = !captured(stream) && api_.cuEventCreate(&event, CU_EVENT_DISABLE_TIMING) == CUDA_SUCCESS &&
                        api_.cuEventRecord(event, stream) == CUDA_SUCCESS;
  std::shared_ptr<void> work(event, [&api = api_](void* made) {
    if (made) api.cuEventDestroy(static_cast<CUevent>(made));
  });
  if (recorded) {
    const std::lock_guard lock(mutex_);
    forgotten_.push_back(std::move(work));
  } else if (captured(stream) || api_.cuStreamSynchronize(stream) != CUDA_SUCCESS) {
    untold_.store(true, std::memory_order_relaxed);
  }
  for (std::atomic<CUstream>& slot : streams_) {
    CUstream there = stream;
    slot.compare_exchange_strong(there, nullptr);
  }
}

std::vector<CUstream> LateRelease::streams() const {
  std::vector<CUstream> all;
  for (const std::atomic<CUstream>& slot : streams_)
    if (const CUstream stream = slot.load()) all.push_back(stream);
  return all;
}

bool LateRelease::captured(CUstream stream) const {
  int status = CU_STREAM_CAPTURE_STATUS_NONE;
  return api_.cuStreamIsCapturing(stream, &status) != CUDA_SUCCESS || status != CU_STREAM_CAPTURE_STATUS_NONE;
}

// Captures are looked for first: recording on a stream that is being captured would become part of the graph.
bool LateRelease::mark(Item& item) {
  const std::vector<CUstream> all = streams();
  for (const CUstream stream : all)
    if (captured(stream)) return false;
  for (const CUstream stream : all) {
    CUevent event = nullptr;
    if (api_.cuEventCreate(&event, CU_EVENT_DISABLE_TIMING) != CUDA_SUCCESS) return false;
    item.events.push_back(event);
    if (api_.cuEventRecord(event, stream) != CUDA_SUCCESS) return false;
  }
  item.marked = true;
  return true;
}

// After a kernel failed every query answers with its error: nothing runs any more.
bool LateRelease::passed(Item& item) {
  while (!item.events.empty()) {
    if (api_.cuEventQuery(item.events.back()) == CUDA_ERROR_NOT_READY) return false;
    api_.cuEventDestroy(item.events.back());
    item.events.pop_back();
  }
  return true;
}

bool LateRelease::forgotten_passed(bool wait) {
  std::vector<std::shared_ptr<void>> pending, gone;
  {
    const std::lock_guard lock(mutex_);
    pending = forgotten_;
  }
  for (std::shared_ptr<void>& work : pending) {
    const auto event = static_cast<CUevent>(work.get());
    if (wait) api_.cuEventSynchronize(event);
    if (wait || api_.cuEventQuery(event) != CUDA_ERROR_NOT_READY) gone.push_back(std::move(work));
  }
  if (!gone.empty()) {
    const std::lock_guard lock(mutex_);
    std::erase_if(forgotten_, [&](const auto& work) { return std::find(gone.begin(), gone.end(), work) != gone.end(); });
  }
  return gone.size() == pending.size();
}

void LateRelease::give_back(Item& item) {
  for (const CUevent event : item.events) api_.cuEventDestroy(event);
  if (item.code) api_.cuLibraryUnload(item.code);
  if (item.address) api_.cuMemFree(item.address);
}

std::vector<LateRelease::Item> LateRelease::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(items_, {});
}

void LateRelease::put_back(std::vector<Item>&& items) {
  const std::lock_guard lock(mutex_);
  for (Item& item : items) items_.push_back(std::move(item));
}

void LateRelease::release(Item item) {
  const CurrentContext current(api_, context_, "");
  std::vector<Item> one;
  one.push_back(std::move(item));
  put_back(std::move(one));
  collect();
}

// Items are marked first: what a stream was given that is forgotten meanwhile, its own event tells.
void LateRelease::collect() {
  if (untold_.load(std::memory_order_relaxed)) return;
  std::vector<Item> items = take(), remaining;
  for (Item& item : items) {
    if (item.marked) continue;
    for (const CUevent event : std::exchange(item.events, {})) api_.cuEventDestroy(event);  // of an attempt that failed half way
    mark(item);
  }
  const bool forgotten = forgotten_passed(false);
  for (Item& item : items) {
    if (forgotten && item.marked && passed(item)) give_back(item);
    else remaining.push_back(std::move(item));
  }
  if (!remaining.empty()) put_back(std::move(remaining));
}

// Taken before the wait, so that the wait is for all that may use them.
void LateRelease::collect_all() {
  collect();
  if (untold_.load(std::memory_order_relaxed)) return;
  std::vector<Item> items = take();
  // Waiting for a stream that is being captured would end its capture.
  for (const CUstream stream : streams())
    if (!captured(stream)) api_.cuStreamSynchronize(stream);
  forgotten_passed(true);
  for (Item& item : items) give_back(item);
}

}  // namespace bsgen::cuda
