#include "runtime/cache/memory_cache.h"

#include <atomic>
#include <functional>
#include <thread>
#include <utility>

#include "tests/support/catch.h"

using namespace bsgen::runtime;

namespace {

// Counts the values that are alive.
struct Counted {
  explicit Counted(std::uint64_t of) : value(of) { ++alive; }
  Counted(Counted&& other) noexcept : value(other.value) { ++alive; }
  ~Counted() {
    value = ~0ull;
    --alive;
  }
  std::uint64_t value;
  static inline std::atomic<int> alive{0};
};

struct NumberHash {
  std::uint64_t operator()(std::uint64_t n) const { return n * 0x9e3779b97f4a7c15u >> 7; }
};
using Cache = MemoryCache<std::uint64_t, Counted, NumberHash>;

void put(Cache& cache, std::uint64_t key, std::uint64_t value, std::uint64_t bytes = 0) {
  cache.insert(key, Cache::Handle::make(Counted(value)), bytes);
}

}  // namespace

TEST_CASE("a_full_memory_tier_throws_out_what_was_not_used_since_it_last_looked") {
  Cache cache(3);
  for (std::uint64_t i = 0; i < 3; ++i) put(cache, i, i);
  CHECK(cache.find(0ull)->value == 0);
  put(cache, 3, 3);
  CHECK(cache.size() == 3);
  CHECK(!cache.find(1ull));
  CHECK(cache.find(0ull)->value == 0);
  CHECK(cache.find(2ull)->value == 2);
  CHECK(cache.find(3ull)->value == 3);
}

TEST_CASE("kernels_in_use_survive_ten_times_their_number_of_others_in_a_memory_tier") {
  Cache cache(100);
  for (std::uint64_t i = 0; i < 20; ++i) put(cache, i, i);
  std::size_t lost = 0;
  for (std::uint64_t other = 1000; other < 2000; ++other) {
    put(cache, other, other);
    if (other % 20 == 0)
      for (std::uint64_t i = 0; i < 20; ++i) lost += !cache.find(i);
  }
  CHECK(lost == 0);
}

TEST_CASE("the_memory_tier_keeps_its_bound_in_bytes_and_holds_one_value_however_large") {
  Cache cache(1000, 100);
  put(cache, 0, 0, 60);
  put(cache, 1, 1, 60);
  CHECK(!cache.find(0ull));
  CHECK(cache.bytes() == 60);
  put(cache, 2, 2, 5000);
  CHECK(cache.size() == 1);
  CHECK(cache.find(2ull)->value == 2);
  put(cache, 2, 7, 10);
  CHECK(cache.find(2ull)->value == 7);
  CHECK(cache.bytes() == 10);
}

TEST_CASE("a_value_that_left_the_memory_tier_lives_on_with_its_holder") {
  const int before = Counted::alive;
  {
    Cache::Handle held;
    {
      Cache cache(1);
      put(cache, 0, 5);
      held = cache.find(0ull);
      put(cache, 1, 6);
      CHECK(!cache.find(0ull));
      CHECK(held->value == 5);
      CHECK(Counted::alive == before + 2);
    }
    const Cache::Handle copy = held;
    held = {};
    CHECK(copy->value == 5);
    CHECK(Counted::alive == before + 1);
  }
  CHECK(Counted::alive == before);
}

TEST_CASE("what_collides_in_the_memory_tier_is_found_after_others_left") {
  struct Bad {  // eight places for everything
    std::uint64_t operator()(std::uint64_t n) const { return n % 8 + 57; }
  };
  MemoryCache<std::uint64_t, std::uint64_t, Bad> cache(40);
  using Handle = decltype(cache)::Handle;
  std::size_t wrong = 0;
  for (std::uint64_t n = 0; n < 400; ++n) {
    cache.insert(n, Handle::make(n * 3));
    std::size_t found = 0;
    for (std::uint64_t k = 0; k <= n; ++k)
      if (const auto held = cache.find(k)) {
        ++found;
        wrong += *held != k * 3;
      }
    wrong += found != std::min<std::uint64_t>(n + 1, 40);
  }
  CHECK(wrong == 0);
}

TEST_CASE("a_hundred_thousand_keys_pass_through_a_memory_tier_without_growth") {
  const int before = Counted::alive;
  Cache cache(256);
  for (std::uint64_t key = 0; key < 100'000; ++key) {
    put(cache, key, key);
    if (key >= 1000 && Counted::alive > before + 256) FAIL("more values are alive than the tier holds, at key " << key);
  }
  CHECK(cache.size() == 256);
  // Every cell that was ever made is in use or waits for the next value: no further one is made.
  Cache::Handle one = Cache::Handle::make(Counted(1));
  const auto* cell = one.cell();
  one = {};
  CHECK(Cache::Handle::make(Counted(2)).cell() == cell);
}

