// Clusters: who is who, shared memory of other ctas, remote arrivals, multicast.
#include <fmt/format.h>

#include <cstring>

#include "tests/support/catch.h"
#include "tests/unit/sim_async/async_kernels.h"

namespace bsgen::sim::test {
namespace {

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
  made.launched = launch(*sim, async_kernel(body), config, {a.address(), b.address()});
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
    const Run r = run(
        kExchange,
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
        kRemoteArrival,
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
    const Run r = run(
        kMulticast,
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
        kAsyncStore,
        {.grid_x = 2, .threads = 32, .cluster_x = 2}, schedule);
    INFO(schedule.text() << " " << r.launched.status.message());
    REQUIRE(r.launched.status.ok());
    for (std::uint32_t i = 0; i < 32; ++i) {
      for (std::uint32_t rank = 0; rank < 2; ++rank) {
        CHECK(r.out[rank * 64 + i] == (rank ^ 1) * 100 + i);
        CHECK(r.out[rank * 64 + 32 + i] == 5 + i);
      }
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
