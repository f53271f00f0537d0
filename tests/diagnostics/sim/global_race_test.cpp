// The exact text of findings about global memory that several warps or ctas touch, each from a kernel that has the fault, with a twin that has not.
#include "tests/diagnostics/sim/twins.h"
#include "tests/support/catch.h"
#include "tests/support/sanitizers.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

// The start stands at ptx line 14, the body begins at line 15. %rd4: a word of `out` for each thread; %p1: of warp 0, %p2: of cta 0.
struct Case {
  std::string kind, message, bad, good;
  std::uint32_t threads = 32, ctas = 1;
  Schedule schedule = {};
};
constexpr const char* kStart = "ld.param.u64 %rd1, [in]; ld.param.u64 %rd2, [out]; mov.u32 %r1, %tid.x; mov.u32 %r2, %ctaid.x; mul.wide.u32 %rd3, %r1, 4; add.s64 %rd4, %rd2, %rd3; "
                               "setp.lt.u32 %p1, %r1, 32; setp.eq.u32 %p2, %r2, 0;\n";

Launched run(const std::string& body, std::uint32_t threads, std::uint32_t ctas, const Schedule& schedule = {}, int num_threads = 1) {
  auto sim = device("sm_90", Timing::kEarly, num_threads);
  sim->set_schedule(schedule);
  const std::vector<std::uint32_t> zeros(1024, 0);
  const auto a = *sim->allocate(4096), b = *sim->allocate(4096);
  for (const DeviceBuffer* memory : {&a, &b}) REQUIRE(sim->copy_in(memory->address(), std::as_bytes(std::span(zeros))).ok());
  sim->name_memory(b.address(), "c");
  return launch(*sim, kernel_text(kStart + body, ".param .u64 in, .param .u64 out", 90, ".shared .align 128 .b8 buffer[1024]; .shared .align 8 .b8 bars[8];"),
                {.grid_x = ctas, .threads = threads}, {a.address(), b.address()});
}
void check(const Case& c) { check_twins(c.kind, c.message, run(c.good, c.threads, c.ctas, c.schedule), run(c.bad, c.threads, c.ctas, c.schedule)); }

TEST_CASE("two_ctas_that_write_the_same_bytes_are_named_with_both_lines") {
  check({"global_race", "sim: cta (1, 0) warp 0 writes byte 0 of c, which cta (0, 0) warp 0 (ptx line 15) wrote with no synchronisation in between (ptx line 15, kernel k)",
         "st.global.u32 [%rd4], %r2;\n", "mad.wide.u32 %rd4, %r2, 128, %rd4; st.global.u32 [%rd4], %r2;\n", 32, 2});
  // Halves of 16 bytes may belong to different ctas.
  check({"global_race", "sim: cta (1, 0) thread 0 writes byte 7 of c, which cta (0, 0) thread 0 (ptx line 16) wrote with no synchronisation in between (ptx line 17, kernel k)",
         "mov.u16 %rs1, 1;\n@%p2 st.global.u64 [%rd2], %rd3;\n@!%p2 st.global.u8 [%rd2+7], %rs1;\n", "mov.u16 %rs1, 1;\n@%p2 st.global.u64 [%rd2], %rd3;\n@!%p2 st.global.u8 [%rd2+8], %rs1;\n", 1, 2});
}

