// The exact text of every finding of the simulated device, each from a kernel that has the fault, with a twin that has not.
#include "tests/diagnostics/sim/twins.h"
#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

// The start stands at ptx line 14, the body begins at line 15.
struct Case {
  std::string kind, message, bad, good;
  std::string module_text = "";
  std::uint32_t threads = 32, ctas = 1, dynamic_shared = 0;
};

Launched run(const Case& c, const std::string& body) {
  auto sim = device("sm_90", Timing::kEarly, 1);
  std::vector<std::uint32_t> in(64, 7);
  const auto a = *sim->allocate(200), b = *sim->allocate(256);
  REQUIRE(sim->copy_in(a.address(), std::as_bytes(std::span(in).first(50))).ok());
  const std::string start = "ld.param.u64 %rd1, [in]; ld.param.u64 %rd2, [out]; mov.u32 %r1, %tid.x; mul.wide.u32 %rd3, %r1, 4;\n";
  return launch(*sim, kernel_text(start + body, ".param .u64 in, .param .u64 out", 90, c.module_text), {.grid_x = c.ctas, .threads = c.threads},
                {a.address(), b.address()}, c.dynamic_shared);
}

void check(const Case& c) { check_twins(c.kind, c.message, run(c, c.good), run(c, c.bad)); }

const char* const kShared = ".shared .align 16 .b8 buffer[256];";

TEST_CASE("a_global_access_past_an_allocation_names_its_exact_end") {
  check({"out_of_bounds", "sim: cta (0, 0) thread 18 reads 4 bytes at byte 200 of an allocation, which ends at 200 (ptx line 16, kernel k)",
         "add.s64 %rd4, %rd1, %rd3;\nld.global.u32 %r2, [%rd4+128];\n", "add.s64 %rd4, %rd1, %rd3;\nld.global.u32 %r2, [%rd4+72];\n"});
  check({"out_of_bounds", "sim: cta (0, 0) thread 31 writes 16 bytes at byte 496 of an allocation, which ends at 256 (ptx line 17, kernel k)",
         "mul.wide.u32 %rd3, %r1, 16;\nadd.s64 %rd4, %rd2, %rd3;\nsetp.eq.u32 %p1, %r1, 31; @%p1 st.global.v4.u32 [%rd4], {%r1, %r1, %r1, %r1};\n",
         "mul.wide.u32 %rd3, %r1, 16;\nadd.s64 %rd4, %rd2, %rd3;\nsetp.eq.u32 %p1, %r1, 15; @%p1 st.global.v4.u32 [%rd4], {%r1, %r1, %r1, %r1};\n"});
  check({"out_of_bounds", "sim: cta (0, 0) thread 0 reads 4 bytes at address 0x40, in no allocation (ptx line 15, kernel k)", "ld.global.u32 %r2, [64];\n",
         "ld.global.u32 %r2, [%rd1];\n"});
}

TEST_CASE("an_access_to_freed_memory_says_so") {
  auto sim = device("sm_90", Timing::kEarly, 1);
  std::uint64_t freed;
  {
    const auto gone = *sim->allocate(64);
    freed = gone.address();
  }
  const Launched launched = launch(*sim, kernel_text("ld.param.u64 %rd1, [in];\nst.global.u32 [%rd1+8], 1;\n"), {.threads = 1}, {freed, 0});
  CHECK(launched.status.message() == "sim: cta (0, 0) thread 0 writes 4 bytes at byte 8 of an allocation of 64 bytes that was freed (ptx line 15, kernel k)");
}

TEST_CASE("a_shared_access_past_the_window_names_both_offsets") {
  check({"out_of_bounds", "sim: cta (3, 0) thread 17 writes 4 bytes at shared offset 256, the allocation ends at 256 (ptx line 17, kernel k)",
         "mov.u32 %r2, buffer; mov.u32 %r3, %ctaid.x; setp.eq.u32 %p1, %r3, 3; setp.eq.and.u32 %p1, %r1, 17, %p1;\n@!%p1 bra E;\nst.shared.u32 [%r2+256], %r1;\nE:\n",
         "mov.u32 %r2, buffer; mov.u32 %r3, %ctaid.x; setp.eq.u32 %p1, %r3, 3; setp.eq.and.u32 %p1, %r1, 17, %p1;\n@!%p1 bra E;\nst.shared.u32 [%r2+252], %r1;\nE:\n", kShared, 32, 5});
}

