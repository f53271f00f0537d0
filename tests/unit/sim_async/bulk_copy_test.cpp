// Bulk copies of plain ranges and reductions: both directions, both timings.
#include <fmt/format.h>

#include <cstring>

#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

constexpr const char* kStart = "ld.param.u64 %rd1, [in];\nld.param.u64 %rd2, [out];\nmov.u32 %r1, %tid.x;\nmov.u32 %r2, buffer;\nmov.u32 %r3, bar;\n";
constexpr const char* kShared = ".shared .align 128 .b8 buffer[1024];\n.shared .align 8 .b8 bar[8];";

std::vector<std::uint32_t> run(const std::string& body, Timing timing, std::vector<std::uint32_t> out = std::vector<std::uint32_t>(64, 0)) {
  auto sim = device("sm_90", timing, 1);
  std::vector<std::uint32_t> in(64);
  for (std::uint32_t i = 0; i < 64; ++i) in[i] = 3 * i + 1;
  const auto a = *sim->allocate(256), b = *sim->allocate(256);
  REQUIRE(sim->copy_in(a.address(), std::as_bytes(std::span(in))).ok());
  REQUIRE(sim->copy_in(b.address(), std::as_bytes(std::span(out))).ok());
  const Launched launched = launch(*sim, kernel_text(kStart + body, ".param .u64 in, .param .u64 out", 90, kShared), {.threads = 32}, {a.address(), b.address()});
  INFO(launched.status.message());
  REQUIRE(launched.status.ok());
  CHECK(launched.report.diagnostics.empty());
  REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(out)), b.address()).ok());
  return out;
}

const std::string kLoad =
    "setp.ne.u32 %p1, %r1, 0;\n@%p1 bra W;\nmbarrier.init.shared::cta.b64 [%r3], 1;\nfence.mbarrier_init.release.cluster;\n"
    "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r3], 256;\ncp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r2], [%rd1], 256, [%r3];\n"
    "W:\nbar.sync 0;\nL:\nmbarrier.try_wait.parity.shared::cta.b64 %p2, [%r3], 0;\n@!%p2 bra L;\n";

TEST_CASE("a_bulk_copy_goes_there_and_back") {
  for (const Timing timing : {Timing::kEarly, Timing::kLate}) {
    const auto out = run(kLoad + "@%p1 bra E;\ncp.async.bulk.global.shared::cta.bulk_group [%rd2+64], [%r2+16], 128;\ncp.async.bulk.commit_group;\ncp.async.bulk.wait_group 0;\nE:\n", timing);
    for (std::uint32_t i = 0; i < 64; ++i) CHECK(out[i] == (i >= 16 && i < 48 ? 3 * (i - 12) + 1 : 0));
  }
}

TEST_CASE("a_bulk_copy_from_shared_to_shared_memory_completes_on_an_mbarrier") {
  for (const Timing timing : {Timing::kEarly, Timing::kLate}) {
    const auto out = run(kLoad + "@%p1 bra Q;\nmbarrier.arrive.expect_tx.shared::cta.b64 _, [%r3], 64;\n"
                         "cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes [%r2+512], [%r2+32], 64, [%r3];\n"
                         "Q:\nmbarrier.try_wait.parity.shared::cta.b64 %p2, [%r3], 1;\n@!%p2 bra Q;\nsetp.gt.u32 %p3, %r1, 15;\n@%p3 bra E;\n"
                         "mad.lo.u32 %r4, %r1, 4, %r2;\nld.shared.u32 %r5, [%r4+512];\nmul.wide.u32 %rd3, %r1, 4;\nadd.s64 %rd2, %rd2, %rd3;\nst.global.u32 [%rd2], %r5;\nE:\n", timing);
    for (std::uint32_t i = 0; i < 16; ++i) CHECK(out[i] == 3 * (i + 8) + 1);
  }
}

TEST_CASE("bulk_reductions_combine_element_by_element") {
  const auto reduce = [](const std::string& op, std::vector<std::uint32_t> start) {
    const auto early = run(kLoad + "@%p1 bra E;\ncp.reduce.async.bulk.global.shared::cta.bulk_group." + op + " [%rd2], [%r2], 256;\ncp.async.bulk.commit_group;\ncp.async.bulk.wait_group.read 0;\nE:\n", Timing::kEarly, start);
    const auto late = run(kLoad + "@%p1 bra E;\ncp.reduce.async.bulk.global.shared::cta.bulk_group." + op + " [%rd2], [%r2], 256;\ncp.async.bulk.commit_group;\ncp.async.bulk.wait_group.read 0;\nE:\n", Timing::kLate, start);
    CHECK(early == late);
    return early;
  };
  std::vector<std::uint32_t> start(64);
  for (std::uint32_t i = 0; i < 64; ++i) start[i] = i % 2 ? 0xfffffff0u + i : 1000 - 20 * i;
  const auto x = [](std::uint32_t i) { return 3 * i + 1; };
  const auto sum = reduce("add.u32", start), least = reduce("min.s32", start), greatest = reduce("max.u32", start), both = reduce("and.b32", start), either = reduce("xor.b32", start),
             inc = reduce("inc.u32", start), dec = reduce("dec.u32", start);
  for (std::uint32_t i = 0; i < 64; ++i) {
    CHECK(sum[i] == start[i] + x(i));
    CHECK(static_cast<std::int32_t>(least[i]) == std::min(static_cast<std::int32_t>(start[i]), static_cast<std::int32_t>(x(i))));
    CHECK(greatest[i] == std::max(start[i], x(i)));
    CHECK(both[i] == (start[i] & x(i)));
    CHECK(either[i] == (start[i] ^ x(i)));
    CHECK(inc[i] == (start[i] >= x(i) ? 0 : start[i] + 1));
    CHECK(dec[i] == (start[i] == 0 || start[i] > x(i) ? x(i) : start[i] - 1));
  }
}

TEST_CASE("floating_point_bulk_reductions_add") {
  std::vector<std::uint32_t> start(64, 0x3f800000);  // 1.0f; as f16x2 0x3f80 and 0
  const auto f32 = run(kLoad + "@%p1 bra E;\ncp.reduce.async.bulk.global.shared::cta.bulk_group.add.f32 [%rd2], [%r2], 256;\ncp.async.bulk.commit_group;\ncp.async.bulk.wait_group 0;\nE:\n", Timing::kLate, start);
  for (std::uint32_t i = 0; i < 64; ++i) CHECK(f32[i] == 0x3f800000);  // 1 plus a subnormal
  const auto bf16 = run(kLoad + "@%p1 bra E;\ncp.reduce.async.bulk.global.shared::cta.bulk_group.add.noftz.bf16 [%rd2], [%r2], 256;\ncp.async.bulk.commit_group;\ncp.async.bulk.wait_group 0;\nE:\n", Timing::kEarly, start);
  for (std::uint32_t i = 0; i < 64; ++i) CHECK(bf16[i] == (0x3f800000u | (3 * i + 1)));  // 0 + x = x in the low half
}

}  // namespace
}  // namespace bsgen::sim::test