TEST_CASE("what_another_cta_writes_is_not_read") {
  check({"global_race", "sim: cta (1, 0) thread 0 reads byte 64 of c, which cta (0, 0) thread 0 (ptx line 15) wrote with no synchronisation in between (ptx line 16, kernel k)",
         "@%p2 st.global.u32 [%rd2+64], %r2;\n@!%p2 ld.global.u32 %r5, [%rd2+64];\n", "@%p2 st.global.u32 [%rd2+64], %r2;\n@!%p2 ld.global.u32 %r5, [%rd1+64];\n", 1, 2});
  check({"global_race", "sim: cta (1, 0) thread 0 writes byte 64 of c, which cta (0, 0) thread 0 (ptx line 15) read with no synchronisation in between (ptx line 16, kernel k)",
         "@%p2 ld.global.u32 %r5, [%rd2+64];\n@!%p2 st.global.u32 [%rd2+64], %r2;\n", "@%p2 ld.global.u32 %r5, [%rd2+64];\n@!%p2 st.global.u32 [%rd2+68], %r2;\n", 1, 2});
  // Copies read, too.
  check({"global_race", "sim: cta (1, 0) thread 0 writes byte 64 of c, which cta (0, 0) thread 0 (ptx line 15) read with no synchronisation in between (ptx line 16, kernel k)",
         "mov.u32 %r6, buffer; @%p2 cp.async.cg.shared.global [%r6], [%rd2+64], 16; cp.async.wait_all;\n@!%p2 st.global.u32 [%rd2+64], %r2;\n",
         "mov.u32 %r6, buffer; @%p2 cp.async.cg.shared.global [%r6], [%rd2+64], 16, 0; cp.async.wait_all;\n@!%p2 st.global.u32 [%rd2+64], %r2;\n", 1, 2});
}

TEST_CASE("warps_of_a_cta_need_a_barrier_in_global_memory_too") {
  check({"global_race", "sim: cta (0, 0) thread 32 reads 4 bytes at byte 0 of c, which warp 0 (ptx line 15) wrote with no synchronisation in between (ptx line 16, kernel k)",
         "@%p1 st.global.u32 [%rd4], %r1;\n@!%p1 ld.global.u32 %r5, [%rd4+-128];\n", "@%p1 st.global.u32 [%rd4], %r1; bar.sync 0;\n@!%p1 ld.global.u32 %r5, [%rd4+-128];\n", 64});
  check({"global_race", "sim: cta (0, 0) thread 33 writes 4 bytes at byte 4 of c, which thread 1 (ptx line 15) read with no synchronisation in between (ptx line 16, kernel k)",
         "setp.eq.u32 %p3, %r1, 1; setp.eq.u32 %p4, %r1, 33; @%p3 ld.global.u32 %r5, [%rd2+4];\n@%p4 st.global.u32 [%rd2+4], %r1;\n",
         "setp.eq.u32 %p3, %r1, 1; setp.eq.u32 %p4, %r1, 33; @%p3 ld.global.u32 %r5, [%rd2+4]; bar.sync 0;\n@%p4 st.global.u32 [%rd2+4], %r1;\n", 64});
}

TEST_CASE("lanes_meet_in_global_memory_at_syncwarp_or_not_at_all") {
  check({"global_race", "sim: cta (0, 0) thread 0 reads 16 bytes at byte 16 of c, which thread 4 of its warp (ptx line 15) wrote with no __syncwarp in between (ptx line 16, kernel k)",
         "setp.eq.u32 %p3, %r1, 0; st.global.u32 [%rd4], %r1;\n@%p3 ld.global.v4.u32 {%r5, %r6, %r7, %r8}, [%rd2+16];\n",
         "setp.eq.u32 %p3, %r1, 0; st.global.u32 [%rd4], %r1; bar.warp.sync -1;\n@%p3 ld.global.v4.u32 {%r5, %r6, %r7, %r8}, [%rd2+16];\n"});
}

