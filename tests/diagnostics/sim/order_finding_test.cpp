// The exact text of findings about lanes in kernels with mbarriers, copies that nobody waits for, and setmaxnreg; each with a twin without it.
#include "tests/diagnostics/sim/twins.h"
#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

// The start stands at ptx line 14, the body begins at line 15.
constexpr const char* kStart = "ld.param.u64 %rd1, [in]; ld.param.u64 %rd2, [out]; mov.u32 %r1, %tid.x; mov.u32 %r2, buffer; mov.u32 %r3, bars; setp.ne.u32 %p1, %r1, 0; mad.lo.u32 %r4, %r1, 4, %r2; "
                               "shr.u32 %r9, %r1, 5; setp.lt.u32 %p8, %r9, 4;\n";
constexpr const char* kShared = ".shared .align 128 .b8 buffer[1024]; .shared .align 8 .b8 bars[32];";

Launched run(const std::string& body, std::uint32_t threads, Timing timing = Timing::kEarly) {
  auto sim = device("sm_90", timing, 1);
  const std::vector<std::uint32_t> in(64, 7);
  const auto a = *sim->allocate(256), b = *sim->allocate(256);
  REQUIRE(sim->copy_in(a.address(), std::as_bytes(std::span(in))).ok());
  return launch(*sim, kernel_text(kStart + body, ".param .u64 in, .param .u64 out", 90, kShared), {.threads = threads}, {a.address(), b.address()});
}
void check(const std::string& kind, const std::string& message, const std::string& bad, const std::string& good, std::uint32_t threads, Timing timing = Timing::kEarly) {
  check_twins(kind, message, run(good, threads, timing), run(bad, threads, timing));
}

const std::string kInit = "@%p1 bra I; mbarrier.init.shared::cta.b64 [%r3], 1; fence.mbarrier_init.release.cluster; ";

TEST_CASE("lanes_meet_at_syncwarp_in_kernels_with_mbarriers_too") {
  const std::string read = "setp.eq.u32 %p3, %r1, 0; @%p3 ld.shared.v4.u32 {%r5, %r6, %r7, %r8}, [%r2+16];\n";
  check("shared_race", "sim: cta (0, 0) thread 0 reads 16 bytes at shared offset 16 (buffer+16), which thread 4 of its warp wrote with no __syncwarp in between (ptx line 17, kernel k)",
        kInit + "I: bar.sync 0;\nst.shared.u32 [%r4], 1;\n" + read, kInit + "I: bar.sync 0;\nst.shared.u32 [%r4], 1; bar.warp.sync -1;\n" + read, 32);
  // One lane stores what its warp has written.
  const std::string store = "\n@%p1 bra E; cp.async.bulk.global.shared::cta.bulk_group [%rd2], [%r2], 128; cp.async.bulk.commit_group; cp.async.bulk.wait_group 0;\nE:\n";
  check("shared_race", "sim: cta (0, 0) thread 0 reads 128 bytes at shared offset 0 (buffer), which thread 4 of its warp wrote with no __syncwarp in between (ptx line 16, kernel k)",
        "st.shared.u32 [%r4], 1; fence.proxy.async.shared::cta;" + store, "st.shared.u32 [%r4], 1; fence.proxy.async.shared::cta; bar.warp.sync -1;" + store, 32);
}

