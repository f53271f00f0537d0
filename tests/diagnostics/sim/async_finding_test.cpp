// The exact text of findings about mbarriers, bulk copies, proxies and clusters, each from a kernel that has the fault, with a twin that has not.
#include <cstring>

#include "tests/diagnostics/sim/twins.h"
#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

// The start stands at ptx line 14, the body begins at line 15.
struct Case {
  std::string kind, message, bad, good;
  std::uint32_t threads = 64, cluster = 1;
  Timing timing = Timing::kEarly;
};
constexpr const char* kStart = "mov.b64 %rd9, map; cvta.param.u64 %rd8, %rd9; ld.param.u64 %rd1, [in]; ld.param.u64 %rd2, [out]; mov.u32 %r1, %tid.x; mov.u32 %r2, buffer; mov.u32 %r3, bars; mov.u32 %r4, %cluster_ctarank; setp.ne.u32 %p1, %r1, 0;\n";
constexpr const char* kShared = ".shared .align 128 .b8 buffer[1024]; .shared .align 8 .b8 bars[32];";

Launched run(const Case& c, const std::string& body) {
  auto sim = device("sm_90", c.timing, 1);
  std::vector<std::uint32_t> in(64, 7);
  const auto a = *sim->allocate(256), b = *sim->allocate(256);
  REQUIRE(sim->copy_in(a.address(), std::as_bytes(std::span(in))).ok());
  const auto map = sim->encode_tensor_map({.type = TensorType::kU32, .rank = 2, .address = a.address(), .dims = {8, 8}, .strides = {32}, .box = {8, 4}});
  REQUIRE(map.ok());
  std::vector<std::uint64_t> parameters(18);
  std::memcpy(parameters.data(), map->bytes, sizeof map->bytes);
  parameters[16] = a.address(), parameters[17] = b.address();
  return launch(*sim, kernel_text(kStart + body, ".param .align 64 .b8 map[128], .param .u64 in, .param .u64 out", 90, kShared),
                {.grid_x = c.cluster, .threads = c.threads, .cluster_x = c.cluster}, parameters);
}

void check(const Case& c) { check_twins(c.kind, c.message, run(c, c.good), run(c, c.bad)); }

// Line 15: thread 0 makes a barrier and copies 64 bytes of `in` to the buffer; 16: all wait for it.
const std::string kInit = "@%p1 bra I; mbarrier.init.shared::cta.b64 [%r3], 1; fence.mbarrier_init.release.cluster; ";
const std::string kCopy = "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r3], 64; cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r2], [%rd1], 64, [%r3]; ";
const std::string kWait = "L: mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r3], 0; @!%p2 bra L;\n";
const std::string kRead = "ld.shared.u32 %r5, [%r2];\n";

TEST_CASE("memory_that_a_bulk_copy_fills_is_read_only_after_the_wait_at_its_mbarrier") {
  check({"shared_race", "sim: cta (0, 0) thread 32 reads 4 bytes at shared offset 0 (buffer), which the bulk copy (ptx line 15) wrote: nothing orders its wait before this (ptx line 16, kernel k)", kInit + kCopy + "I: bar.sync 0;\n" + kRead + kWait, kInit + kCopy + "I: bar.sync 0;\n" + kWait + kRead});
  check({"shared_race", "sim: cta (0, 0) thread 32 reads 4 bytes at shared offset 0 (buffer), which the bulk copy (ptx line 15) has yet to write: nothing orders its wait before this (ptx line 16, kernel k)", kInit + kCopy + "I: bar.sync 0;\n" + kRead + kWait, kInit + kCopy + "I: bar.sync 0;\n" + kWait + kRead, 64, 1, Timing::kLate});
  // Thread 32 knows the wait of warp 0 through the second barrier only.
  check({"shared_race", "sim: cta (0, 0) thread 32 reads 4 bytes at shared offset 0 (buffer), which the bulk copy (ptx line 15) wrote: nothing orders its wait before this (ptx line 18, kernel k)", kInit + kCopy + "I: bar.sync 0;\nsetp.gt.u32 %p3, %r1, 31; @%p3 bra J; " + kWait + "J:\n" + kRead,
         kInit + kCopy + "I: bar.sync 0;\nsetp.gt.u32 %p3, %r1, 31; @%p3 bra J; " + kWait + "J: bar.sync 0;\n" + kRead});
}

