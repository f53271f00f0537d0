// Clusters: who is who, shared memory of other ctas, remote arrivals, multicast.
#include <fmt/format.h>

#include <cstring>

#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

constexpr const char* kStart = "ld.param.u64 %rd1, [in];\nld.param.u64 %rd2, [out];\nmov.u32 %r1, %tid.x;\nmov.u32 %r2, buffer;\nmov.u32 %r3, bar;\nmov.u32 %r4, %cluster_ctarank;\n";
constexpr const char* kShared = ".shared .align 128 .b8 buffer[1024];\n.shared .align 8 .b8 bar[8];";
constexpr const char* kSync = "barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;\n";

struct Run {
  Launched launched;
  std::vector<std::uint32_t> out;
};
Run run(const std::string& body, const LaunchConfig& config, const Schedule& schedule = {}) {
  auto sim = device("sm_90", Timing::kEarly, 2);
  sim->set_schedule(schedule);
  std::vector<std::uint32_t> in(256), out(1024, 0);
  for (std::uint32_t i = 0; i < 256; ++i) in[i] = 1000 + i;
  const auto a = *sim->allocate(1024), b = *sim->allocate(4096);
  REQUIRE(sim->copy_in(a.address(), std::as_bytes(std::span(in))).ok());
  REQUIRE(sim->copy_in(b.address(), std::as_bytes(std::span(out))).ok());
  Run made;
  made.launched = launch(*sim, kernel_text(kStart + body, ".param .u64 in, .param .u64 out", 90, kShared), config, {a.address(), b.address()});
  REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(out)), b.address()).ok());
  made.out = out;
  return made;
}
const Schedule kSchedules[] = {{Timing::kEarly, 0}, {Timing::kLate, 0}, {Timing::kMixed, 1}, {Timing::kMixed, 2}};

TEST_CASE("a_cta_knows_its_place_in_the_cluster") {
  // out[cta] = rank | size << 4 | cluster id x << 8 | cta in cluster x << 12 | y << 16 | clusters x << 20
  const Run r = run(
      "mov.u32 %r5, %ctaid.x;\nmov.u32 %r6, %ctaid.y;\nmad.lo.u32 %r7, %r6, 4, %r5;\nmul.wide.u32 %rd3, %r7, 4;\nadd.s64 %rd2, %rd2, %rd3;\n"
      "mov.u32 %r10, %cluster_nctarank;\nmad.lo.u32 %r4, %r10, 16, %r4;\nmov.u32 %r10, %clusterid.x;\nmad.lo.u32 %r4, %r10, 256, %r4;\n"
      "mov.u32 %r10, %cluster_ctaid.x;\nmad.lo.u32 %r4, %r10, 4096, %r4;\nmov.u32 %r10, %cluster_ctaid.y;\nmad.lo.u32 %r4, %r10, 65536, %r4;\n"
      "mov.u32 %r10, %nclusterid.x;\nmad.lo.u32 %r4, %r10, 1048576, %r4;\nst.global.u32 [%rd2], %r4;\n",
      {.grid_x = 4, .grid_y = 2, .threads = 32, .cluster_x = 2, .cluster_y = 2});
  INFO(r.launched.status.message());
  REQUIRE(r.launched.status.ok());
  for (std::uint32_t y = 0; y < 2; ++y)
    for (std::uint32_t x = 0; x < 4; ++x) CHECK(r.out[y * 4 + x] == (x % 2 + 2 * y | 4 << 4 | x / 2 << 8 | x % 2 << 12 | y << 16 | 2u << 20));
}