TEST_CASE("a_phase_that_ends_one_arrival_short_of_a_warp_does_not_order_what_its_lanes_did") {
  // Warp 0 writes and arrives, lane by lane; warp 1 waits and reads.
  const auto body = [](int count, const std::string& order) {
    return std::string("@%p1 bra I; mbarrier.init.shared::cta.b64 [%r3], ") + std::to_string(count) + "; I: bar.sync 0; setp.ge.u32 %p3, %r1, 32;\n@%p3 bra W; st.shared.u32 [%r4], %r1; " + order +
           "mbarrier.arrive.shared::cta.b64 _, [%r3]; bra E;\nW: mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r3], 0; @!%p2 bra W;\nld.shared.u32 %r5, [%r4+-128];\nE:\n";
  };
  for (const Timing timing : {Timing::kEarly, Timing::kLate})
    check("shared_race", "sim: cta (0, 0) thread 32 reads 4 bytes at shared offset 0 (buffer), which warp 0 (ptx line 16) wrote with no synchronisation in between (ptx line 18, kernel k)", body(31, ""),
          body(32, ""), 64, timing);
  // The same of a warp that has waited itself before it writes.
  const std::string init = "@%p1 bra I; mbarrier.init.shared::cta.b64 [%r3], 31; mbarrier.init.shared::cta.b64 [%r3+8], 32; I: bar.sync 0; setp.ge.u32 %p3, %r1, 32;\n@%p3 bra W;\n";
  const std::string waited = init + "V: mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r3+8], 0; @!%p2 bra V; st.shared.u32 [%r4], %r1; mbarrier.arrive.shared::cta.b64 _, [%r3]; bra E;\n"
                             "W: mbarrier.arrive.shared::cta.b64 _, [%r3+8];\nX: mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r3], 0; @!%p2 bra X;\nld.shared.u32 %r5, [%r4+-128];\nE:\n";
  CHECK(run(waited, 64).find("shared_race") != nullptr);
  // Lanes that arrive at two mbarriers with one instruction: each of them passes on what its lanes did.
  const std::string two = "@%p1 bra I; mbarrier.init.shared::cta.b64 [%r3], 16; mbarrier.init.shared::cta.b64 [%r3+8], 16; I: bar.sync 0; setp.ge.u32 %p3, %r1, 32; and.b32 %r5, %r1, 8; add.u32 %r5, %r5, %r3;\n"
                          "@%p3 bra W; st.shared.u32 [%r4], %r1; mbarrier.arrive.shared::cta.b64 _, [%r5]; bra E;\nW: mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r3], 0; @!%p2 bra W;\n"
                          "and.b32 %r5, %r1, 8; setp.eq.u32 %p4, %r5, 0; @%p4 ld.shared.u32 %r6, [%r4+-128];\nE:\n";
  const Launched both = run(two, 64);
  INFO(both.status.message());
  CHECK(both.report.diagnostics.empty());
  // Whichever lane is left out, behind a __syncwarp every other one has its words.
  const Launched ordered = run(body(31, "bar.warp.sync -1; "), 64);
  INFO(ordered.status.message());
  CHECK(ordered.report.diagnostics.empty());
}

TEST_CASE("a_copy_that_nobody_waits_for_is_reported_when_its_thread_or_cta_ends") {
  const std::string copy = "cp.async.cg.shared.global [%r2], [%rd1], 16; cp.async.commit_group;\n";
  for (const Timing timing : {Timing::kEarly, Timing::kLate}) {
    const Launched good = run(copy + "cp.async.wait_group 0;\n", 1, timing), bad = run(copy + "cp.async.wait_group 1;\n", 1, timing);
    CHECK(good.report.diagnostics.empty());
    CHECK(bad.status.ok());  // it harms nobody, so it is a warning
    REQUIRE(bad.report.diagnostics.size() == 1);
    CHECK(bad.report.diagnostics[0].severity == Severity::kWarning);
    CHECK(bad.report.diagnostics[0].kind == "unwaited");
    CHECK(bad.report.diagnostics[0].message == "sim: cta (0, 0) thread 0 has ended before its cp.async was waited for (ptx line 15, kernel k)");
    // A bulk copy writes into memory that may belong to another cta by then.
    const std::string bulk = kInit + "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r3], 64; cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r2], [%rd1], 64, [%r3]; I: bar.sync 0;\n";
    check("unwaited", "sim: cta (0, 0) warp 0 copies into shared memory, and nobody has waited for it when its cta ends (ptx line 15, kernel k)", bulk,
          bulk + "L: mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r3], 0; @!%p2 bra L;\n", 64, timing);
  }
}

