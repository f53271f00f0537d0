// A host that forks at any moment, as frameworks' data loaders do.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "bsgen/engine.h"
#include "compiler/nvrtc/compile.h"
#include "runtime/cache/sha256.h"
#include "tests/support/sanitizers.h"
#include "tests/unit/cache/cache_fixture.h"

using namespace bsgen;
using namespace bsgen::test;

namespace {

Layout numbered_layout(int n) {
  std::vector<std::uint8_t> bits(36);
  for (int i = 0; i < 36; ++i) bits[static_cast<std::size_t>(i)] = ((n + 1) * 2654435761u >> (i % 29)) & 1;
  bits[0] = 1;
  return *Layout::from_bits(bits, 6, 6, {32, 32});
}

struct Outcome {
  int served = 0, failed = 0, hung = 0, while_compiling = 0;
};

// While two threads compile one kernel after the other, forks children that ask the same engine: for a kernel in the making and for one
// that nobody made.
Outcome fork_while_compiling(int forks) {
  const auto environment = Environment::read();
  EngineOptions options;
  options.disk_cache = false;
  options.memory_entries = 8;  // so that the same few layouts are compiled again and again
  options.cuda_dir = environment ? environment->cuda_dir : "";
  Engine engine(options);
  const auto device = *Device::open("sim");
  CompileOptions constant;
  constant.tier = Tier::kConstant;
  std::atomic<bool> stop{false};
  std::atomic<int> next{0};
  std::vector<std::thread> compiling;
  for (int t = 0; t < 2; ++t)
    compiling.emplace_back([&] {
      while (!stop) (void)engine.kernel(numbered_layout(next++), {}, device, constant);
    });
  Outcome outcome;
  for (int i = 0; i < forks; ++i) {
    while (next < 2) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::microseconds(1000 + i * 7919 % 9000));
    const int in_the_making = next - 1;
    const pid_t child = fork();
    if (child == 0) {
      alarm(30);
      bool good = true;
      for (const int n : {in_the_making, 1'000'000 + i}) {
        const auto kernel = engine.kernel(numbered_layout(n), {}, device, constant);
        good = good && kernel.ok() && kernel->image().verify().ok();
      }
      _exit(good ? (nvrtc::broken_by_fork() ? 2 : 0) : 1);
    }
    int state = 0;
    waitpid(child, &state, 0);
    if (WIFSIGNALED(state) && WTERMSIG(state) == SIGALRM) ++outcome.hung;
    else if (WIFEXITED(state) && (WEXITSTATUS(state) == 0 || WEXITSTATUS(state) == 2)) ++outcome.served;
    else ++outcome.failed;
    if (WIFEXITED(state) && WEXITSTATUS(state) == 2) ++outcome.while_compiling;
  }
  stop = true;
  for (std::thread& thread : compiling) thread.join();
  return outcome;
}

void check(int forks) {
  const auto environment = Environment::read();
  if (!nvrtc::open_toolchain(environment ? environment->cuda_dir : "").ok()) BSGEN_SKIP("NVRTC not found");
  if (kThreadSanitizer) BSGEN_SKIP("the thread sanitizer does not follow a fork of a process with threads");
  const Outcome outcome = fork_while_compiling(forks);
  std::printf("%d forks, %d while NVRTC was busy: %d served, %d failed, %d hung\n", forks, outcome.while_compiling, outcome.served, outcome.failed,
              outcome.hung);
  CHECK(outcome.served == forks);
  CHECK(outcome.while_compiling > forks / 2);
}

}  // namespace

// Every key is a digest: no lock of the library that makes them may be held over a fork, in its first use least of all. Each host is a
// process that never made one, forks while its thread does, and has a child that makes one too.
TEST_CASE("a_child_forked_while_its_parent_hashes_for_the_first_time_can_hash") {
  if (kThreadSanitizer) BSGEN_SKIP("the thread sanitizer does not follow a fork of a process with threads");
  const auto hashes = [] { return runtime::sha256("bsgen").hex() == "427dd53d5ed723136e37a4b30d33d1d07c5a2c130cc6fe268f2cc64d5551ea8d"; };
  const auto ended_well = [](pid_t process) {
    int state = 0;
    return waitpid(process, &state, 0) == process && WIFEXITED(state) && WEXITSTATUS(state) == 0;
  };
  constexpr int kHosts = 100;
  int right = 0;
  for (int i = 0; i < kHosts; ++i) {
    const pid_t host = fork();
    if (host == 0) {
      std::thread hashing(hashes);
      std::this_thread::sleep_for(std::chrono::microseconds(i * 20));
      const pid_t child = fork();
      if (child == 0) {
        alarm(5);
        _exit(hashes() ? 0 : 1);
      }
      const bool good = ended_well(child);
      hashing.join();
      _exit(good ? 0 : 1);
    }
    right += ended_well(host);
    if (right <= i) break;
  }
  CHECK(right == kHosts);
}

TEST_CASE("a_child_forked_while_its_parent_compiles_is_served") { check(6); }
TEST_CASE("a_thousand_children_forked_while_their_parent_compiles_are_served", "[.full]") { check(1000); }
