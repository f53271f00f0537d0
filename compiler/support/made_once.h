// MadeOnce<T>: one object, made when it is first asked for and never destroyed.
//
//   constinit MadeOnce<Registry> registry;
//   registry.get().mutex ...
//
// A function's static object has a guard, which is a lock that fork() does not wait for: a child that is forked while another thread makes
// the object waits for that thread without end. Here nobody waits. Threads that come first at once make one each, and the first is kept.
// It is never destroyed, so static objects may use it while they are made and while they are destroyed.
#pragma once

#include <atomic>
#include <memory>

namespace bsgen {

template <class T>
class MadeOnce {
 public:
  constexpr MadeOnce() = default;
  MadeOnce(const MadeOnce&) = delete;
  MadeOnce& operator=(const MadeOnce&) = delete;

  // Null before the first.
  T* there() const { return made_.load(std::memory_order_acquire); }

  // For what cannot be made at once or may fail. The answer is another thread's, where that was earlier; `mine` is then destroyed.
  T& keep(std::unique_ptr<T> mine) {
    T* first = nullptr;
    return made_.compare_exchange_strong(first, mine.get(), std::memory_order_acq_rel) ? *mine.release() : *first;
  }

  T& get() {
    T* const made = there();
    return made ? *made : keep(std::make_unique<T>());
  }

 private:
  std::atomic<T*> made_{nullptr};
};

}  // namespace bsgen