TEST_CASE("memory_that_others_still_use_is_not_filled") {
  const std::string read = "mad.lo.u32 %r5, %r1, 4, %r2; st.shared.u32 [%r5], 1; bar.sync 0; xor.b32 %r6, %r5, 128; ld.shared.u32 %r7, [%r6]; fence.proxy.async.shared::cta; ";
  check({"shared_race", "sim: cta (0, 0) thread 32 reads 4 bytes at shared offset 0 (buffer), which the bulk copy (ptx line 16) wrote: nothing orders its wait before this (ptx line 15, kernel k)", kInit + "I: bar.sync 0; " + read + "\n@%p1 bra W; " + kCopy + "\nW:\n" + kWait, kInit + "I: bar.sync 0; " + read + "bar.sync 0;\n@%p1 bra W; " + kCopy + "\nW:\n" + kWait});
}

TEST_CASE("what_the_async_proxy_reads_needs_a_proxy_fence") {
  const std::string store = "@%p1 bra E; cp.async.bulk.global.shared::cta.bulk_group [%rd2], [%r2], 128; cp.async.bulk.commit_group; cp.async.bulk.wait_group.read 0;\nE:\n";
  const std::string write = "mad.lo.u32 %r5, %r1, 4, %r2; st.shared.u32 [%r5], %r1;\n";
  check({"proxy", "sim: cta (0, 0) thread 0 reads 128 bytes at shared offset 0 (buffer) through the async proxy, which warp 0 (ptx line 15) wrote with no fence.proxy.async in between (ptx line 17, kernel k)", write + "bar.sync 0;\n" + store, write + "fence.proxy.async.shared::cta; bar.sync 0;\n" + store});
  check({"proxy", "sim: cta (0, 0) thread 0 reads 128 bytes at shared offset 0 (buffer) through the async proxy, which warp 0 (ptx line 15) wrote with no fence.proxy.async in between (ptx line 17, kernel k)", write + "fence.proxy.async.global; bar.sync 0;\n" + store, write + "bar.sync 0; fence.proxy.async;\n" + store});
}

TEST_CASE("the_source_of_a_bulk_store_stays_until_it_is_waited_for") {
  const std::string start = "mad.lo.u32 %r5, %r1, 4, %r2; st.shared.u32 [%r5], %r1; fence.proxy.async.shared::cta; bar.sync 0;\n@%p1 bra E; cp.async.bulk.global.shared::cta.bulk_group [%rd2], [%r2], 128;\ncp.async.bulk.commit_group; ";
  check({"shared_race", "sim: cta (0, 0) thread 0 writes 4 bytes at shared offset 0 (buffer), which a bulk copy of warp 0 (ptx line 16) may still read: nothing orders its wait before this (ptx line 18, kernel k)", start + "E:\nst.shared.u32 [%r5], 9; @%p1 bra F; cp.async.bulk.wait_group 0;\nF:\n", start + "cp.async.bulk.wait_group.read 0;\nE: bar.sync 0; st.shared.u32 [%r5], 9;\n"});
  check({"unwaited", "sim: cta (0, 0) thread 0 has ended before its bulk copy was waited for (ptx line 16, kernel k)", start + "\nE:\n", start + "cp.async.bulk.wait_group.read 0;\nE:\n"});
}

