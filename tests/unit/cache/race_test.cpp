// Processes and threads that want the same kernels at the same instant.
#include <sys/mman.h>

#include <atomic>
#include <thread>

#include "tests/support/rounds.h"
#include "tests/unit/cache/cache_fixture.h"

using namespace bsgen;
using namespace bsgen::test;

namespace {

constexpr int kKeys = 6;

struct Shared {
  std::atomic<int> ready{0}, wrong{0};
  std::atomic<bool> go{false};
  std::atomic<int> compiles[kKeys] = {};
};

struct Race {
  int processes, threads;
  std::chrono::milliseconds patience{60'000};  // longer than any compile here takes on any machine
};

// One round in a fresh folder; the compiles of each key are counted over all processes.
void run(const CacheFolder& folder, const Race& race, Shared& shared) {
  std::vector<pid_t> children;
  for (int p = 0; p < race.processes; ++p) {
    const pid_t child = fork();
    if (child == 0) {
      Log log;
      {
        KernelStore store({.directory = folder.str(), .patience = race.patience, .logger = log.logger()});
        std::vector<std::thread> threads;
        for (int t = 0; t < race.threads; ++t)
          threads.emplace_back([&, t] {
            ++shared.ready;
            while (!shared.go) std::this_thread::yield();
            for (int k = 0; k < kKeys; ++k) {
              const int n = (k + t) % kKeys;
              const auto result = store.get(make_key(n), make_about(), [&, n]() -> Expected<KernelImage> {
                ++shared.compiles[n];
                std::this_thread::sleep_for(std::chrono::milliseconds(2));
                return make_image(n);
              });
              if (!result || !(*result->image == make_image(n))) ++shared.wrong;
            }
          });
        for (std::thread& thread : threads) thread.join();
      }
      _exit(log.lines.empty() ? 0 : 1);
    }
    children.push_back(child);
  }
  while (shared.ready < race.processes * race.threads) std::this_thread::sleep_for(std::chrono::microseconds(200));
  shared.go = true;
  for (const pid_t child : children) {
    int state = 0;
    waitpid(child, &state, 0);
    REQUIRE((WIFEXITED(state) && WEXITSTATUS(state) == 0));
  }
}

void race(const Race& how, int most_rounds, int most_compiles) {
  int compiles = 0;
  Rounds rounds(most_rounds);
  while (rounds.next()) {
    const CacheFolder folder;
    void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    Shared& shared = *new (memory) Shared;
    run(folder, how, shared);
    CAPTURE(rounds.begun());
    CHECK(shared.wrong == 0);
    for (const auto& count : shared.compiles) {
      CHECK(count >= 1);
      CHECK(count <= most_compiles);
      compiles += count;
    }
    munmap(memory, sizeof(Shared));
    for (int n = 0; n < kKeys; ++n)
      CHECK(read_file(folder.entry(make_key(n))) == write_entry({make_key(n).record, make_image(n), make_about()}));
  }
  std::printf("%d rounds of %d processes x %d threads over %d keys: %d compiles\n", rounds.begun(), how.processes, how.threads, kKeys, compiles);
}

}  // namespace

TEST_CASE("racing_processes_compile_each_key_exactly_once") {
  race({.processes = 4, .threads = 4}, 5, 1);
}
TEST_CASE("racing_processes_compile_each_key_exactly_once_in_1000_rounds", "[.full]") {
  race({.processes = 8, .threads = 4}, 1000, 1);
}
TEST_CASE("without_locks_racing_processes_still_get_equal_bytes_and_no_error") {
  race({.processes = 4, .threads = 4, .patience = std::chrono::milliseconds(0)}, 3, 4);
}
TEST_CASE("without_locks_racing_processes_still_get_equal_bytes_in_1000_rounds", "[.full]") {
  race({.processes = 8, .threads = 4, .patience = std::chrono::milliseconds(0)}, 1000, 8);
}
