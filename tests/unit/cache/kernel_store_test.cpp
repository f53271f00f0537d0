#include "runtime/cache/kernel_store.h"

#include <atomic>
#include <barrier>
#include <chrono>
#include <thread>

#include "tests/unit/cache/cache_fixture.h"

using namespace bsgen;
using namespace bsgen::test;

namespace {

StoreOptions options(const CacheFolder& folder, Log& log) {
  return {.directory = folder.str(), .logger = log.logger()};
}

CompileFunction compiles(int n, std::atomic<int>& count) {
  return [n, &count]() -> Expected<KernelImage> {
    ++count;
    return make_image(n);
  };
}

}  // namespace

TEST_CASE("a_kernel_comes_from_the_compiler_then_memory_then_disk") {
  const CacheFolder folder;
  Log log;
  std::atomic<int> count{0};
  {
    KernelStore store(options(folder, log));
    const auto first = store.get(make_key(1), make_about(), compiles(1, count));
    REQUIRE(first);
    CHECK(first->origin == KernelOrigin::kCompiled);
    const auto second = store.get(make_key(1), make_about(), compiles(1, count));
    REQUIRE(second);
    CHECK(second->origin == KernelOrigin::kMemory);
    CHECK(*second->image == make_image(1));
    const CacheStats stats = store.stats();
    CHECK(stats.entries == 1);
    CHECK(stats.bytes == fs::file_size(folder.entry(make_key(1))));
    CHECK((stats.hits_memory == 1 && stats.hits_disk == 0 && stats.misses == 1 &&
           stats.compiles == 1 && stats.corrupt == 0));
  }
  KernelStore other(options(folder, log));
  const auto third = other.get(make_key(1), make_about(), compiles(1, count));
  REQUIRE(third);
  CHECK(third->origin == KernelOrigin::kDisk);
  CHECK(*third->image == make_image(1));
  CHECK(other.stats().hits_disk == 1);
  CHECK(count == 1);
  CHECK(log.lines.empty());
}

TEST_CASE("threads_that_race_for_keys_compile_each_key_once") {
  constexpr int kThreads = 16, kKeys = 4, kRounds = 20;
  for (int round = 0; round < kRounds; ++round) {
    const CacheFolder folder;
    Log log;
    KernelStore store(options(folder, log));
    std::atomic<int> counts[kKeys] = {};
    std::barrier start(kThreads);
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t)
      threads.emplace_back([&, t] {
        start.arrive_and_wait();
        for (int k = 0; k < kKeys; ++k) {
          const int n = (k + t) % kKeys;
          const auto result = store.get(make_key(n), make_about(), [&]() -> Expected<KernelImage> {
            ++counts[n];
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
            return make_image(n);
          });
          if (!result || !(*result->image == make_image(n))) ++wrong;
        }
      });
    for (auto& thread : threads) thread.join();
    for (const auto& count : counts) CHECK(count == 1);
    CHECK(wrong == 0);
    CHECK(log.lines.empty());
    CHECK(store.stats().compiles == kKeys);
  }
}

TEST_CASE("an_error_goes_to_every_waiter_and_is_not_remembered") {
  constexpr int kThreads = 8;
  const CacheFolder folder;
  Log log;
  KernelStore store(options(folder, log));
  std::atomic<int> count{0}, waiting{0}, refused{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&] {
      ++waiting;
      const auto result = store.get(make_key(1), make_about(), [&]() -> Expected<KernelImage> {
        ++count;
        // Until all have asked, and a little longer, so that they wait for this flight.
        while (waiting < kThreads) std::this_thread::yield();
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        return Status(ErrorCode::kCompileFailed, "nvrtc: no");
      });
      if (!result && result.status() == Status(ErrorCode::kCompileFailed, "nvrtc: no")) ++refused;
    });
  for (auto& thread : threads) thread.join();
  CHECK(refused == kThreads);
  CHECK(count == 1);
  CHECK(!fs::exists(folder.entry(make_key(1))));
  CHECK(store.get(make_key(1), make_about(), compiles(1, count)));
  CHECK(count == 2);
}

TEST_CASE("a_compile_that_throws_leaves_nobody_waiting") {
  const CacheFolder folder;
  Log log;
  KernelStore store(options(folder, log));
  const auto result = store.get(make_key(1), make_about(),
                                []() -> Expected<KernelImage> { throw std::bad_alloc(); });
  CHECK(result.status().code() == ErrorCode::kInternal);
  std::atomic<int> count{0};
  CHECK(store.get(make_key(1), make_about(), compiles(1, count)));
}