TEST_CASE("bulk_copies_keep_their_sizes_and_alignments") {
  check({"misaligned", "sim: cta (0, 0) thread 0 copies 60 bytes, not a multiple of 16 (ptx line 16, kernel k)", kInit + "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r3], 64;\ncp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r2], [%rd1], 60, [%r3]; mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [%r3], 64;\nI: bar.sync 0;\n",
         kInit + kCopy + "I: bar.sync 0;\n" + kWait});
  check({"misaligned", "sim: cta (0, 0) thread 0 copies 64 bytes at shared offset 8 (buffer+8), not a multiple of 16 (ptx line 16, kernel k)", kInit + "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r3], 64;\ncp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r2+8], [%rd1], 64, [%r3]; mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [%r3], 64;\nI: bar.sync 0;\n",
         kInit + kCopy + "I: bar.sync 0;\n" + kWait});
  check({"out_of_bounds", "sim: cta (0, 0) thread 0 reads 64 bytes at byte 224 of an allocation, which ends at 256 (ptx line 16, kernel k)", kInit + "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r3], 64;\ncp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r2], [%rd1+224], 64, [%r3];\nI: bar.sync 0;\n" + kWait,
         kInit + kCopy + "I: bar.sync 0;\n" + kWait});
}

TEST_CASE("tensor_maps_are_real_and_of_the_rank_that_is_asked_for") {
  const std::string expect = "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r3], 128; mov.u32 %r10, 0;\n", copy = "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%r2], ";
  const std::string good = kInit + expect + copy + "[%rd8, {%r10, %r10}], [%r3];\nI: bar.sync 0;\n" + kWait;
  const std::string rest = "; mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [%r3], 128;\nI: bar.sync 0;\n" + kWait;
  check({"tensor_map", "sim: cta (0, 0) thread 0 takes a tensor map at byte 0 of an allocation of 256 bytes, where there is none (ptx line 16, kernel k)", kInit + expect + copy + "[%rd1, {%r10, %r10}], [%r3]" + rest, good});
  check({"tensor_map", "sim: cta (0, 0) thread 0 gives 3 coordinates, the tensor map has rank 2 (ptx line 16, kernel k)", kInit + expect + "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%r2], [%rd8, {%r10, %r10, %r10}], [%r3]" + rest, good});
  check({"misaligned", "sim: cta (0, 0) thread 0 copies 128 bytes at shared offset 64 (buffer+64), not a multiple of 128 (ptx line 16, kernel k)", kInit + expect + "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%r2+64], [%rd8, {%r10, %r10}], [%r3]" + rest, good});
}

TEST_CASE("an_mbarrier_is_used_as_one") {
  const std::string init = "@%p1 bra I; mbarrier.init.shared::cta.b64 [%r3], 2;\nI: bar.sync 0;\n";
  const std::string fine = init + "@%p1 bra E; mbarrier.arrive.shared::cta.b64 _, [%r3];\nE:\n";
  check({"mbarrier", "sim: cta (0, 0) thread 0 arrives at shared offset 1032 (bars+8), where no mbarrier was initialised (ptx line 17, kernel k)", init + "@%p1 bra E; mbarrier.arrive.shared::cta.b64 _, [%r3+8];\nE:\n", fine});
  check({"misaligned", "sim: cta (0, 0) thread 0 arrives at an mbarrier of 8 bytes at shared offset 1028 (bars+4), not a multiple of 8 (ptx line 17, kernel k)", init + "@%p1 bra E; mbarrier.arrive.shared::cta.b64 _, [%r3+4];\nE:\n", fine});
  check({"mbarrier", "sim: cta (0, 0) thread 0 arrives 3 times at the mbarrier at shared offset 1024 (bars), which waits for 2 of 2 in this phase (ptx line 17, kernel k)", init + "@%p1 bra E; mbarrier.arrive.shared::cta.b64 _, [%r3], 3;\nE:\n", fine});
  check({"mbarrier", "sim: cta (0, 0) thread 0 initialises the mbarrier at shared offset 1024 (bars) again without mbarrier.inval (ptx line 17, kernel k)", init + "@%p1 bra E; mbarrier.init.shared::cta.b64 [%r3], 2;\nE:\n", init + "@%p1 bra E; mbarrier.inval.shared::cta.b64 [%r3]; mbarrier.init.shared::cta.b64 [%r3], 2;\nE:\n"});
  check({"mbarrier", "sim: cta (0, 0) thread 32 reads 4 bytes at shared offset 1024 (bars), where an mbarrier lives (ptx line 17, kernel k)", init + "ld.shared.u32 %r5, [%r3];\n", init + "@%p1 bra E; mbarrier.inval.shared::cta.b64 [%r3]; st.shared.u32 [%r3], 1; ld.shared.u32 %r5, [%r3];\nE:\n"});
  check({"mbarrier", "sim: cta (0, 0) thread 0 initialises an mbarrier for 0 arrivals, 1 to 1048575 are possible (ptx line 15, kernel k)", "@%p1 bra I; mbarrier.init.shared::cta.b64 [%r3], 0;\nI: bar.sync 0;\n", fine});
  check({"mbarrier", "sim: cta (0, 0) thread 32 arrives at the mbarrier at shared offset 1024 (bars), which warp 0 initialised with no synchronisation in between (ptx line 17, kernel k)", "@%p1 bra I; mbarrier.init.shared::cta.b64 [%r3], 64;\nI:\nmbarrier.arrive.shared::cta.b64 _, [%r3];\n", "@%p1 bra I; mbarrier.init.shared::cta.b64 [%r3], 64;\nI: bar.sync 0;\nmbarrier.arrive.shared::cta.b64 _, [%r3];\n"});
  check({"mbarrier", "sim: cta (0, 0) thread 0 copies on the mbarrier at shared offset 1024 (bars), which was initialised with no fence.mbarrier_init or fence.proxy.async since (ptx line 16, kernel k)", "@%p1 bra I; mbarrier.init.shared::cta.b64 [%r3], 1;\n" + kCopy + "I: bar.sync 0;\n" + kWait, kInit + "\n" + kCopy + "I: bar.sync 0;\n" + kWait});
}