TEST_CASE("a_misaligned_access_names_the_alignment") {
  check({"misaligned", "sim: cta (0, 0) thread 1 reads 8 bytes at byte 4 of an allocation, not a multiple of 8 (ptx line 16, kernel k)",
         "add.s64 %rd4, %rd1, %rd3;\nld.global.v2.u32 {%r2, %r3}, [%rd4];\n", "add.s64 %rd4, %rd1, %rd3;\nld.global.u32 %r2, [%rd4];\n"});
  check({"misaligned", "sim: cta (0, 0) thread 0 reads 16 bytes at shared offset 8 (buffer+8), not a multiple of 16 (ptx line 15, kernel k)",
         "mov.u32 %r2, buffer; mad.lo.s32 %r3, %r1, 8, %r2; st.shared.v2.u32 [%r3], {%r1, %r1}; bar.sync 0; ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r4}, [%r2+8];\n",
         "mov.u32 %r2, buffer; mad.lo.s32 %r3, %r1, 8, %r2; st.shared.v2.u32 [%r3], {%r1, %r1}; bar.sync 0; ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r4}, [%r2+16];\n", kShared});
}

TEST_CASE("reading_what_was_never_written_is_reported_for_global_and_shared_memory") {
  check({"uninitialized", "sim: cta (0, 0) thread 0 reads 4 bytes at byte 0 of an allocation of 256 bytes; byte 0 was never written (ptx line 16, kernel k)",
         "add.s64 %rd4, %rd2, %rd3;\nld.global.u32 %r2, [%rd4];\n", "add.s64 %rd4, %rd2, %rd3;\nst.global.u32 [%rd4], %r1; ld.global.u32 %r2, [%rd4];\n"});
  check({"uninitialized", "sim: cta (0, 0) thread 5 reads 4 bytes at shared offset 20 (buffer+20); byte 20 was never written (ptx line 17, kernel k)",
         "mov.u32 %r2, buffer; mad.lo.s32 %r3, %r1, 4, %r2; setp.ne.u32 %p1, %r1, 5;\n@%p1 st.shared.u32 [%r3], %r1;\nld.shared.u32 %r4, [%r3];\n",
         "mov.u32 %r2, buffer; mad.lo.s32 %r3, %r1, 4, %r2; setp.ne.u32 %p1, %r1, 99;\n@%p1 st.shared.u32 [%r3], %r1;\nld.shared.u32 %r4, [%r3];\n", kShared});
  // A zero-filled copy writes.
  check({"uninitialized", "sim: cta (0, 0) thread 0 reads 4 bytes at shared offset 16 (buffer+16); byte 16 was never written (ptx line 16, kernel k)",
         "mov.u32 %r2, buffer; cp.async.cg.shared.global [%r2], [%rd1], 16, 0; cp.async.wait_all;\nld.shared.u32 %r4, [%r2+16];\n",
         "mov.u32 %r2, buffer; cp.async.cg.shared.global [%r2], [%rd1], 16, 0; cp.async.wait_all;\nld.shared.u32 %r4, [%r2+12];\n", kShared, 1});
}

TEST_CASE("a_register_that_nothing_wrote_is_reported") {
  check({"uninitialized", "sim: register %r9 is read and nothing wrote it (ptx line 15, kernel k)", "add.s32 %r2, %r9, 1;\n", "mov.u32 %r9, 3; add.s32 %r2, %r9, 1;\n"});
  // A sum that nobody cleared: only the first round of the loop reads what is not there.
  const std::string loop = "mov.u32 %r2, 0;\nLOOP: add.u32 %r9, %r9, 2;\nadd.u32 %r2, %r2, 1; setp.lt.u32 %p1, %r2, 3; @%p1 bra LOOP;\n";
  check({"uninitialized", "sim: cta (0, 0) thread 0 reads register %r9, which it has not written (ptx line 16, kernel k)", loop, "mov.u32 %r9, 0; " + loop});
  // One lane took the way without the write; who reads only where it wrote is right.
  const std::string all_but_5 = "setp.ne.u32 %p1, %r1, 5; @%p1 mov.u32 %r9, 3;\n";
  check({"uninitialized", "sim: cta (0, 0) thread 5 reads register %r9, which it has not written (ptx line 16, kernel k)", all_but_5 + "add.s32 %r2, %r9, 1;\n",
         all_but_5 + "@%p1 add.s32 %r2, %r9, 1;\n"});
  // An instruction that reads two of them is counted once, and not at all where nothing is checked.
  const std::string both = all_but_5 + "@%p1 mov.u32 %r8, 3;\nadd.s32 %r2, %r9, %r8;\n";
  const Launched once = run({}, both);
  REQUIRE(once.find("uninitialized") != nullptr);
  CHECK(once.find("uninitialized")->count == 1);
  const auto unchecked = SimDevice::create({.arch = *Arch::parse("sm_90"), .num_threads = 1, .checks = false});
  CHECK(launch(*unchecked, kernel_text("mov.u32 %r1, %tid.x;\n" + both), {.threads = 32}, {0, 0}).status.message() == "");
  // What one cta has written, the next one on the same worker has not.
  const std::string first_cta = "mov.u32 %r3, %ctaid.x; setp.eq.u32 %p1, %r3, 0; @%p1 mov.u32 %r9, 3;\n";
  check({"uninitialized", "sim: cta (1, 0) thread 0 reads register %r9, which it has not written (ptx line 16, kernel k)", first_cta + "add.s32 %r2, %r9, 1;\n",
         first_cta + "@%p1 add.s32 %r2, %r9, 1;\n", "", 32, 2});
}

