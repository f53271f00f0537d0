// Ctas that wait for each other by flags in global memory: those that a GPU holds at once run beside each other, and what no cta ends is
// reported with what each warp waits for.
#include "tests/diagnostics/sim/twins.h"
#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

constexpr std::uint64_t kBudget = 100000;

// `in` begins with the flag, `out` has a word for each cta. The start stands at ptx line 14, the body begins at line 15.
constexpr const char* kStart = "ld.param.u64 %rd1, [in]; ld.param.u64 %rd2, [out]; mov.u32 %r1, %tid.x; mov.u32 %r2, %ctaid.x; mul.wide.u32 %rd3, %r2, 4; add.s64 %rd4, %rd2, %rd3; "
                               "setp.eq.u32 %p1, %r2, 0; setp.ne.u32 %p2, %r1, 0; mov.u32 %r3, 7;\n";

struct Ran {
  Launched launched;
  std::vector<std::uint32_t> out = std::vector<std::uint32_t>(1024, 0);
};
Ran run(const std::string& body, std::uint32_t ctas, std::uint32_t threads = 32, const Schedule& schedule = {}) {
  auto sim = SimDevice::create({.arch = *Arch::parse("sm_90"), .num_threads = 1, .instruction_budget = kBudget});
  sim->set_schedule(schedule);
  Ran ran;
  const auto in = *sim->allocate(4096), out = *sim->allocate(4096);
  for (const DeviceBuffer* memory : {&in, &out}) REQUIRE(sim->copy_in(memory->address(), std::as_bytes(std::span(ran.out))).ok());
  sim->name_memory(in.address(), "flags");
  ran.launched = launch(*sim, kernel_text(kStart + body, ".param .u64 in, .param .u64 out", 90), {.grid_x = ctas, .threads = threads}, {in.address(), out.address()});
  REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(ran.out)), out.address()).ok());
  return ran;
}

// Cta 0 waits until `count` others have written their words, and adds the first two up.
std::string gather(const std::string& count, const std::string& poll = "ld.acquire.gpu.global.u32 %r5, [%rd1];", const std::string& tell = "red.release.gpu.global.add.u32 [%rd1], 1;") {
  return "@%p2 bra E;\n@%p1 bra L;\nst.global.u32 [%rd4], %r3;\n" + tell + "\nbra E;\nL:\n" + poll + "\nsetp.ne.u32 %p3, %r5, " + count +
         ";\n@%p3 bra L;\nld.global.u32 %r6, [%rd2+4];\nld.global.u32 %r7, [%rd2+8];\nadd.u32 %r6, %r6, %r7;\nst.global.u32 [%rd2], %r6;\nE:\n";
}

TEST_CASE("a_cta_may_wait_for_a_flag_that_later_ctas_set") {
  for (const Schedule& schedule : {Schedule{}, Schedule{Timing::kLate, 0}, Schedule{Timing::kMixed, 1}, Schedule{Timing::kMixed, 2}}) {
    for (const char* poll : {"ld.acquire.gpu.global.u32 %r5, [%rd1];", "atom.acquire.gpu.global.add.u32 %r5, [%rd1], 0;", "nanosleep.u32 100; ld.acquire.gpu.global.u32 %r5, [%rd1];",
                             "ld.volatile.global.u32 %r5, [%rd1]; fence.acq_rel.gpu;"}) {
      INFO(poll);
      const Ran ran = run(gather("2", poll), 3, 64, schedule);
      INFO(ran.launched.status.message());
      CHECK(ran.launched.status.ok());
      CHECK(ran.launched.report.diagnostics.empty());
      CHECK(ran.out[0] == 14);
    }
  }
  // What the flag does not order is a race here, too.
  const Ran relaxed = run(gather("2", "ld.relaxed.gpu.global.u32 %r5, [%rd1];"), 3);
  REQUIRE(relaxed.launched.find("global_race") != nullptr);
  CHECK(relaxed.launched.find("global_race")->message ==
        "sim: cta (0, 0) thread 0 reads 4 bytes at byte 4 of an allocation, which cta (1, 0) thread 0 (ptx line 17) wrote with no synchronisation in between (ptx line 24, kernel k) and 1 more instruction "
        "like it close by (ptx line 25)");
}

TEST_CASE("a_barrier_of_the_whole_grid_is_passed_twice") {
  const std::string arrive = "red.release.gpu.global.add.u32 [%rd1], 1;\n";
  const auto wait = [](int number, int count) {
    const std::string label = std::to_string(number);
    return std::string("L") + label + ":\nld.acquire.gpu.global.u32 %r5, [%rd1]; setp.lt.u32 %p3, %r5, " + std::to_string(count) + ";\n@%p3 bra L" + label + ";\n";
  };
  // Each cta writes its word, then adds its right neighbour's to its own.
  const std::string body = "@%p2 bra E;\nst.global.u32 [%rd4], %r2;\n" + arrive + wait(1, 40) + "add.u32 %r6, %r2, 1; rem.u32 %r6, %r6, 40; mul.wide.u32 %rd5, %r6, 4; add.s64 %rd5, %rd5, %rd2;\n" +
                           "ld.global.u32 %r7, [%rd5];\n" + arrive + wait(2, 80) + "add.u32 %r7, %r7, %r2; st.global.u32 [%rd4], %r7;\nE:\n";
  for (const Schedule& schedule : {Schedule{}, Schedule{Timing::kMixed, 3}}) {
    const Ran ran = run(body, 40, 32, schedule);
    INFO(ran.launched.status.message());
    CHECK(ran.launched.report.diagnostics.empty());
    for (std::uint32_t i = 0; i < 40; ++i) CHECK(ran.out[i] == i + (i + 1) % 40);
  }
}

