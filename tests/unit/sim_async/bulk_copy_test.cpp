// Bulk copies of plain ranges and reductions: both directions, both timings.
#include <fmt/format.h>

#include <cstring>

#include "tests/support/catch.h"
#include "tests/unit/sim_async/async_kernels.h"

namespace bsgen::sim::test {
namespace {

std::vector<std::uint32_t> run(const std::string& body, Timing timing, std::vector<std::uint32_t> out = std::vector<std::uint32_t>(64, 0)) {
  auto sim = device("sm_90", timing, 1);
  std::vector<std::uint32_t> in(64);
  for (std::uint32_t i = 0; i < 64; ++i) in[i] = 3 * i + 1;
  const auto a = *sim->allocate(256), b = *sim->allocate(256);
  REQUIRE(sim->copy_in(a.address(), std::as_bytes(std::span(in))).ok());
  REQUIRE(sim->copy_in(b.address(), std::as_bytes(std::span(out))).ok());
  const Launched launched = launch(*sim, async_kernel(body), {.threads = 32}, {a.address(), b.address()});
  INFO(launched.status.message());
  REQUIRE(launched.status.ok());
  CHECK(launched.report.diagnostics.empty());
  REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(out)), b.address()).ok());
  return out;
}

TEST_CASE("a_bulk_copy_goes_there_and_back") {
  for (const Timing timing : {Timing::kEarly, Timing::kLate}) {
    const auto out = run(kThereAndBack, timing);
    for (std::uint32_t i = 0; i < 64; ++i) CHECK(out[i] == (i >= 16 && i < 48 ? 3 * (i - 12) + 1 : 0));
  }
}

TEST_CASE("a_byte_mask_says_which_bytes_of_each_16_a_bulk_store_writes") {
  for (const Timing timing : {Timing::kEarly, Timing::kLate}) {
    auto sim = device("sm_100", timing, 1);
    std::vector<std::uint32_t> in(64), out(64, 0xeeeeeeee);
    for (std::uint32_t i = 0; i < 64; ++i) in[i] = 0x03020100 + 0x04040404 * (i % 4);
    const auto a = *sim->allocate(256), b = *sim->allocate(256);
    REQUIRE(sim->copy_in(a.address(), std::as_bytes(std::span(in))).ok());
    REQUIRE(sim->copy_in(b.address(), std::as_bytes(std::span(out))).ok());
    const std::string store = "@%p1 bra E;\nmov.u16 %rs1, 0x8025;\ncp.async.bulk.global.shared::cta.bulk_group.cp_mask [%rd2], [%r2], 256, %rs1;\ncp.async.bulk.commit_group;\ncp.async.bulk.wait_group 0;\nE:\n";
    const Launched launched = launch(*sim, async_kernel(kBulkLoad + store, 100), {.threads = 32}, {a.address(), b.address()});
    INFO(launched.status.message());
    REQUIRE(launched.status.ok());
    CHECK(launched.report.diagnostics.empty());
    REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(out)), b.address()).ok());
    for (std::uint32_t i = 0; i < 64; i += 4) CHECK(std::vector<std::uint32_t>(out.begin() + i, out.begin() + i + 4) == std::vector<std::uint32_t>{0xee02ee00, 0xeeee05ee, 0xeeeeeeee, 0x0feeeeee});
  }
}

TEST_CASE("a_bulk_copy_from_shared_to_shared_memory_completes_on_an_mbarrier") {
  for (const Timing timing : {Timing::kEarly, Timing::kLate}) {
    const auto out = run(kSharedToShared, timing);
    for (std::uint32_t i = 0; i < 16; ++i) CHECK(out[i] == 3 * (i + 8) + 1);
  }
}

TEST_CASE("bulk_reductions_combine_element_by_element") {
  const auto reduce = [](const std::string& op, std::vector<std::uint32_t> start) {
    const auto early = run(kBulkLoad + "@%p1 bra E;\ncp.reduce.async.bulk.global.shared::cta.bulk_group." + op + " [%rd2], [%r2], 256;\ncp.async.bulk.commit_group;\ncp.async.bulk.wait_group.read 0;\nE:\n", Timing::kEarly, start);
    const auto late = run(kBulkLoad + "@%p1 bra E;\ncp.reduce.async.bulk.global.shared::cta.bulk_group." + op + " [%rd2], [%r2], 256;\ncp.async.bulk.commit_group;\ncp.async.bulk.wait_group.read 0;\nE:\n", Timing::kLate, start);
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
  const auto f32 = run(kBulkLoad + "@%p1 bra E;\ncp.reduce.async.bulk.global.shared::cta.bulk_group.add.f32 [%rd2], [%r2], 256;\ncp.async.bulk.commit_group;\ncp.async.bulk.wait_group 0;\nE:\n", Timing::kLate, start);
  for (std::uint32_t i = 0; i < 64; ++i) CHECK(f32[i] == 0x3f800000);  // 1 plus a subnormal
  const auto bf16 = run(kBulkLoad + "@%p1 bra E;\ncp.reduce.async.bulk.global.shared::cta.bulk_group.add.noftz.bf16 [%rd2], [%r2], 256;\ncp.async.bulk.commit_group;\ncp.async.bulk.wait_group 0;\nE:\n", Timing::kEarly, start);
  for (std::uint32_t i = 0; i < 64; ++i) CHECK(bf16[i] == (0x3f800000u | (3 * i + 1)));  // 0 + x = x in the low half
}

}  // namespace
}  // namespace bsgen::sim::test
