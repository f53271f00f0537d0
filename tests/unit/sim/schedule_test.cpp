// The schedules: their names, and that a seed changes what is free to change and nothing else.
#include <algorithm>
#include <set>

#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

TEST_CASE("schedules_have_names_that_read_back") {
  for (const char* text : {"early", "late", "seed:0", "seed:18446744073709551615"}) {
    const auto schedule = Schedule::parse(text);
    REQUIRE(schedule.ok());
    CHECK(schedule->text() == text);
  }
  for (const char* text : {"", "Early", "seed:", "seed:-1", "seed:1x", "seed:18446744073709551616"})
    CHECK(Schedule::parse(text).status().message() == std::string("sim: schedule \"") + text + "\" is none of early, late, seed:N");
}

// Every warp takes a ticket: the order in which warps and ctas came.
std::vector<std::uint32_t> tickets(const Schedule& schedule) {
  auto sim = device("sm_90", Timing::kEarly, 2);
  sim->set_schedule(schedule);
  const std::vector<std::uint32_t> zeros(64, 0);
  const auto counter = *sim->allocate(4), out = *sim->allocate(256);
  REQUIRE(sim->copy_in(counter.address(), std::as_bytes(std::span(zeros).first(1))).ok());
  REQUIRE(sim->copy_in(out.address(), std::as_bytes(std::span(zeros))).ok());
  const Launched launched = launch(*sim, kernel_text(
      "ld.param.u64 %rd1, [in];\nld.param.u64 %rd2, [out];\nmov.u32 %r1, %tid.x;\nmov.u32 %r2, %ctaid.x;\nshr.u32 %r3, %r1, 5;\nmad.lo.s32 %r3, %r2, 4, %r3;\n"
      "mul.wide.u32 %rd3, %r3, 4;\nadd.s64 %rd2, %rd2, %rd3;\nelect.sync %r5|%p1, 0xffffffff;\n@!%p1 bra E;\natom.global.add.u32 %r4, [%rd1], 1;\nst.global.u32 [%rd2], %r4;\nE:\n"),
      {.grid_x = 8, .threads = 128}, {counter.address(), out.address()});
  INFO(launched.status.message());
  REQUIRE(launched.status.ok());
  std::vector<std::uint32_t> made(32);
  REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(made)), out.address()).ok());
  return made;
}

TEST_CASE("a_seed_shuffles_ctas_and_warps_and_repeats_itself") {
  std::vector<std::uint32_t> rising(32);
  for (std::uint32_t i = 0; i < 32; ++i) rising[i] = i;
  CHECK(tickets({Timing::kEarly, 0}) == rising);
  CHECK(tickets({Timing::kLate, 0}) == rising);
  const auto three = tickets({Timing::kMixed, 3}), four = tickets({Timing::kMixed, 4});
  CHECK(three == tickets({Timing::kMixed, 3}));
  CHECK(three != rising);
  CHECK(three != four);
  for (auto order : {three, four}) {
    std::sort(order.begin(), order.end());
    CHECK(order == rising);  // each came once
  }
}

TEST_CASE("elect_takes_the_lowest_lane_early_and_the_highest_late") {
  for (const auto& [timing, lane] : {std::pair(Timing::kEarly, 0u), std::pair(Timing::kLate, 31u)}) {
    auto sim = device("sm_90", timing, 1);
    const auto out = *sim->allocate(4);
    REQUIRE(launch(*sim, kernel_text("ld.param.u64 %rd2, [out];\nelect.sync %r1|%p1, 0xffffffff;\n@%p1 st.global.u32 [%rd2], %r1;\n"), {.threads = 32}, {0, out.address()}).status.ok());
    std::uint32_t elected = 99;
    REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(&elected, 1)), out.address()).ok());
    CHECK(elected == lane);
  }
}

std::vector<std::uint32_t> run_words(const Schedule& schedule, const std::string& body, std::size_t words) {
  auto sim = device("sm_90", Timing::kEarly, 1);
  sim->set_schedule(schedule);
  std::vector<std::uint32_t> values(words, 0);
  const auto counter = *sim->allocate(4), out = *sim->allocate(words * 4);
  REQUIRE(sim->copy_in(counter.address(), std::as_bytes(std::span(values).first(1))).ok());
  REQUIRE(sim->copy_in(out.address(), std::as_bytes(std::span(values))).ok());
  const Launched launched = launch(*sim, kernel_text("ld.param.u64 %rd1, [in];\nld.param.u64 %rd2, [out];\nmov.u32 %r1, %tid.x;\nmul.wide.u32 %rd3, %r1, 4;\nadd.s64 %rd3, %rd2, %rd3;\n" + body),
                                   {.threads = 32}, {counter.address(), out.address()});
  INFO(launched.status.message());
  REQUIRE(launched.status.ok());
  REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(values)), out.address()).ok());
  return values;
}

TEST_CASE("seeds_elect_different_lanes_and_each_always_the_same_one_of_its_members") {
  std::set<std::uint32_t> elected;
  for (std::uint64_t seed = 0; seed < 32; ++seed) {
    const auto twice = run_words({Timing::kMixed, seed}, "elect.sync %r2|%p1, 0xffffffff;\n@%p1 st.global.u32 [%rd2], %r2;\nelect.sync %r3|%p2, 0xffffffff;\n@%p2 st.global.u32 [%rd2+4], %r3;\n", 2);
    CHECK(twice[0] == twice[1]);
    elected.insert(twice[0]);
  }
  CHECK(elected.size() > 8);
}

TEST_CASE("seeds_run_the_sides_of_a_branch_in_both_orders") {
  const std::string sides = "setp.lt.u32 %p1, %r1, 16;\n@%p1 bra X;\natom.global.add.u32 %r2, [%rd1], 1;\nbra.uni E;\nX:\natom.global.add.u32 %r2, [%rd1], 1;\nE:\nbar.warp.sync -1;\nst.global.u32 [%rd3], %r2;\n";
  const auto first_half_goes_first = [&](const Schedule& schedule) { return run_words(schedule, sides, 32)[0] == 0; };
  CHECK_FALSE(first_half_goes_first({Timing::kEarly, 0}));  // the side that stands lower
  int first = 0;
  for (std::uint64_t seed = 0; seed < 32; ++seed) first += first_half_goes_first({Timing::kMixed, seed});
  CHECK(first > 4);
  CHECK(first < 28);
}

}  // namespace
}  // namespace bsgen::sim::test