TEST_CASE("a_damaged_entry_is_set_aside_told_once_and_made_anew") {
  const std::string good = write_entry({make_key(1).record, make_image(1), make_about()});
  std::string other_magic = good;
  other_magic[0] = 'X';
  for (const std::string& bad : {std::string(), good.substr(0, good.size() / 2), good + good,
                                 other_magic, std::string(300, '\0')}) {
    const CacheFolder folder;
    Log log;
    std::atomic<int> count{0};
    write_file(folder.entry(make_key(1)), bad);
    KernelStore store(options(folder, log));
    const auto result = store.get(make_key(1), make_about(), compiles(1, count));
    REQUIRE(result);
    CHECK(*result->image == make_image(1));
    CHECK(count == 1);
    CHECK(store.stats().corrupt == 1);
    CHECK(folder.quarantined() == 1);
    CHECK(log.lines.size() == 1);
    CHECK(read_entry(read_file(folder.entry(make_key(1)))).state == EntryState::kSound);
    KernelStore next(options(folder, log));
    CHECK(next.get(make_key(1), make_about(), compiles(1, count))->origin == KernelOrigin::kDisk);
    CHECK(log.lines.size() == 1);
  }
}

TEST_CASE("an_entry_under_another_key_s_name_is_not_served") {
  const CacheFolder folder;
  Log log;
  std::atomic<int> count{0};
  write_file(folder.entry(make_key(2)),
             write_entry({make_key(1).record, make_image(1), make_about()}));
  KernelStore store(options(folder, log));
  const auto result = store.get(make_key(2), make_about(), compiles(2, count));
  REQUIRE(result);
  CHECK(*result->image == make_image(2));
  CHECK(folder.quarantined() == 1);
}

TEST_CASE("an_entry_of_a_later_format_is_a_miss_and_stays_as_it_is") {
  const CacheFolder folder;
  Log log;
  std::atomic<int> count{0};
  std::string bytes = write_entry({make_key(1).record, make_image(1), make_about()});
  bytes[8] = 2;
  bytes.resize(bytes.size() - 32);
  bytes += sha256(bytes).view();
  write_file(folder.entry(make_key(1)), bytes);
  KernelStore store(options(folder, log));
  REQUIRE(store.get(make_key(1), make_about(), compiles(1, count)));
  CHECK(count == 1);
  CHECK(store.stats().corrupt == 0);
  CHECK(folder.quarantined() == 0);
  CHECK(log.lines.empty());
  CHECK(read_file(folder.entry(make_key(1))) == bytes);
}

TEST_CASE("without_a_disk_tier_nothing_is_written") {
  const CacheFolder folder;
  Log log;
  std::atomic<int> count{0};
  auto memory_only = options(folder, log);
  memory_only.disk = false;
  {
    KernelStore store(memory_only);
    REQUIRE(store.get(make_key(1), make_about(), compiles(1, count)));
    CHECK(store.get(make_key(1), make_about(), compiles(1, count))->origin ==
          KernelOrigin::kMemory);
    CHECK(store.stats().entries == 1);
  }
  CHECK(!fs::exists(folder.path));
}

TEST_CASE("what_past_processes_counted_is_added_up_beside_the_entries") {
  const CacheFolder folder;
  Log log;
  std::atomic<int> count{0};
  for (int process = 0; process < 3; ++process) {
    KernelStore store(options(folder, log));
    REQUIRE(store.get(make_key(1), make_about(), compiles(1, count)));
    REQUIRE(store.get(make_key(1), make_about(), compiles(1, count)));
  }
  const auto stats = cache_stats(folder.str());
  REQUIRE(stats);
  CHECK(stats->entries == 1);
  CHECK((stats->hits_memory == 3 && stats->hits_disk == 2 && stats->misses == 1 &&
         stats->compiles == 1 && stats->corrupt == 0));
}

TEST_CASE("processes_that_race_for_keys_leave_sound_entries_and_right_counts") {
  constexpr int kProcesses = 8, kKeys = 10;
  const CacheFolder folder;
  std::vector<pid_t> children;
  for (int p = 0; p < kProcesses; ++p) {
    const pid_t child = fork();
    if (child == 0) {
      Log log;
      std::atomic<int> count{0};
      bool good = true;
      {
        KernelStore store(options(folder, log));
        for (int n = 0; n < kKeys; ++n) {
          const auto result = store.get(make_key(n), make_about(), compiles(n, count));
          good = good && result && *result->image == make_image(n);
        }
      }
      _exit(good && log.lines.empty() ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int state = 0;
    waitpid(child, &state, 0);
    CHECK((WIFEXITED(state) && WEXITSTATUS(state) == 0));
  }
  const auto listing = list_cache(folder.str(), true);
  REQUIRE(listing);
  CHECK(listing->entries.size() == kKeys);
  for (const auto& item : listing->entries) CHECK(item.state == EntryState::kSound);
  CHECK(listing->quarantined.empty());
  const auto stats = cache_stats(folder.str());
  CHECK(stats->hits_disk + stats->compiles == kProcesses * kKeys);
}
