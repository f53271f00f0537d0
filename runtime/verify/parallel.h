// Work over independent items on as many threads as the machine has; small work stays on the caller's.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace bsgen::verify {

// body(i) for 0 <= i < count, in any order. cost: operations of all items together, about.
template <class Body>
void parallel_for(std::int64_t count, double cost, const Body& body) {
  const std::int64_t most = std::clamp<std::int64_t>(static_cast<std::int64_t>(cost / 2e6), 1, std::max(1u, std::thread::hardware_concurrency()));
  const std::int64_t num_threads = std::min(most, count);
  std::atomic<std::int64_t> next{0};
  const auto work = [&] {
    for (std::int64_t i; (i = next.fetch_add(1)) < count;) body(i);
  };
  std::vector<std::thread> threads;
  for (std::int64_t t = 1; t < num_threads; ++t) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
}

}  // namespace bsgen::verify