TEST_CASE("a_flag_that_nobody_sets_is_a_deadlock_with_what_is_polled") {
  check_twins("deadlock", "sim: cta (0, 0): warp 0 polls byte 0 of flags, which holds 0x2 (ptx line 21); nobody else runs (ptx line 21, kernel k)",
              run(gather("2"), 3).launched, run(gather("3"), 3).launched);
  // Its other warp waits, too, and so does another cta.
  const std::string both = "@%p2 bra B;\nL: ld.acquire.gpu.global.u32 %r5, [%rd1+8]; setp.ne.u32 %p3, %r5, 1;\n@%p3 bra L;\nB: bar.sync 0;\n";
  check_twins("deadlock", "sim: cta (0, 0): warp 0 polls byte 8 of flags, which holds 0x0 (ptx line 16); warp 1 waits at barrier 0, where 1 of 2 have arrived; "
              "the other one that runs waits as well (ptx line 16, kernel k)",
              run("@!%p1 st.release.gpu.global.u32 [%rd1+8], 1;\n" + both.substr(both.find('@')), 2, 64).launched, run(both, 2, 64).launched);
}

TEST_CASE("a_cta_that_waits_for_one_that_no_gpu_holds_beside_it_is_a_deadlock") {
  // Ctas of 1,024 threads: 2 on each of at most 192 multiprocessors.
  const auto waits_for = [](int last) {
    return std::string("@%p2 bra E;\nsetp.eq.u32 %p4, %r2, ") + std::to_string(last) + ";\n@%p4 st.release.gpu.global.u32 [%rd1], 1;\nL:\nld.acquire.gpu.global.u32 %r5, [%rd1]; setp.ne.u32 %p3, %r5, 1;\n@%p3 bra L;\nE:\n";
  };
  check_twins("deadlock",
              "sim: cta (0, 0): warp 0 polls byte 0 of flags, which holds 0x0 (ptx line 19); warp 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, "
              "25, 26, 27, 28, 29, 30, 31 has ended; the 383 others that run wait as well, and no GPU holds the 1 to come beside them (ptx line 19, kernel k)",
              run(waits_for(383), 385, 1024).launched, run(waits_for(384), 385, 1024).launched);
}

// What all ctas execute together may be more than the budget, which counts what comes between two signs of life: a cta that reads
// something new, for the first time too, or ends.
TEST_CASE("ctas_that_wait_for_each_other_for_long_are_no_deadlock_while_something_goes_on") {
  const std::string work = "mov.u32 %r8, 0;\nC: add.u32 %r8, %r8, 1; setp.lt.u32 %p5, %r8, 20000;\n@%p5 bra C;\n";  // 60,000 warp instructions
  const auto is_alive = [](const std::string& body) {
    const Ran ran = run("@%p2 bra E;\n" + body + "E:\n", 4);
    INFO(ran.launched.status.message());
    CHECK(ran.launched.report.diagnostics.empty());
    CHECK(ran.launched.report.counters.warp_instructions > 3 * kBudget / 2);
    return ran;
  };
  SECTION("they read something new: each adds one where its turn has come, and nobody begins or ends meanwhile") {
    const Ran ran = is_alive("mov.u32 %r9, 0;\nL: ld.acquire.gpu.global.u32 %r5, [%rd1]; and.b32 %r6, %r5, 3; setp.ne.u32 %p3, %r6, %r2;\n@%p3 bra L;\nadd.u32 %r5, %r5, 1; st.release.gpu.global.u32 [%rd1], %r5;\n"
                             "add.u32 %r9, %r9, 1; setp.lt.u32 %p4, %r9, 150;\n@%p4 bra L;\nst.global.u32 [%rd4], %r5;\n");
    for (std::uint32_t i = 0; i < 4; ++i) CHECK(ran.out[i] == 149 * 4 + i + 1);
  }
  SECTION("they begin and read for the first time: each works, then waits for the last") {
    is_alive(work + "setp.eq.u32 %p4, %r2, 3; @%p4 st.release.gpu.global.u32 [%rd1], 1;\nL: ld.acquire.gpu.global.u32 %r5, [%rd1]; setp.ne.u32 %p3, %r5, 1;\n@%p3 bra L;\n");
  }
  SECTION("they end: each gives up to wait when the others wait too, then works, but the first, which waits for the last") {
    is_alive("mov.u32 %r9, 0;\nL: ld.acquire.gpu.global.u32 %r5, [%rd1]; add.u32 %r9, %r9, 1; setp.lt.u32 %p3, %r9, 3500; setp.ne.and.u32 %p4, %r5, 1, %p1; or.pred %p3, %p3, %p4;\n@%p3 bra L;\n@%p1 bra E;\n" + work +
             "setp.eq.u32 %p4, %r2, 3; @%p4 st.release.gpu.global.u32 [%rd1], 1;\n");
  }
}

}  // namespace
}  // namespace bsgen::sim::test