TEST_CASE("plain_and_atomic_accesses_race_and_atomic_ones_do_not") {
  check({"global_race", "sim: cta (1, 0) thread 0 reads 4 bytes at byte 8 of c, which cta (0, 0) thread 0 (ptx line 15) atomically updated with no synchronisation in between (ptx line 16, kernel k)",
         "@%p2 red.global.add.u32 [%rd2+8], 1;\n@!%p2 ld.global.u32 %r5, [%rd2+8];\n", "@%p2 red.global.add.u32 [%rd2+8], 1;\n@!%p2 atom.global.add.u32 %r5, [%rd2+8], 1;\n", 1, 2});
  check({"global_race", "sim: cta (1, 0) thread 0 atomically updates 4 bytes at byte 8 of c, which cta (0, 0) thread 0 (ptx line 15) wrote with no synchronisation in between (ptx line 16, kernel k)",
         "@%p2 st.global.u32 [%rd2+8], 1;\n@!%p2 red.global.add.u32 [%rd2+8], 1;\n", "@%p2 st.relaxed.gpu.global.u32 [%rd2+8], 1;\n@!%p2 red.global.add.u32 [%rd2+8], 1;\n", 1, 2});
  check({"global_race", "sim: cta (1, 0) thread 0 atomically updates 4 bytes at byte 8 of c, which cta (0, 0) thread 0 (ptx line 15) atomically updated too, with scopes that do not hold both (ptx line 15, kernel k)",
         "red.relaxed.cta.global.add.u32 [%rd2+8], 1;\n", "red.relaxed.gpu.global.add.u32 [%rd2+8], 1;\n", 1, 2});
}

TEST_CASE("what_the_kernel_writes_is_not_read_through_the_read_only_cache") {
  check({"global_race", "sim: cta (0, 0) thread 0 reads 4 bytes at byte 0 of c, which warp 0 (ptx line 15) wrote in this kernel: ld.global.nc need not see that, whatever stands in between (ptx line 16, kernel k)",
         "st.global.u32 [%rd4], %r1; bar.sync 0;\nld.global.nc.u32 %r5, [%rd4];\n", "st.global.u32 [%rd4], %r1; bar.sync 0;\nld.global.u32 %r5, [%rd4];\n"});
  check({"global_race", "sim: cta (0, 0) thread 32 reads 4 bytes at byte 0 of c, which warp 0 (ptx line 15) wrote in this kernel: ld.global.nc need not see that, whatever stands in between (ptx line 16, kernel k)",
         "@%p1 st.global.u32 [%rd4], %r1; bar.sync 0;\n@!%p1 ld.global.nc.u32 %r5, [%rd4+-128];\n", "@%p1 st.global.u32 [%rd4], %r1; bar.sync 0;\n@!%p1 ld.global.nc.u32 %r5, [%rd4];\n", 64});
  // It orders no worse than any other read.
  check({"global_race", "sim: cta (0, 0) thread 32 writes 4 bytes at byte 0 of c, which warp 0 (ptx line 15) read with no synchronisation in between (ptx line 16, kernel k)",
         "@%p1 ld.global.nc.u32 %r5, [%rd4];\n@!%p1 st.global.u32 [%rd4+-128], %r1;\n", "@%p1 ld.global.nc.u32 %r5, [%rd4]; bar.sync 0;\n@!%p1 st.global.u32 [%rd4+-128], %r1;\n", 64});
}

// cta 0 writes a word (line 15) and raises a flag (line 16), cta 1 waits for the flag (line 17) and reads the word (line 18).
std::string flag(const std::string& raise, const std::string& wait, const std::string& before = "") {
  return "@%p2 st.global.u32 [%rd4], 7; " + before + "\nsetp.ne.u32 %p3, %r1, 0; @!%p2 bra W; @%p3 bra E; " + raise + " bra.uni E;\nW: @%p3 bra R; L: " + wait +
         " setp.eq.u32 %p4, %r5, 0; @%p4 bra L;\nR: bar.sync 0; ld.global.u32 %r6, [%rd4];\nE:\n";
}