TEST_CASE("lanes_of_a_warp_meet_at_syncwarp_or_not_at_all") {
  const std::string mine = "mov.u64 %rd4, buffer; cvt.u32.u64 %r2, %rd4; shl.b32 %r3, %r1, 2; add.s32 %r4, %r2, %r3; xor.b32 %r5, %r3, 4; add.s32 %r6, %r2, %r5;\n";
  check({"shared_race", "sim: cta (0, 0) thread 0 reads 16 bytes at shared offset 16 (buffer+16), which thread 4 of its warp wrote with no __syncwarp in between (ptx line 17, kernel k)",
         mine + "st.shared.u32 [%r4], 1;\nsetp.eq.u32 %p1, %r1, 0; @%p1 ld.shared.v4.u32 {%r7, %r8, %r9, %r10}, [buffer+16];\n",
         mine + "st.shared.u32 [%r4], 1; bar.warp.sync -1;\nsetp.eq.u32 %p1, %r1, 0; @%p1 ld.shared.v4.u32 {%r7, %r8, %r9, %r10}, [buffer+16];\n", kShared});
  check({"shared_race", "sim: cta (0, 0) thread 1 writes 4 bytes at shared offset 4 (buffer+4), which thread 0 of its warp read with no __syncwarp in between (ptx line 18, kernel k)",
         mine + "st.shared.u32 [%r4], 1; bar.warp.sync -1;\nsetp.eq.u32 %p1, %r1, 0; @%p1 ld.shared.v4.u32 {%r7, %r8, %r9, %r10}, [buffer];\nst.shared.u32 [%r4], 2;\n",
         mine + "st.shared.u32 [%r4], 1; bar.warp.sync -1;\nsetp.eq.u32 %p1, %r1, 0; @%p1 ld.shared.v4.u32 {%r7, %r8, %r9, %r10}, [buffer];\nbar.warp.sync -1; st.shared.u32 [%r4], 2;\n", kShared});
  // What a lane wrote is its own.
  check({"shared_race", "sim: cta (0, 0) thread 5 writes 4 bytes at shared offset 0 (buffer), which thread 0 of its warp wrote with no __syncwarp in between (ptx line 17, kernel k)",
         mine + "setp.eq.u32 %p1, %r1, 0; setp.eq.u32 %p2, %r1, 5; @%p1 st.shared.v4.u32 [buffer], {%r1, %r1, %r1, %r1};\n@%p2 st.shared.u32 [buffer], 2;\n",
         mine + "setp.eq.u32 %p1, %r1, 0; setp.eq.u32 %p2, %r1, 0; @%p1 st.shared.v4.u32 [buffer], {%r1, %r1, %r1, %r1};\n@%p2 st.shared.u32 [buffer], 2;\n", kShared});
}

