// The exact text of findings about order in shared memory that barriers between warps do not show: atomic against plain accesses, words
// that lanes of a warp exchange, lanes of one instruction that disagree; each with a twin without it.
#include "tests/diagnostics/sim/twins.h"
#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

// The start stands at ptx line 14, the body begins at line 15. %r4: a word of `buffer` for each thread; %p2: of warp 1, which goes on first behind a barrier;
// %p3: thread 0.
constexpr const char* kStart = "ld.param.u64 %rd1, [in]; ld.param.u64 %rd2, [out]; mov.u32 %r1, %tid.x; mov.u32 %r2, buffer; mov.u32 %r3, bars; setp.ne.u32 %p1, %r1, 0; mad.lo.u32 %r4, %r1, 4, %r2; "
                               "setp.ge.u32 %p2, %r1, 32; setp.eq.u32 %p3, %r1, 0;\n";
constexpr const char* kShared = ".shared .align 128 .b8 buffer[1024]; .shared .align 8 .b8 bars[8];";
const std::string kBarrier = "@%p1 bra I; mbarrier.init.shared::cta.b64 [%r3], 1; I: ";  // with it the proxies' shadow looks on

Launched run(const std::string& body, const LaunchConfig& config) {
  auto sim = device("sm_90", Timing::kEarly, 1);
  const std::vector<std::uint32_t> in(64, 7);
  const auto a = *sim->allocate(256), b = *sim->allocate(256);
  REQUIRE(sim->copy_in(a.address(), std::as_bytes(std::span(in))).ok());
  sim->name_memory(b.address(), "c");
  return launch(*sim, kernel_text(kStart + body, ".param .u64 in, .param .u64 out", 90, kShared), config, {a.address(), b.address()});
}
void check(const std::string& kind, const std::string& message, const std::string& bad, const std::string& good, std::uint32_t threads) {
  check_twins(kind, message, run(good, {.threads = threads}), run(bad, {.threads = threads}));
}

TEST_CASE("plain_accesses_of_shared_memory_race_with_atomic_ones_that_nothing_orders") {
  for (const std::string& start : {std::string(), kBarrier}) {
    const bool proxies = !start.empty();
    const std::string zero = start + "@!%p1 st.shared.v4.u32 [%r2], {0, 0, 0, 0}; bar.sync 0;\n";
    const std::string after = " atomically updated with no synchronisation in between (ptx line 17, kernel k)", where = "at shared offset 0 (buffer), which warp 1 (ptx line 16)";
    check("shared_race", "sim: cta (0, 0) thread 0 reads 4 bytes " + where + after, zero + "@%p2 red.shared.add.u32 [%r2], 1;\n@!%p2 ld.shared.u32 %r5, [%r2];\n",
          zero + "@%p2 red.shared.add.u32 [%r2], 1;\n@!%p2 atom.shared.add.u32 %r5, [%r2], 1;\n", 64);
    check("shared_race", "sim: cta (0, 0) thread 0 writes 4 bytes " + where + after, zero + "@%p2 red.shared.add.u32 [%r2], 1;\n@!%p2 st.shared.u32 [%r2], 1;\n",
          zero + "@%p2 red.shared.add.u32 [%r2], 1;\n@!%p2 st.shared.u32 [%r2+4], 1;\n", 64);
    // Rows: copies and matrices.
    check("shared_race", "sim: cta (0, 0) thread 0 writes 16 bytes " + where + after,
          zero + "@%p2 red.shared.add.u32 [%r2], 1;\n@%p3 cp.async.cg.shared.global [%r2], [%rd1], 16; cp.async.wait_all;\n",
          zero + "@%p2 red.shared.add.u32 [%r2], 1; bar.sync 0;\n@%p3 cp.async.cg.shared.global [%r2], [%rd1], 16; cp.async.wait_all;\n", 64);
    const std::string matrix = "@%p2 bra E; ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r5}, [%r2];\nE:\n";
    check("shared_race", "sim: cta (0, 0) thread 0 reads 16 bytes " + where + after, zero + "@%p2 red.shared.add.u32 [%r2], 1;\n" + matrix, zero + "@%p2 red.shared.add.u32 [%r2], 1; bar.sync 0;\n" + matrix, 64);
    // The other way round, and who reads what was read.
    const std::string plain = proxies ? " (ptx line 16) wrote with no synchronisation in between" : " wrote with no barrier in between";
    check("shared_race", "sim: cta (0, 0) thread 0 atomically updates 4 bytes at shared offset 0 (buffer), which warp 1" + plain + " (ptx line 17, kernel k)",
          zero + "@%p2 st.shared.u32 [%r2], 1;\n@!%p2 red.shared.add.u32 [%r2], 1;\n", zero + "@%p2 st.shared.u32 [%r2], 1; bar.sync 0;\n@!%p2 red.shared.add.u32 [%r2], 1;\n", 64);
    const std::string read = proxies ? " (ptx line 17) read with no synchronisation in between" : " read with no barrier in between";
    check("shared_race", "sim: cta (0, 0) thread 0 atomically updates 4 bytes at shared offset 0 (buffer), which warp 1" + read + " (ptx line 16, kernel k)",
          zero + "red.shared.add.u32 [%r2], 1;\nld.shared.u32 %r5, [%r2];\n", zero + "red.shared.add.u32 [%r2], 1; bar.sync 0;\nld.shared.u32 %r5, [%r2];\n", 64);
    // A plain write that is in order ends what atomics left.
    const Launched again = run(zero + "@%p2 red.shared.add.u32 [%r2], 1; bar.sync 0; @!%p2 st.shared.u32 [%r2], 1; bar.sync 0; red.shared.add.u32 [%r2], 1; bar.sync 0; ld.shared.u32 %r5, [%r2];\n", {.threads = 64});
    CHECK(again.report.diagnostics.empty());
  }
}

