// A host that forks at any moment, as frameworks' data loaders do.
#include <atomic>
#include <chrono>
#include <thread>

#include "bsgen/engine.h"
#include "compiler/nvrtc/compile.h"
#include "tests/support/fork.h"
#include "tests/support/rounds.h"
#include "tests/unit/cache/engine_fixture.h"

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
  int forks = 0, served = 0, failed = 0, hung = 0, while_compiling = 0;
};

// While two threads compile one kernel after the other, forks children that ask the same engine: for a kernel in the making and for one
// that nobody made.
Outcome fork_while_compiling(int most_forks) {
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
  Rounds rounds(most_forks);
  while (rounds.next()) {
    const int i = outcome.forks++;
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

void check(int most_forks) {
  BSGEN_NEED_NVRTC();
  BSGEN_NEED_FORK();
  const Outcome outcome = fork_while_compiling(most_forks);
  std::printf("%d forks, %d while NVRTC was busy: %d served, %d failed, %d hung\n", outcome.forks, outcome.while_compiling, outcome.served, outcome.failed,
              outcome.hung);
  CHECK(outcome.served == outcome.forks);
  CHECK(outcome.while_compiling > outcome.forks / 2);
}

}  // namespace

TEST_CASE("a_child_forked_while_its_parent_compiles_is_served") { check(6); }
TEST_CASE("a_thousand_children_forked_while_their_parent_compiles_are_served", "[.full]") { check(1000); }