TEST_CASE("shared_races_name_the_other_warp_and_the_missing_step") {
  // Two warps meet at the same words: %r3 are a thread's own, %r5 those of the other warp. The last warp to come to a barrier
  // goes on first.
  const std::string start = "mov.u32 %r2, buffer; mad.lo.s32 %r3, %r1, 4, %r2; xor.b32 %r4, %r1, 32; mad.lo.s32 %r5, %r4, 4, %r2; setp.lt.u32 %p1, %r1, 32;\n";
  check({"shared_race", "sim: cta (0, 0) thread 32 reads 4 bytes at shared offset 0 (buffer), which warp 0 wrote with no barrier in between (ptx line 17, kernel k)",
         start + "@%p1 st.shared.u32 [%r3], %r1;\n@!%p1 ld.shared.u32 %r6, [%r5];\n", start + "@%p1 st.shared.u32 [%r3], %r1; bar.sync 0;\n@!%p1 ld.shared.u32 %r6, [%r5];\n", kShared, 64});
  check({"shared_race", "sim: cta (0, 0) thread 0 writes 4 bytes at shared offset 128 (buffer+128), which warp 1 read with no barrier in between (ptx line 18, kernel k)",
         start + "st.shared.u32 [%r3], %r1; bar.sync 0;\n@!%p1 ld.shared.u32 %r6, [%r3];\n@%p1 st.shared.u32 [%r5], %r1;\n",
         start + "st.shared.u32 [%r3], %r1; bar.sync 0;\n@!%p1 ld.shared.u32 %r6, [%r3]; bar.sync 0;\n@%p1 st.shared.u32 [%r5], %r1;\n", kShared, 64});
  check({"shared_race", "sim: cta (0, 0) thread 32 writes 4 bytes at shared offset 0 (buffer), which warp 0 wrote with no barrier in between (ptx line 16, kernel k)",
         "mov.u32 %r2, buffer; and.b32 %r3, %r1, 31; mad.lo.s32 %r3, %r3, 4, %r2;\nst.shared.u32 [%r3], %r1;\n",
         "mov.u32 %r2, buffer; mov.u32 %r3, %r1; mad.lo.s32 %r3, %r3, 4, %r2;\nst.shared.u32 [%r3], %r1;\n", kShared, 64});
  check({"shared_race", "sim: cta (0, 0) thread 0 reads 4 bytes at shared offset 0 (buffer), where a cp.async of warp 0 has not been waited for (ptx line 16, kernel k)",
         "mov.u32 %r2, buffer; cp.async.cg.shared.global [%r2], [%rd1], 16; cp.async.commit_group; cp.async.wait_group 1;\nld.shared.u32 %r4, [%r2];\n",
         "mov.u32 %r2, buffer; cp.async.cg.shared.global [%r2], [%rd1], 16; cp.async.commit_group; cp.async.wait_group 0;\nld.shared.u32 %r4, [%r2];\n", kShared, 1});
}

TEST_CASE("warps_that_write_neighbouring_bytes_do_not_race") {
  const Launched launched = run({"", "", "", "", kShared, 64}, "mov.u32 %r2, buffer; cvt.u16.u32 %rs1, %r1; shr.u32 %r3, %r1, 5; and.b32 %r4, %r1, 31; mad.lo.s32 %r5, %r4, 2, %r3; add.s32 %r6, %r5, %r2;\n"
                                "cvt.u64.u32 %rd9, %r4; st.shared.u8 [%r6], %rs1; bar.sync 0; ld.shared.u8 %rs2, [%r6]; st.shared.u8 [%r6], %rs2;\n");
  INFO(launched.status.message());
  CHECK(launched.status.ok());
}

TEST_CASE("collectives_in_a_diverged_warp_name_the_lanes") {
  check({"divergence", "sim: cta (0, 0) thread 16 executes shfl.sync.bfly.b32 in a diverged warp: lanes 0xffff0000 take part, 0x0000ffff are elsewhere (ptx line 19, kernel k)",
         "setp.ge.u32 %p1, %r1, 16;\n@%p1 bra X;\nshfl.sync.bfly.b32 %r2, %r1, 1, 31, -1; bra.uni E;\nX:\nshfl.sync.bfly.b32 %r2, %r1, 1, 31, -1;\nE:\n",
         "setp.ge.u32 %p1, %r1, 16;\n@%p1 bra X;\nshfl.sync.bfly.b32 %r2, %r1, 1, 31, 0xffff; bra.uni E;\nX:\nshfl.sync.bfly.b32 %r2, %r1, 1, 31, 0xffff0000;\nE:\n"});
  check({"divergence", "sim: cta (0, 0) thread 0 executes bar.sync in a diverged warp: lanes 0x55555555 take part, 0xaaaaaaaa are elsewhere (ptx line 20, kernel k)",
         "and.b32 %r2, %r1, 1; setp.eq.u32 %p1, %r2, 0;\n@%p1 bra X;\nmov.u32 %r3, 1;\nbar.sync 0; bra.uni E;\nX:\nbar.sync 0;\nE:\n",
         "and.b32 %r2, %r1, 1; setp.eq.u32 %p1, %r2, 0;\n@%p1 bra X;\nmov.u32 %r3, 1;\nX:\nbar.sync 0;\nE:\n"});
  check({"divergence", "sim: cta (0, 0) thread 0 executes ldmatrix.sync.aligned.m8n8.x1.shared.b16 in a diverged warp: lanes 0x0000ffff take part, 0xffff0000 have exited (ptx line 18, kernel k)",
         "mov.u32 %r2, buffer; mad.lo.s32 %r3, %r1, 8, %r2; st.shared.v2.u32 [%r3], {%r1, %r1}; bar.warp.sync -1;\nsetp.ge.u32 %p1, %r1, 16;\n@%p1 bra E;\nldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r4}, [%r2];\nE:\n",
         "mov.u32 %r2, buffer; mad.lo.s32 %r3, %r1, 8, %r2; st.shared.v2.u32 [%r3], {%r1, %r1}; bar.warp.sync -1;\nsetp.ge.u32 %p1, %r1, 99;\n@%p1 bra E;\nldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r4}, [%r2];\nE:\n", kShared});
}