TEST_CASE("each_warps_atomics_are_kept_until_they_are_known") {
  const std::string zero = "@!%p1 st.shared.u32 [%r2], 0; bar.sync 0;\n";
  // Both warps update the word; the later one knows its own update only.
  const Launched unknown = run(zero + "red.shared.add.u32 [%r2], 1;\n@%p3 ld.shared.u32 %r5, [%r2];\n", {.threads = 64});
  REQUIRE(unknown.find("shared_race") != nullptr);
  // An update that releases is itself released: who has acquired it may write the word.
  const Launched released = run(zero + "@%p2 red.release.cta.shared.add.u32 [%r2], 1;\n@!%p2 ld.acquire.cta.shared.u32 %r5, [%r2];\n@%p3 st.shared.u32 [%r2], 7;\n", {.threads = 64});
  INFO(released.status.message());
  CHECK(released.report.diagnostics.empty());
}

TEST_CASE("a_cp_async_beside_mbarriers_is_read_behind_its_own_wait_only") {
  const auto copies = [](int waited, const std::string& read) {
    return kBarrier + "cp.async.cg.shared.global [%r2], [%rd1], 16; cp.async.commit_group;\ncp.async.cg.shared.global [%r2+16], [%rd1], 16; cp.async.commit_group; cp.async.wait_group " + std::to_string(waited) +
           ";\nld.shared.u32 %r5, [" + read + "]; cp.async.wait_all;\n";
  };
  const std::string message = "sim: cta (0, 0) thread 0 reads 4 bytes at shared offset 16 (buffer+16), which a cp.async of warp 0 (ptx line 16) wrote: nothing orders its wait before this (ptx line 17, kernel k)";
  check("shared_race", message, copies(1, "%r2+16"), copies(1, "%r2"), 1);
  check("shared_race", message, copies(1, "%r2+16"), copies(0, "%r2+16"), 1);
}