TEST_CASE("a_flag_orders_what_it_releases_and_acquires") {
  const std::string released = "st.release.gpu.global.u32 [%rd1], 1;", acquired = "ld.acquire.gpu.global.u32 %r5, [%rd1];";
  const std::string stored = "st.relaxed.gpu.global.u32 [%rd1], 1;", loaded = "ld.relaxed.gpu.global.u32 %r5, [%rd1];";
  const std::string race = "sim: cta (1, 0) thread 0 reads 4 bytes at byte 0 of c, which cta (0, 0) warp 0 (ptx line 15) wrote with no synchronisation in between (ptx line 18, kernel k)";
  const auto twins = [&](const std::string& bad, const std::string& good) { check({"global_race", race, bad, good, 32, 2}); };
  twins(flag(stored, acquired), flag(released, acquired));
  twins(flag(released, loaded), flag("red.release.gpu.global.add.u32 [%rd1], 1;", "atom.acquire.gpu.global.add.u32 %r5, [%rd1], 0;"));
  twins(flag("fence.acq_rel.gpu; " + stored, loaded), flag("fence.acq_rel.gpu; " + stored, loaded + " fence.acq_rel.gpu;"));
  twins(flag("membar.cta; " + stored, loaded + " membar.gl;"), flag("membar.gl; " + stored, loaded + " membar.gl;"));
  twins(flag("st.relaxed.gpu.global.u32 [%rd1], 1;", acquired), flag("membar.gl; st.volatile.global.u32 [%rd1], 1;", "ld.volatile.global.u32 %r5, [%rd1]; membar.gl;"));
  check({"global_race", "sim: cta (1, 0) thread 0 reads 4 bytes at byte 0 of an allocation, which cta (0, 0) thread 0 (ptx line 16) wrote too, with scopes that do not hold both (ptx line 17, kernel k)",
         flag("st.release.cta.global.u32 [%rd1], 1;", acquired), flag(released, acquired), 32, 2});
  // A store over the flag takes away what it stood for.
  twins(flag(released + " " + stored, acquired), flag(stored + " " + released, acquired));
}

TEST_CASE("a_flag_covers_other_warps_behind_a_barrier_only") {
  const std::string released = "st.release.gpu.global.u32 [%rd1], 1;", acquired = "ld.acquire.gpu.global.u32 %r5, [%rd1];";
  check({"global_race", "sim: cta (1, 0) thread 32 reads 4 bytes at byte 128 of c, which cta (0, 0) warp 1 (ptx line 15) wrote with no synchronisation in between (ptx line 18, kernel k)",
         flag(released, acquired), flag(released, acquired, "bar.sync 0;"), 64, 2});
}

TEST_CASE("flags_order_shared_memory_in_every_program") {
  const auto kernel = [](const std::string& store, const std::string& load) {
    return "mov.u32 %r6, buffer; setp.ne.u32 %p3, %r1, 32; setp.ne.u32 %p4, %r1, 0; @%p4 bra C; st.shared.u32 [%r6+64], 0; C: bar.sync 0; @!%p4 bra P; @%p3 bra E; L: " + load +
           " setp.eq.u32 %p5, %r5, 0; @%p5 bra L;\nld.shared.u32 %r7, [%r6]; bra.uni E;\nP: st.shared.u32 [%r6], 7; " + store + "\nE:\n";
  };
  const std::string race = "sim: cta (0, 0) thread 32 reads 4 bytes at shared offset 0 (buffer), which warp 0 wrote with no barrier in between (ptx line 16, kernel k)";
  const std::string acquired = "ld.acquire.cta.shared.u32 %r5, [%r6+64];";
  check({"shared_race", race, kernel("st.relaxed.cta.shared.u32 [%r6+64], 1;", acquired), kernel("st.release.cta.shared.u32 [%r6+64], 1;", acquired), 64});
  check({"shared_race", race, kernel("atom.relaxed.cta.shared.add.u32 %r8, [%r6+64], 1;", acquired), kernel("fence.acq_rel.cta; atom.relaxed.cta.shared.add.u32 %r8, [%r6+64], 1;", acquired), 64});
}

TEST_CASE("a_warp_that_arrives_without_waiting_publishes_what_came_before") {
  const auto kernel = [](const std::string& before, const std::string& after) {
    return "mov.u32 %r6, buffer; @!%p1 bra W;\n" + before + " bar.arrive 1, 64;" + after + " bra.uni E;\nW: bar.sync 1, 64;\nld.shared.u32 %r7, [%r6];\nE:\n";
  };
  const std::string store = "st.shared.u32 [%r6], 1;";
  check({"shared_race", "sim: cta (0, 0) thread 32 reads 4 bytes at shared offset 0 (buffer), which warp 0 wrote with no barrier in between (ptx line 18, kernel k)",
         kernel(store, " bar.warp.sync -1; " + store), kernel(store, ""), 64});
}