TEST_CASE("lanes_that_have_exited_may_stand_in_a_member_mask") {
  const Launched launched = run({"", "", "", ""}, "setp.ge.u32 %p1, %r1, 16;\n@%p1 bra E;\nshfl.sync.bfly.b32 %r2, %r1, 1, 31, -1;\nE:\n");
  INFO(launched.status.message());
  CHECK(launched.status.ok());
}

TEST_CASE("a_shuffle_that_reads_a_lane_outside_it_is_reported") {
  check({"divergence", "sim: cta (0, 0) thread 15 reads the register of a lane that does not take part in the shuffle (ptx line 17, kernel k)",
         "setp.ge.u32 %p1, %r1, 16;\n@%p1 bra E;\nshfl.sync.down.b32 %r2, %r1, 1, 31, 0xffff;\nE:\n",
         "setp.ge.u32 %p1, %r1, 16;\n@%p1 bra E;\nshfl.sync.down.b32 %r2, %r1, 1, 0x100f, 0xffff;\nE:\n"});
}

TEST_CASE("a_deadlock_names_who_waits_where") {
  check({"deadlock", "sim: cta (0, 0): warp 0 waits at barrier 0, where 1 of 2 have arrived; warp 1 has ended (ptx line 16, kernel k)",
         "setp.ge.u32 %p1, %r1, 32; @%p1 bra E;\nbar.sync 0;\nE:\n", "setp.ge.u32 %p1, %r1, 64; @%p1 bra E;\nbar.sync 0;\nE:\n", "", 64});
}

TEST_CASE("a_trap_and_an_endless_loop_end_the_launch") {
  check({"trap", "sim: cta (0, 0) thread 3 executes trap (ptx line 16, kernel k)", "setp.eq.u32 %p1, %r1, 3;\n@%p1 trap;\n", "setp.eq.u32 %p1, %r1, 33;\n@%p1 trap;\n"});
  auto sim = SimDevice::create({.arch = *Arch::parse("sm_90"), .num_threads = 1, .instruction_budget = 1000000});
  const Launched launched = launch(*sim, kernel_text("L:\nbra.uni L;\n"), {.threads = 32}, {0, 0});
  CHECK(launched.status.message() == "sim: cta (0, 0) warp 0 does not end; its cta has executed more than 1000000 warp instructions, and a larger budget (SimOptions::instruction_budget, bsgen run --budget) allows more (ptx line 15, kernel k)");
}

TEST_CASE("writing_constant_memory_and_barriers_that_do_not_exist_are_reported") {
  check({"read_only", "sim: cta (0, 0) thread 0 writes to constant memory (table) (ptx line 15, kernel k)", "mov.u64 %rd9, table; st.global.u32 [%rd9], 1;\n", "mov.u64 %rd9, table; ld.const.u32 %r2, [%rd9];\n",
         ".const .align 4 .b8 table[4];"});
  check({"barrier", "sim: cta (0, 0) thread 0 uses barrier 16, there are 16 (ptx line 15, kernel k)", "mov.u32 %r2, 16; bar.sync %r2;\n", "mov.u32 %r2, 15; bar.sync %r2;\n"});
}

TEST_CASE("equal_findings_at_one_line_are_one_diagnostic_with_a_count") {
  const Launched launched = run({"", "", "", "", "", 32, 4}, "add.s64 %rd4, %rd1, %rd3;\nld.global.u32 %r2, [%rd4+4096];\n");
  REQUIRE(launched.report.diagnostics.size() == 1);
  CHECK(launched.report.diagnostics[0].count == 4 * 32);
  CHECK(launched.report.diagnostics[0].severity == Severity::kError);
  CHECK(launched.report.diagnostics[0].ptx_line == 16);
}

}  // namespace
}  // namespace bsgen::sim::test