TEST_CASE("setmaxnreg_is_executed_by_whole_warpgroups_within_what_the_cta_has") {
  const std::string lower = "setmaxnreg.dec.sync.aligned.u32 40;\n", raise = "setmaxnreg.inc.sync.aligned.u32 232;\n";
  check("setmaxnreg", "sim: cta (0, 0) warp 1 executes setmaxnreg where warp 0 of its warpgroup executes another one (ptx line 16) (ptx line 17, kernel k)",
        "setp.eq.u32 %p3, %r9, 0; @!%p3 bra A;\n" + lower.substr(0, lower.size() - 1) + " bra.uni E;\nA: setmaxnreg.dec.sync.aligned.u32 40;\nE:\n", lower, 128);
  check("setmaxnreg", "sim: cta (0, 0) warp 0 executes setmaxnreg, and warp 1 of its warpgroup has ended without it (ptx line 16, kernel k)",
        "setp.eq.u32 %p3, %r9, 0; @!%p3 bra E;\n" + lower + "E:\n", "\n" + lower, 128);
  check("setmaxnreg", "sim: cta (0, 0) warp 0 executes setmaxnreg again before warp 1 of its warpgroup has executed the last one (ptx line 16, kernel k)",
        "setmaxnreg.dec.sync.aligned.u32 64;\n" + lower, "setmaxnreg.dec.sync.aligned.u32 64; bar.sync 0;\n" + lower, 128);
  check("setmaxnreg", "sim: cta (0, 0) warp 3 raises its registers to 224, it has 232 (ptx line 16, kernel k)",
        "setmaxnreg.inc.sync.aligned.u32 232; bar.sync 0;\nsetmaxnreg.inc.sync.aligned.u32 224;\n", "setmaxnreg.inc.sync.aligned.u32 224; bar.sync 0;\n" + raise, 128);
  check("setmaxnreg", "sim: cta (0, 0) warp 0 executes setmaxnreg in a warpgroup of 2 warps, it takes 4 (ptx line 15, kernel k)", lower, "\n", 64);
  // 384 threads have 168 registers each at most: two warpgroups have 232 only where the third keeps 40.
  check("deadlock", "sim: cta (0, 0): warp 1, 2, 3, 4, 5, 6, 7 waits (ptx line 16) for 232 registers per thread, 1984 of 2016 are taken (summed over warps); warp 0, 8, 9, 10, 11 has ended (ptx line 16, kernel k)",
        "setp.lt.u32 %p3, %r1, 256; @!%p3 bra P;\nsetmaxnreg.inc.sync.aligned.u32 232; bra.uni E;\nP: setmaxnreg.dec.sync.aligned.u32 144;\nE:\n",
        "setp.lt.u32 %p3, %r1, 256; @!%p3 bra P;\nsetmaxnreg.inc.sync.aligned.u32 232; bra.uni E;\nP: setmaxnreg.dec.sync.aligned.u32 40;\nE:\n", 384);
}

TEST_CASE("maxnreg_bounds_the_registers_that_setmaxnreg_deals_out") {
  const std::string body = "setp.lt.u32 %p3, %r1, 128; @!%p3 bra P;\nsetmaxnreg.inc.sync.aligned.u32 216; bra.uni E;\nP: setmaxnreg.dec.sync.aligned.u32 40;\nE:\n";
  const auto run_with = [&](const std::string& limit) {
    auto sim = device("sm_90", Timing::kEarly, 1);
    std::string text = kernel_text(kStart + body, ".param .u64 in, .param .u64 out", 90, kShared);
    text.replace(text.find("out)\n{"), 6, "out) " + limit + "\n{");
    return launch(*sim, text, {.threads = 256}, {0, 0});
  };
  // 256 threads have 256 registers each at most; two warpgroups of 128 have 216 + 40 together.
  check_twins("deadlock", "sim: cta (0, 0): warp 3 waits (ptx line 16) for 216 registers per thread, 928 of 960 are taken (summed over warps); warp 0, 1, 2, 4, 5, 6, 7 has ended (ptx line 16, kernel k)",
              run_with(".maxnreg 128"), run_with(".maxnreg 113"));
}

}  // namespace
}  // namespace bsgen::sim::test