TEST_CASE("shared_memory_of_another_cta_is_read_and_written_through_mapa") {
  for (const Schedule& schedule : kSchedules) {
    // Each cta writes its rank into its neighbour and reads what its own neighbour wrote, generic addresses on the way back.
    const Run r = run(
        std::string("xor.b32 %r5, %r4, 1;\nmad.lo.u32 %r6, %r1, 4, %r2;\nmapa.shared::cluster.u32 %r7, %r6, %r5;\nmad.lo.u32 %r8, %r4, 100, %r1;\n") + kSync +
            "st.shared::cluster.u32 [%r7], %r8;\n" + kSync +
            "ld.shared.u32 %r9, [%r6];\ncvt.u64.u32 %rd5, %r6;\ncvta.shared.u64 %rd6, %rd5;\nmapa.u64 %rd7, %rd6, %r5;\nld.u32 %r10, [%rd7];\ngetctarank.shared::cluster.u32 %r11, %r7;\n" + kSync +
            "mov.u32 %r12, %ctaid.x;\nmad.lo.u32 %r13, %r12, 96, %r1;\nmul.wide.u32 %rd3, %r13, 4;\nadd.s64 %rd2, %rd2, %rd3;\nst.global.u32 [%rd2], %r9;\nst.global.u32 [%rd2+128], %r10;\nst.global.u32 [%rd2+256], %r11;\n",
        {.grid_x = 4, .threads = 32, .cluster_x = 2}, schedule);
    INFO(schedule.text() << " " << r.launched.status.message());
    REQUIRE(r.launched.status.ok());
    CHECK(r.launched.report.diagnostics.empty());
    for (std::uint32_t cta = 0; cta < 4; ++cta)
      for (std::uint32_t t = 0; t < 32; ++t) {
        CHECK(r.out[cta * 96 + t] == (cta % 2 ^ 1) * 100 + t);
        CHECK(r.out[cta * 96 + 32 + t] == cta % 2 * 100 + t);
        CHECK(r.out[cta * 96 + 64 + t] == (cta % 2 ^ 1));
      }
  }
}

TEST_CASE("a_remote_arrival_passes_on_what_was_written_before_it") {
  for (const Schedule& schedule : kSchedules) {
    const Run r = run(
        std::string("setp.ne.u32 %p1, %r1, 0;\n@%p1 bra I;\nmbarrier.init.shared::cta.b64 [%r3], 32;\nfence.mbarrier_init.release.cluster;\nI:\n") +
            "barrier.cluster.arrive.relaxed.aligned;\nbarrier.cluster.wait.acquire.aligned;\nxor.b32 %r5, %r4, 1;\nmad.lo.u32 %r6, %r1, 4, %r2;\nmapa.shared::cluster.u32 %r7, %r6, %r5;\n"
            "mapa.shared::cluster.u32 %r8, %r3, %r5;\nmad.lo.u32 %r9, %r4, 100, %r1;\nst.shared::cluster.u32 [%r7], %r9;\n"
            "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%r8];\nL:\nmbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 %p2, [%r3], 0;\n@!%p2 bra L;\n"
            "ld.shared.u32 %r10, [%r6];\nmad.lo.u32 %r13, %r4, 32, %r1;\nmul.wide.u32 %rd3, %r13, 4;\nadd.s64 %rd2, %rd2, %rd3;\nst.global.u32 [%rd2], %r10;\n" + kSync,
        {.grid_x = 2, .threads = 32, .cluster_x = 2}, schedule);
    INFO(schedule.text() << " " << r.launched.status.message());
    REQUIRE(r.launched.status.ok());
    CHECK(r.launched.report.diagnostics.empty());
    for (std::uint32_t cta = 0; cta < 2; ++cta)
      for (std::uint32_t t = 0; t < 32; ++t) CHECK(r.out[cta * 32 + t] == (cta ^ 1) * 100 + t);
  }
}

TEST_CASE("multicast_brings_one_copy_to_every_cta_of_the_mask") {
  for (const Schedule& schedule : kSchedules) {
    // Rank 1 copies 64 bytes to ranks 0, 1 and 3; rank 2 copies to itself and 3 at another place.
    const Run r = run(
        std::string("setp.ne.u32 %p1, %r1, 0;\n@%p1 bra I;\nmbarrier.init.shared::cta.b64 [%r3], 1;\nfence.mbarrier_init.release.cluster;\n") +
            "mov.u32 %r10, 64;\nsetp.eq.u32 %p2, %r4, 3;\nselp.u32 %r10, 128, 64, %p2;\nmbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%r3], %r10;\nI:\n" + kSync +
            "@%p1 bra W;\nsetp.eq.u32 %p3, %r4, 1;\nmov.u16 %rs1, 11;\n@%p3 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%r2], [%rd1], 64, [%r3], %rs1;\n"
            "setp.eq.u32 %p3, %r4, 2;\nmov.u16 %rs2, 12;\n@%p3 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%r2+64], [%rd1+256], 64, [%r3], %rs2;\n"
            "W:\nmbarrier.try_wait.parity.acquire.cta.shared::cta.b64 %p4, [%r3], 0;\n@!%p4 bra W;\n"
            "setp.eq.u32 %p5, %r4, 2;\nsetp.lt.u32 %p6, %r1, 16;\nmad.lo.u32 %r6, %r1, 4, %r2;\nmov.u32 %r7, 7;\nsetp.eq.u32 %p7, %r4, 3;\n"
            "xor.pred %p8, %p5, %p6;\nor.pred %p8, %p8, %p7;\n@%p8 ld.shared.u32 %r7, [%r6];\nmad.lo.u32 %r13, %r4, 32, %r1;\nmul.wide.u32 %rd3, %r13, 4;\nadd.s64 %rd2, %rd2, %rd3;\nst.global.u32 [%rd2], %r7;\n" + kSync,
        {.grid_x = 4, .threads = 32, .cluster_x = 4}, schedule);
    INFO(schedule.text() << " " << r.launched.status.message());
    REQUIRE(r.launched.status.ok());
    CHECK(r.launched.report.diagnostics.empty());
    for (std::uint32_t rank = 0; rank < 4; ++rank)
      for (std::uint32_t t = 0; t < 32; ++t) {
        const bool first = t < 16 && rank != 2, second = t >= 16 && rank >= 2;
        CHECK(r.out[rank * 32 + t] == (first ? 1000 + t : second ? 1064 + t - 16 : 7));
      }
  }
}