TEST_CASE("ctas_of_a_cluster_may_update_one_word_atomically_and_no_other_way") {
  const std::string both = "barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;\n";
  const auto body = [&](const std::string& update) { return "@!%p1 st.shared.u32 [%r2], 0; mapa.shared::cluster.u32 %r5, %r2, 0; " + both + update + "\n" + both + "ld.shared::cluster.u32 %r6, [%r5];\n" + both; };
  const LaunchConfig pair{.grid_x = 2, .threads = 32, .cluster_x = 2};
  const Launched good = run(body("red.shared::cluster.add.u32 [%r5], 1;"), pair);
  INFO(good.status.message());
  CHECK(good.report.diagnostics.empty());
  CHECK(run(body("st.shared::cluster.u32 [%r5], 1;"), pair).find("shared_race") != nullptr);
  // red.async is as atomic: what it adds to is written before.
  const auto async = [&](const std::string& order) {
    return "@%p1 bra I; mbarrier.init.shared::cta.b64 [%r3], 1; fence.mbarrier_init.release.cluster; mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r3], 128; I: st.shared.u32 [%r4], 0;\nbarrier.cluster.arrive" + order +
           ".aligned; barrier.cluster.wait.aligned; mov.u32 %r5, %cluster_ctarank; xor.b32 %r5, %r5, 1; mapa.shared::cluster.u32 %r6, %r4, %r5; mapa.shared::cluster.u32 %r7, %r3, %r5;\n"
           "red.async.relaxed.cluster.shared::cluster.mbarrier::complete_tx::bytes.add.u32 [%r6], 1, [%r7];\nW: mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 %p4, [%r3], 0; @!%p4 bra W; ld.shared.u32 %r8, [%r4];\n" + both;
  };
  const Launched released = run(async(""), pair);
  INFO(released.status.message());
  CHECK(released.report.diagnostics.empty());
  const Launched relaxed = run(async(".relaxed"), pair);
  REQUIRE(relaxed.find("shared_race") != nullptr);
  CHECK(relaxed.find("shared_race")->message.find("atomically updates 4 bytes at shared offset 0 (buffer) of cta rank ") != std::string::npos);
  const Launched bad = run("@!%p1 st.shared.u32 [%r2], 0; mapa.shared::cluster.u32 %r5, %r2, 0; " + both + "@!%p1 red.shared::cluster.add.u32 [%r5], 1;\nld.shared::cluster.u32 %r6, [%r5];\n" + both, pair);
  REQUIRE(bad.find("shared_race") != nullptr);
  CHECK(bad.report.failed());
}

TEST_CASE("a_race_across_a_cluster_names_the_ctas_that_are_not_the_readers_own") {
  // The word is rank 0's; what comes first is seen by the others in time, not in order.
  const std::string start = "@!%p1 st.shared.u32 [%r2], 0; mapa.shared::cluster.u32 %r5, %r2, 0; mov.u32 %r6, %cluster_ctarank; setp.eq.and.u32 %p4, %r6, 0, %p3; setp.eq.and.u32 %p5, %r6, 1, %p3; "
                            "setp.eq.u32 %p6, %r1, 32; setp.eq.and.u32 %p6, %r6, 1, %p6; barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;\n";
  const std::string then = "barrier.cluster.arrive.relaxed.aligned; barrier.cluster.wait.aligned;\n", sync = "barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;\n";
  const auto races = [&](const std::string& message, const std::string& first, const std::string& second) {
    const LaunchConfig pair{.grid_x = 2, .threads = 64, .cluster_x = 2};
    check_twins("shared_race", "sim: cta " + message + " (ptx line 18, kernel k)", run(start + first + "\n" + sync + second + "\n" + sync, pair), run(start + first + "\n" + then + second + "\n" + sync, pair));
  };
  const std::string own = "red.shared.add.u32 [%r2], 1;", remote = "red.shared::cluster.add.u32 [%r5], 1;", load = "ld.shared.u32 %r7, [%r2];", remote_load = "ld.shared::cluster.u32 %r7, [%r5];";
  const std::string reads = " reads 4 bytes at shared offset 0 (buffer)", updated = " (ptx line 16) atomically updated with no synchronisation in between";
  races("(0, 0) thread 0" + reads + ", which warp 0 of cta rank 1" + updated, "@%p5 " + remote, "@%p4 " + load);
  races("(1, 0) thread 0" + reads + " of cta rank 0, which warp 0 of cta rank 0" + updated, "@%p4 " + own, "@%p5 " + remote_load);
  races("(1, 0) thread 32" + reads + " of cta rank 0, which warp 0" + updated, "@%p5 " + remote, "@%p6 " + remote_load);
  // Plain ones are another checker's.
  const std::string wrote = " (ptx line 16) wrote with no synchronisation in between";
  races("(0, 0) thread 0" + reads + ", which warp 0 of cta rank 1" + wrote, "@%p5 st.shared::cluster.u32 [%r5], 1;", "@%p4 " + load);
  races("(1, 0) thread 32" + reads + " of cta rank 0, which warp 0" + wrote, "@%p5 st.shared::cluster.u32 [%r5], 1;", "@%p6 " + remote_load);
}

