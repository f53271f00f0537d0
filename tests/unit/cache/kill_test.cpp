// A process that is killed at any instant leaves nothing that is served, and nothing that stays missing.
#include <csignal>
#include <set>

#include "runtime/cache/failpoint.h"
#include "tests/support/rounds.h"
#include "tests/unit/cache/fault_scenario.h"

using namespace bsgen;
using namespace bsgen::test;

namespace {

Failpoint deadly;
int left_to_pass;

void die_there(Failpoint point) {
  if (point == deadly && --left_to_pass == 0) raise(SIGKILL);
}

// Whether the process came so far that it was killed at its `nth` passing of the point; -1: something else went wrong.
int killed_at(const CacheFolder& folder, Failpoint point, int nth, bool nameless) {
  const pid_t child = fork();
  if (child == 0) {
    if (!nameless) refuse_nameless_files();
    deadly = point;
    left_to_pass = nth;
    failpoint_hook = die_there;
    Log log;
    _exit(live(folder, log));
  }
  int state = 0;
  waitpid(child, &state, 0);
  if (WIFSIGNALED(state)) return WTERMSIG(state) == SIGKILL ? 1 : -1;
  return WEXITSTATUS(state) == 0 ? 0 : -1;
}

void kill_everywhere(int most_rounds) {
  constexpr int kPoints = static_cast<int>(Failpoint::kNumFailpoints);
  std::set<int> reached;
  int deaths = 0;
  Rounds rounds(most_rounds);
  while (rounds.next())
    for (const bool nameless : {true, false})
      for (int point = 0; point < kPoints; ++point)
        for (int nth = 1; nth <= 3; ++nth) {
          CAPTURE(rounds.begun(), nameless, point, nth);
          const CacheFolder folder;
          set_scene(folder);
          const int killed = killed_at(folder, static_cast<Failpoint>(point), nth, nameless);
          REQUIRE(killed >= 0);
          REQUIRE(recovers(folder) == "");
          if (killed == 0) break;
          reached.insert(point);
          ++deaths;
        }
  CHECK(reached.size() == kPoints);
  std::printf("%d processes killed at %d failpoints in %d rounds: 0 bad loads, 0 keys lost\n", deaths, kPoints, rounds.begun());
}

}  // namespace

TEST_CASE("a_process_killed_at_any_failpoint_costs_no_key_and_serves_nothing_bad") {
  kill_everywhere(1);
}
TEST_CASE("a_thousand_processes_killed_at_each_failpoint_cost_no_key", "[.full]") {
  kill_everywhere(500);  // with and without nameless files: a thousand first passings of each
}