TEST_CASE("st_async_and_red_async_complete_on_the_barrier_of_the_cta_they_write_to") {
  for (const Schedule& schedule : kSchedules) {
    const Run r = run(
        std::string("setp.ne.u32 %p1, %r1, 0;\n@%p1 bra I;\nmbarrier.init.shared::cta.b64 [%r3], 1;\nfence.mbarrier_init.release.cluster;\nmbarrier.arrive.expect_tx.shared::cta.b64 _, [%r3], 256;\nI:\n") +
            "mad.lo.u32 %r6, %r1, 4, %r2;\nst.shared.u32 [%r6+256], 5;\nfence.proxy.async.shared::cta;\n" + kSync +
            "xor.b32 %r5, %r4, 1;\nmapa.shared::cluster.u32 %r7, %r6, %r5;\nmapa.shared::cluster.u32 %r8, %r3, %r5;\n"
            "st.async.shared::cluster.mbarrier::complete_tx::bytes.u32 [%r7], %r1, [%r8];\nred.async.relaxed.cluster.shared::cluster.mbarrier::complete_tx::bytes.add.u32 [%r7+256], %r1, [%r8];\n"
            "W:\nmbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 %p4, [%r3], 0;\n@!%p4 bra W;\nld.shared.u32 %r9, [%r6];\nld.shared.u32 %r10, [%r6+256];\n"
            "mad.lo.u32 %r13, %r4, 64, %r1;\nmul.wide.u32 %rd3, %r13, 4;\nadd.s64 %rd2, %rd2, %rd3;\nst.global.u32 [%rd2], %r9;\nst.global.u32 [%rd2+128], %r10;\n" + kSync,
        {.grid_x = 2, .threads = 32, .cluster_x = 2}, schedule);
    INFO(schedule.text() << " " << r.launched.status.message());
    REQUIRE(r.launched.status.ok());
    for (std::uint32_t i = 0; i < 32; ++i) {
      CHECK(r.out[i] == i);
      CHECK(r.out[32 + i] == 5 + i);
    }
  }
}

TEST_CASE("the_kernels_own_cluster_counts_where_the_launch_names_none") {
  auto sim = device("sm_90", Timing::kEarly, 1);
  const auto out = *sim->allocate(16);
  std::string text = kernel_text("ld.param.u64 %rd2, [out];\nmov.u32 %r1, %ctaid.x;\nmul.wide.u32 %rd3, %r1, 4;\nadd.s64 %rd2, %rd2, %rd3;\nmov.u32 %r2, %cluster_nctarank;\nst.global.u32 [%rd2], %r2;\n");
  text.replace(text.find(")\n{"), 3, ")\n.explicitcluster\n.reqnctapercluster 2, 1, 1\n{");
  REQUIRE(launch(*sim, text, {.grid_x = 4, .threads = 1}, {0, out.address()}).status.ok());
  std::vector<std::uint32_t> got(4);
  REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(got)), out.address()).ok());
  CHECK(got == std::vector<std::uint32_t>{2, 2, 2, 2});
  CHECK(launch(*sim, text, {.grid_x = 4, .threads = 1, .cluster_x = 4}, {0, out.address()}).status.message() == "sim: a cluster of 4 x 1 x 1 ctas, k requires 2 x 1 x 1");
  CHECK(launch(*sim, text, {.grid_x = 3, .threads = 1}, {0, out.address()}).status.message() == "sim: a grid of 3 x 1 x 1 ctas is not a multiple of the cluster of 2 x 1 x 1");
}

}  // namespace
}  // namespace bsgen::sim::test
