// Whatever a file call answers, the kernel is right; and it is said once.
#include <cerrno>

#include "tests/support/rounds.h"
#include "tests/unit/cache/fault_scenario.h"

using namespace bsgen;
using namespace bsgen::test;

namespace {

const std::vector<int> kErrors = {ENOSPC, EIO, EROFS, EACCES, EINTR, ESTALE, EXDEV, EMFILE, ENOENT, EEXIST, EDQUOT, EBUSY, kShortWrite};

// What is wrong with one life under the faults that `arm` asks for; empty: nothing.
template <class Arm>
std::string survives(Arm arm, bool nameless) {
  const CacheFolder folder;
  set_scene(folder);
  if (!nameless) refuse_nameless_files();
  Log log;
  arm();
  const int wrong = live(folder, log);
  const std::string where(failed_call());
  stop_failing();
  std::string why = wrong ? fmt::format("{} wrong answers", wrong) : recovers(folder);
  for (const char* cause : {"cannot be used", "cannot be read", "is damaged", "cannot be written", "another process"}) {
    int told = 0;
    for (const std::string& line : log.lines) told += line.find(cause) != std::string::npos;
    if (told > 1) why += fmt::format(" {} warnings that it {}", told, cause);
  }
  return why.empty() ? "" : where + ": " + why;
}

void every_call_fails(int errors_each) {
  int calls = 0, runs = 0;
  for (const bool nameless : {true, false}) {
    CHECK(survives([] { fail_nth_call(0, 0); }, nameless) == "");
    calls = calls_counted();
    REQUIRE(calls > 60);
    for (int n = 1; n <= calls; ++n)
      for (int e = 0; e < errors_each; ++e) {
        const int error = kErrors[static_cast<std::size_t>(n + 5 * e) % kErrors.size()];
        CAPTURE(nameless, n, error);
        REQUIRE(survives([&] { fail_nth_call(n, error); }, nameless) == "");
        ++runs;
      }
  }
  std::printf("%d runs with one failed call each, of about %d: every answer right\n", runs, calls);
}

void some_calls_fail(int seeds) {
  Rounds rounds(seeds);
  while (rounds.next())
    for (const unsigned k : {2u, 5u, 20u}) {
      const auto seed = static_cast<unsigned>(rounds.begun());
      CAPTURE(seed, k);
      REQUIRE(survives([&] { fail_one_in(k, seed, kErrors); }, seed % 2 == 0) == "");
    }
  std::printf("%d runs of each of three rates of failing calls: every answer right\n", rounds.begun());
}

}  // namespace

TEST_CASE("a_file_call_that_fails_changes_no_result_and_costs_one_warning") {
  every_call_fails(1);
}
TEST_CASE("every_file_call_failing_in_every_way_changes_no_result", "[.full]") {
  every_call_fails(static_cast<int>(kErrors.size()));
}
TEST_CASE("one_file_call_in_k_failing_changes_no_result") {
  some_calls_fail(20);
}
TEST_CASE("one_file_call_in_k_failing_changes_no_result_2000_times", "[.full]") {
  some_calls_fail(2000);
}