TEST_CASE("bytes_that_an_mbarrier_counts_are_the_bytes_that_come") {
  const std::string good = kInit + kCopy + "I: bar.sync 0;\n" + kWait;
  const auto expecting = [&](const char* bytes) {
    std::string text = good;
    return text.replace(text.find("[%r3], 64;"), 10, std::string("[%r3], ") + bytes + ";");
  };
  check({"deadlock", "sim: cta (0, 0): warp 0, 1 waits (ptx line 16) for phase 0 of the mbarrier at shared offset 1024 (bars), where 16 bytes are missing, last came warp 0 (ptx line 15) (ptx line 16, kernel k)", expecting("80"), good});
  check({"mbarrier", "sim: cta (0, 0) thread 0 brings the mbarrier at shared offset 1024 (bars) 16 bytes more than its phase expects; it can never complete (ptx line 15, kernel k)", expecting("48"), good});
}

TEST_CASE("a_deadlock_tells_of_every_waiter_and_of_what_its_barrier_lacks") {
  const std::string init = "@%p1 bra I; mbarrier.init.shared::cta.b64 [%r3+8], 2;\nI: bar.sync 0;\n";
  const std::string wait = "L: mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r3+8], 0; @!%p2 bra L;\n";
  check({"deadlock", "sim: cta (0, 0): warp 0, 1 waits (ptx line 18) for phase 0 of the mbarrier at shared offset 1032 (bars+8), where 1 of 2 arrivals are missing, last came warp 1 (ptx line 17) (ptx line 18, kernel k)", init + "setp.eq.u32 %p3, %r1, 32; @%p3 mbarrier.arrive.shared::cta.b64 _, [%r3+8];\n" + wait,
         init + "setp.eq.u32 %p3, %r1, 32; @%p3 mbarrier.arrive.shared::cta.b64 _, [%r3+8], 2;\n" + wait});
  check({"deadlock", "sim: cta (0, 0): warp 0 waits (ptx line 18) for phase 0 of the mbarrier at shared offset 1032 (bars+8), where 2 of 2 arrivals are missing, nobody has arrived so far; warp 1 waits at barrier 1, where 1 of 2 have arrived (ptx line 18, kernel k)", init + "setp.gt.u32 %p3, %r1, 31; @%p3 bra B;\n" + wait + "B: bar.sync 1;\n", init + "bar.sync 1;\n"});
}