TEST_CASE("global_memory_has_its_proxies_too") {
  const std::string init = "mov.u32 %r6, buffer; mov.u32 %r7, bars; setp.ne.u32 %p3, %r1, 0; @%p3 bra I; mbarrier.init.shared::cta.b64 [%r7], 1; fence.mbarrier_init.release.cluster; I: bar.sync 0;\n";
  const std::string copy = "@%p3 bra J; mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r7], 64;\ncp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r6], [%rd2], 64, [%r7]; J:\n";
  const std::string wait = "L: mbarrier.try_wait.parity.shared::cta.b64 %p4, [%r7], 0; @!%p4 bra L;\n";
  const std::string store = "st.global.u32 [%rd4], %r1;\n";
  check({"proxy", "sim: cta (0, 0) thread 0 reads 64 bytes at byte 0 of c through the async proxy, which warp 0 (ptx line 16) wrote with no fence.proxy.async in between (ptx line 19, kernel k)",
         init + store + "fence.proxy.async.shared::cta; bar.sync 0;\n" + copy.substr(0, copy.find('\n') + 1) + copy.substr(copy.find('\n') + 1) + wait,
         init + store + "fence.proxy.async.global; bar.sync 0;\n" + copy + wait});
  check({"global_race", "sim: cta (0, 0) thread 0 writes 4 bytes at byte 0 of c, which a bulk copy of thread 0 (ptx line 17) may still read: nothing orders its wait before this (ptx line 18, kernel k)",
         init + copy + store + wait, init + copy + wait + store});
  const std::string out = "mad.lo.u32 %r8, %r1, 4, %r6; st.shared.u32 [%r8], 1; fence.proxy.async.shared::cta; bar.sync 0; @%p3 bra J;\ncp.async.bulk.global.shared::cta.bulk_group [%rd2], [%r6], 64; cp.async.bulk.commit_group; cp.async.bulk.wait_group";
  check({"global_race", "sim: cta (0, 0) thread 0 reads 4 bytes at byte 0 of c, which a bulk copy of thread 0 (ptx line 17) may still write: nothing orders its wait before this (ptx line 18, kernel k)",
         init + out + ".read 0; J: bar.sync 0;\nld.global.u32 %r5, [%rd2];\n", init + out + " 0; J: bar.sync 0;\nld.global.u32 %r5, [%rd2];\n"});
}

TEST_CASE("races_between_ctas_do_not_depend_on_the_number_of_worker_threads") {
  if (bsgen::test::kThreadSanitizer) BSGEN_SKIP("the kernel's race is one of the workers too: both touch the bytes that stand for global memory");
  const std::string body = "rem.u32 %r5, %r2, 5; mad.wide.u32 %rd4, %r5, 64, %rd4; st.global.u32 [%rd4], %r2;\nrem.u32 %r5, %r2, 3; mad.wide.u32 %rd5, %r5, 64, %rd2; ld.global.u32 %r6, [%rd5];\n";
  for (const Schedule& schedule : {Schedule{Timing::kEarly, 0}, Schedule{Timing::kMixed, 5}}) {
    const Launched one = run(body, 32, 64, schedule, 1), four = run(body, 32, 64, schedule, 4);
    REQUIRE(one.report.diagnostics.size() == four.report.diagnostics.size());
    CHECK(one.report.diagnostics.size() == 2);
    for (std::size_t i = 0; i < one.report.diagnostics.size(); ++i) {
      CHECK(one.report.diagnostics[i].message == four.report.diagnostics[i].message);
      CHECK(one.report.diagnostics[i].count == four.report.diagnostics[i].count);
    }
  }
}

}  // namespace
}  // namespace bsgen::sim::test
