// SingleFlight: threads that want one key at once share one run of the work.
#pragma once

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "bsgen/status.h"
#include "compiler/support/fork_safe_mutex.h"

namespace bsgen::runtime {

// The first thread to ask for a key works, without any lock held; those that ask before it is done
// wait for its result, an error included. Nothing is remembered afterwards: the work itself looks
// into and fills the cache. In a forked child nobody waits for a thread that stayed behind.
template <class Key, class Value, class Hash>
class SingleFlight {
 public:
  template <class Work>
  Expected<Value> run(const Key& key, Work&& work, bool* led = nullptr) {
    std::unique_lock lock(mutex_);
    auto& slot = flights_[key];
    if (slot && slot->generation != fork_generation()) abandon(slot);
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
    if (const auto it = flights_.find(key); it != flights_.end() && it->second == flight) flights_.erase(it);
    lock.unlock();
    flight->done.notify_all();
    return result;
  }

 private:
  struct Flight {
    std::condition_variable_any done;
    std::optional<Expected<Value>> result;
    unsigned generation = fork_generation();
  };

  // Whoever led it is a thread of the process that this one was forked from. Never destroyed: a condition variable waits for its waiters,
  // who are there as well.
  static void abandon(std::shared_ptr<Flight>& flight) { new std::shared_ptr<Flight>(std::move(flight)); }

  // An exception (out of memory, say) must not leave the others waiting.
  template <class Work>
  static Expected<Value> guarded(Work& work) {
    try {
      return work();
    } catch (const std::exception& error) {
      return Status(ErrorCode::kInternal, std::string("cache: ") + error.what());
    }
  }

  ForkSafeMutex mutex_;
  std::unordered_map<Key, std::shared_ptr<Flight>, Hash> flights_;
};

}  // namespace bsgen::runtime
