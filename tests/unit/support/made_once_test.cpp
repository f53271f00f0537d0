#include "compiler/support/made_once.h"

#include <atomic>
#include <chrono>
#include <set>
#include <thread>
#include <vector>

#include "tests/support/fork.h"

using namespace bsgen;
using namespace bsgen::test;

namespace {

std::atomic<int> alive{0};
std::atomic<bool> under_way{false};

struct Slow {
  Slow() {
    ++alive;
    under_way = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  ~Slow() { --alive; }
};

}  // namespace

TEST_CASE("threads_that_come_first_at_once_get_one_object_and_the_others_are_gone") {
  static constinit MadeOnce<Slow> once;
  CHECK(once.there() == nullptr);
  alive = 0;
  std::atomic<int> waiting{0};
  Slow* got[8] = {};
  std::vector<std::thread> threads;
  for (Slow*& mine : got)
    threads.emplace_back([&] {
      ++waiting;
      while (waiting < 8) std::this_thread::yield();
      mine = &once.get();
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(std::set<Slow*>(std::begin(got), std::end(got)) == std::set<Slow*>{once.there()});
  CHECK(&once.get() == once.there());
  CHECK(&once.keep(std::make_unique<Slow>()) == got[0]);
  CHECK(alive == 1);
}

TEST_CASE("a_child_forked_while_the_object_is_being_made_makes_its_own") {
  BSGEN_NEED_FORK();
  static constinit MadeOnce<Slow> once;
  under_way = false;
  std::thread making([] { once.get(); });
  while (!under_way) std::this_thread::yield();
  CHECK(true_in_child([] { return once.there() == nullptr && &once.get() == once.there(); }));
  making.join();
}