namespace {

// What happens to a reader between two of its steps: runs in the middle of the next comparison of keys.
std::function<void()> meanwhile;

struct WatchedKey {
  std::uint64_t n = 0;
  bool operator==(const WatchedKey& other) const {
    if (meanwhile) std::exchange(meanwhile, nullptr)();
    return n == other.n;
  }
};
struct AllAlike {
  std::uint64_t operator()(const WatchedKey&) const { return 5; }
};
using WatchedCache = MemoryCache<WatchedKey, Counted, AllAlike>;

void put(WatchedCache& cache, std::uint64_t key, std::uint64_t value) { cache.insert({key}, WatchedCache::Handle::make(Counted(value))); }

}  // namespace

TEST_CASE("what_a_reader_of_the_memory_tier_compares_stays_though_it_is_thrown_out_meanwhile") {
  const int before = Counted::alive;
  {
    WatchedCache cache(1);
    put(cache, 1, 10);
    meanwhile = [&] {
      put(cache, 2, 20);
      put(cache, 3, 30);  // takes the cell of the first, were it free
    };
    const auto held = cache.find(WatchedKey{1});
    REQUIRE(held);
    CHECK(held->value == 10);
    CHECK(Counted::alive == before + 2);
  }
  CHECK(Counted::alive == before);
}

TEST_CASE("a_reader_in_a_table_that_was_left_behind_takes_nothing_that_is_gone") {
  const int before = Counted::alive;
  for (const bool used_again : {false, true}) {
    WatchedCache cache(100);
    put(cache, 1, 10);
    put(cache, 2, 20);
    // The reader of 2 is at 1, which has the same hash; then the table grows, and the next cell it comes to is not that of 2 any more.
    WatchedCache::Handle other;
    meanwhile = [&] {
      for (std::uint64_t key = 100; key < 140; ++key) put(cache, key, key);
      put(cache, 2, 21);
      if (used_again) other = WatchedCache::Handle::make(Counted(7));
    };
    const auto held = cache.find(WatchedKey{2});
    CHECK((!held || held->value == 21));
    CHECK(cache.find(WatchedKey{2})->value == 21);
    CHECK(Counted::alive == before + 42 + used_again);
    if (used_again) CHECK(other->value == 7);
    // A cell that was given back twice would be handed out twice.
    const auto one = WatchedCache::Handle::make(Counted(1)), two = WatchedCache::Handle::make(Counted(2));
    CHECK(one.cell() != two.cell());
    CHECK(one->value == 1);
  }
  CHECK(Counted::alive == before);
}

// Readers, writers and holders at once; under the thread sanitizer this is the proof of the order of memory.
TEST_CASE("threads_read_a_memory_tier_while_others_throw_out_of_it") {
  constexpr std::uint64_t kKeys = 64, kRounds = 5'000;
  constexpr int kReaders = 3, kWriters = 2;
  const int before = Counted::alive;
  std::atomic<std::size_t> wrong{0}, found{0};
  {
    Cache cache(16);
    for (std::uint64_t key = 0; key < 16; ++key) put(cache, key, key);
    std::atomic<int> writing{kWriters};
    std::vector<std::thread> threads;
    for (int t = 0; t < kReaders; ++t)
      threads.emplace_back([&, t] {
        std::vector<Cache::Handle> some(8);  // held for a while, let go by whoever comes last
        std::uint64_t n = static_cast<std::uint64_t>(t);
        for (std::uint64_t round = 0; round < 1000 || writing > 0; ++round) {
          n = n * 6364136223846793005u + 1442695040888963407u;
          const std::uint64_t key = n >> 40;
          if (auto held = cache.find(key % kKeys)) {
            wrong += held->value % kKeys != key % kKeys;
            ++found;
            some[round % some.size()] = held;
          }
          if (const auto& old = some[(round + 3) % some.size()]) wrong += old->value == ~0ull;
        }
      });
    for (int t = 0; t < kWriters; ++t)
      threads.emplace_back([&, t] {
        for (std::uint64_t round = 0; round < kRounds; ++round) {
          const std::uint64_t key = (round * 7 + static_cast<std::uint64_t>(t) * 3) % kKeys;
          put(cache, key, round * kKeys + key);
        }
        --writing;
      });
    for (std::thread& thread : threads) thread.join();
    CHECK(cache.size() == 16);
  }
  CHECK(wrong == 0);
  CHECK(found > 0);
  CHECK(Counted::alive == before);
}

TEST_CASE("each_thread_counts_on_a_line_of_its_own_and_no_count_is_lost") {
  constexpr int kThreads = 80;  // more than there are numbers
  StripedCounter counter;
  std::atomic<int> waiting{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&] {
      ++waiting;
      while (waiting < kThreads) std::this_thread::yield();
      for (int i = 0; i < 1000; ++i) counter.add();
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(counter.sum() == kThreads * 1000u);

  // A number is given back when its thread ends.
  const unsigned mine = thread_slot();
  unsigned slot = num_thread_slots();
  std::thread([&] { slot = thread_slot(); }).join();
  CHECK(slot < num_thread_slots());
  CHECK(slot != mine);
  CHECK(thread_slot() == mine);
}
