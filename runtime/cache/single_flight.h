// SingleFlight: threads that want one key at once share one run of the work.
#pragma once

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "bsgen/status.h"

namespace bsgen::runtime {

// The first thread to ask for a key works, without any lock held; those that ask before it is done
// wait for its result, an error included. Nothing is remembered afterwards: the work itself looks
// into and fills the cache.
template <class Key, class Value, class Hash>
class SingleFlight {
 public:
  template <class Work>
  Expected<Value> run(const Key& key, Work&& work, bool* led = nullptr) {
    std::unique_lock lock(mutex_);
    auto& slot = flights_[key];
    if (led) *led = !slot;
    if (slot) {
      const std::shared_ptr<Flight> flight = slot;
      flight->done.wait(lock, [&] { return flight->result.has_value(); });
      return *flight->result;
    }
    const auto flight = std::make_shared<Flight>();
    slot = flight;
    lock.unlock();
    Expected<Value> result = guarded(work);
    lock.lock();
    flight->result = result;
    flights_.erase(key);
    lock.unlock();
    flight->done.notify_all();
    return result;
  }

 private:
  struct Flight {
    std::condition_variable done;
    std::optional<Expected<Value>> result;
  };

  // An exception (out of memory, say) must not leave the others waiting.
  template <class Work>
  static Expected<Value> guarded(Work& work) {
    try {
      return work();
    } catch (const std::exception& error) {
      return Status(ErrorCode::kInternal, std::string("cache: ") + error.what());
    }
  }

  std::mutex mutex_;
  std::unordered_map<Key, std::shared_ptr<Flight>, Hash> flights_;
};

}  // namespace bsgen::runtime