TEST_CASE("a_parity_that_stands_for_another_phase_by_now_is_named") {
  // Warp 1 arrives for two phases while warp 0 waits for the first.
  const std::string init = "@%p1 bra I; mbarrier.init.shared::cta.b64 [%r3], 1;\nI: bar.sync 0; setp.gt.u32 %p3, %r1, 31; @%p3 bra B;\n";
  const std::string wait = "L: mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r3], 0; @!%p2 bra L;\nbra E;\nB: setp.ne.u32 %p4, %r1, 32; @%p4 bra E;\n";
  check({"mbarrier", "sim: cta (0, 0) thread 0 waits at the mbarrier at shared offset 1024 (bars) for phase 0, which is over, and so is phase 1: the parity stands for phase 2 now (ptx line 17, kernel k)", init + wait + "nanosleep.u32 100; mbarrier.arrive.shared::cta.b64 _, [%r3]; mbarrier.arrive.shared::cta.b64 _, [%r3];\nE:\n", init + wait + "mbarrier.arrive.shared::cta.b64 _, [%r3];\nE:\n"});
}

TEST_CASE("ctas_of_a_cluster_synchronise_before_they_touch_each_other_and_stay_until_they_are_done") {
  const std::string sync = "barrier.cluster.arrive.release.aligned; barrier.cluster.wait.acquire.aligned;\n";
  const std::string write = "mad.lo.u32 %r5, %r1, 4, %r2; st.shared.u32 [%r5], %r1;\n", other = "xor.b32 %r6, %r4, 1; mapa.shared::cluster.u32 %r7, %r5, %r6;\n", read = "ld.shared::cluster.u32 %r8, [%r7];\n";
  check({"shared_race", "sim: cta (1, 0) thread 0 reads 4 bytes at shared offset 0 (buffer) of cta rank 0, which warp 0 of cta rank 0 (ptx line 15) wrote with no synchronisation in between (ptx line 18, kernel k)", write + "barrier.cluster.arrive.relaxed.aligned; barrier.cluster.wait.aligned;\n" + other + read + sync, write + sync + other + read + sync, 32, 2});
  check({"use_after_exit", "sim: cta (1, 0) warp 0 uses the shared memory of cta rank 0, which may have ended by then: nothing orders this before its end (ptx line 19, kernel k)", write + sync + "setp.eq.u32 %p3, %r4, 0; @%p3 bra E;\n" + other + read + "E:\n", write + sync + other + read + sync, 32, 2});
  check({"out_of_bounds", "sim: cta (1, 0) thread 0 asks for cta rank 2 of a cluster of 2 (ptx line 17, kernel k)", write + sync + "mapa.shared::cluster.u32 %r7, %r5, 2;\n", write + sync + "mapa.shared::cluster.u32 %r7, %r5, 1;\n", 32, 2});
  check({"barrier", "sim: cta (0, 0) thread 0 waits at the cluster's barrier without barrier.cluster.arrive (ptx line 15, kernel k)", "barrier.cluster.wait.aligned;\n", sync, 32, 2});
  check({"barrier", "sim: cta (0, 0) thread 0 arrives twice at the cluster's barrier with no barrier.cluster.wait in between (ptx line 16, kernel k)", "barrier.cluster.arrive.aligned;\nbarrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;\n", sync, 32, 2});
  const std::string alone = "@%p1 bra I; mbarrier.init.shared::cta.b64 [%r3], 1;\nI: bar.sync 0; setp.eq.u32 %p3, %r4, 0; @%p3 bra E; ";
  check({"deadlock", "sim: cta (0, 0): warp 0 of cta rank 0 waits for the rest of the cluster at barrier.cluster.wait; warp 0 of cta rank 1 waits (ptx line 16) for phase 0 of the mbarrier at shared offset 1024 (bars) of cta rank 1, where 1 of 1 arrivals are missing, nobody has arrived so far (ptx line 18, kernel k)", alone + kWait + "E:\n" + sync, alone + "\nE:\n" + sync, 32, 2});
}

}  // namespace
}  // namespace bsgen::sim::test