TEST_CASE("words_that_lanes_of_a_warp_read_are_not_overwritten_before_syncwarp") {
  const std::string fill = "sub.u32 %r5, 31, %r1; mad.lo.u32 %r6, %r5, 4, %r2; st.shared.u32 [%r4], %r1; bar.warp.sync -1;\n";
  check("shared_race", "sim: cta (0, 0) thread 0 writes 4 bytes at shared offset 124 (buffer+124), which thread 31 of its warp read with no __syncwarp in between (ptx line 17, kernel k)",
        fill + "ld.shared.u32 %r7, [%r4];\nst.shared.u32 [%r6], %r7;\n", fill + "ld.shared.u32 %r7, [%r4];\nbar.warp.sync -1; st.shared.u32 [%r6], %r7;\n", 32);
  // Each warp of a larger cta by itself, where no other warp shows the missing barrier.
  const std::string two = "xor.b32 %r5, %r1, 31; mad.lo.u32 %r6, %r5, 4, %r2; st.shared.u32 [%r4], %r1; bar.sync 0;\n";
  check("shared_race", "sim: cta (0, 0) thread 32 writes 4 bytes at shared offset 252 (buffer+252), which thread 63 of its warp read with no __syncwarp in between (ptx line 17, kernel k)",
        two + "ld.shared.u32 %r7, [%r4];\nst.shared.u32 [%r6], %r7;\n", two + "ld.shared.u32 %r7, [%r4];\nbar.sync 0; st.shared.u32 [%r6], %r7;\n", 64);
  // A lane's own words are its own; of a word that all have read, all but one are others.
  check("shared_race", "sim: cta (0, 0) thread 0 writes 4 bytes at shared offset 0 (buffer), which thread 1 of its warp read with no __syncwarp in between (ptx line 17, kernel k)",
        fill + "ld.shared.u32 %r7, [%r2];\n@!%p1 st.shared.u32 [%r2], %r7;\n", fill + "ld.shared.u32 %r7, [%r4];\nst.shared.u32 [%r4], %r7;\n", 32);
}

TEST_CASE("lanes_of_one_instruction_that_write_the_same_bytes_write_the_same_value") {
  check("shared_race", "sim: cta (0, 0) thread 0 writes 4 bytes at shared offset 0 (buffer), where thread 31 writes another value with the same instruction (ptx line 15, kernel k)", "st.shared.u32 [%r2], %r1;\n",
        "st.shared.u32 [%r2], 7;\n", 32);
  check("global_race", "sim: cta (0, 0) thread 0 writes 4 bytes at byte 0 of c, where thread 31 writes another value with the same instruction (ptx line 15, kernel k)", "st.global.u32 [%rd2], %r1;\n",
        "st.volatile.global.u32 [%rd2], %r1;\n", 32);
  // Runs of 8 bytes that two lanes share; what the last of them leaves is not what the first wrote.
  check("shared_race", "sim: cta (0, 0) thread 0 writes 8 bytes at shared offset 0 (buffer), where thread 1 writes another value with the same instruction (ptx line 16, kernel k)",
        "shr.u32 %r5, %r1, 1; mad.lo.u32 %r6, %r5, 8, %r2;\nst.shared.v2.u32 [%r6], {%r5, %r1};\n", "shr.u32 %r5, %r1, 1; mad.lo.u32 %r6, %r5, 8, %r2;\nst.shared.v2.u32 [%r6], {%r5, %r5};\n", 32);
}

}  // namespace
}  // namespace bsgen::sim::test
