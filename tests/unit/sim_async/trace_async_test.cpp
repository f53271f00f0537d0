// What a trace says of work beside the warp: mbarriers, copies, wgmma and its accumulators.
#include <algorithm>

#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

constexpr const char* kStart = "ld.param.u64 %rd1, [in];\nld.param.u64 %rd2, [out];\nmov.u32 %r1, %tid.x;\nmov.u32 %r2, tile;\nmov.u32 %r3, full;\nsetp.ne.u32 %p1, %r1, 0;\n";
constexpr const char* kShared = ".shared .align 1024 .b8 tile[16384];\n.shared .align 8 .b8 full[16];";

std::vector<TraceStep> trace(const std::string& body, Timing timing, int threads, int warp = 0) {
  auto sim = device("sm_90", timing, 1);
  std::vector<std::uint32_t> in(4096, 0x3f803f80);  // ones
  const auto a = *sim->allocate(16384), b = *sim->allocate(16384);
  REQUIRE(sim->copy_in(a.address(), std::as_bytes(std::span(in))).ok());
  TraceRequest request;
  request.warp = warp;
  sim->set_trace(request);
  std::string text = kernel_text(kStart + body, ".param .u64 in, .param .u64 out", 90, kShared);
  text.replace(text.find("sm_90"), 5, "sm_90a");
  const Launched launched = launch(*sim, text, {.threads = static_cast<std::uint32_t>(threads)}, {a.address(), b.address()});
  INFO(launched.status.message());
  REQUIRE(launched.status.ok());
  return launched.report.trace;
}
const TraceStep& step(const std::vector<TraceStep>& steps, const std::string& text, int which = 0) {
  for (const TraceStep& each : steps)
    if (each.text.find(text) != std::string::npos && which-- == 0) return each;
  FAIL("no step " << text);
  return steps.front();
}
using Events = std::vector<std::string>;

const std::string kCopy =
    "@!%p1 mbarrier.init.shared::cta.b64 [%r3+8], 1;\nfence.mbarrier_init.release.cluster;\n@!%p1 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r3+8], 256;\n"
    "@!%p1 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r2+512], [%rd1], 256, [%r3+8];\nbar.sync 0;\nL:\nmbarrier.try_wait.parity.shared::cta.b64 %p2, [%r3+8], 0;\n@!%p2 bra L;\n";

TEST_CASE("a_trace_shows_the_phases_of_mbarriers_and_the_copies_that_complete_them") {
  const std::vector<TraceStep> late = trace(kCopy, Timing::kLate, 32);
  const std::string name = "the mbarrier at shared offset 16392 (full+8)";
  CHECK(step(late, "mbarrier.init").events == Events{name + " is new, for 1 arrivals"});
  CHECK(step(late, "expect_tx").events == Events{"phase 0 of " + name + ": 0 of 1 arrivals and 256 bytes to come"});
  CHECK(step(late, "cp.async.bulk").events == Events{"copies to mbarriers under way: 0 before, 1 now"});
  CHECK(step(late, "try_wait").events == Events{"waits for phase 0 of " + name + ": 0 of 1 arrivals and 256 bytes to come"});
  const TraceStep& again = step(late, "try_wait", 1);
  CHECK(again.events.back() == "passes " + name + ", which is in phase 1");
  Events all;
  for (const TraceStep& each : late) all.insert(all.end(), each.events.begin(), each.events.end());
  CHECK(std::count(all.begin(), all.end(), "meanwhile phase 0 of " + name + " is complete") == 1);
  CHECK(std::count(all.begin(), all.end(), "meanwhile copies to mbarriers under way: 1 before, 0 now") == 1);

  const std::vector<TraceStep> early = trace(kCopy, Timing::kEarly, 32);
  CHECK(step(early, "cp.async.bulk").events == Events{"phase 0 of " + name + " is complete"});
  CHECK(step(early, "try_wait").events == Events{"passes " + name + ", which is in phase 1"});
}

TEST_CASE("a_trace_names_the_symbols_that_shared_addresses_lie_in") {
  const std::vector<TraceStep> steps = trace(kCopy, Timing::kEarly, 32);
  const TraceStep& copy = step(steps, "cp.async.bulk");
  REQUIRE(copy.accesses.size() == 3);
  CHECK(copy.accesses[0].objects == std::vector<std::string>{"tile"});
  CHECK(copy.accesses[0].offset[0] == 512);
  CHECK(copy.accesses[2].objects == std::vector<std::string>{"full"});
  CHECK(copy.accesses[2].offset[0] == 8);
}

// One wgmma of ones: 64 x 8 x 16, all sums 16.
TEST_CASE("a_trace_shows_wgmma_under_way_and_the_accumulators_when_they_are_there") {
  std::string body = "mad.lo.u32 %r5, %r1, 16, %r2;\nmov.u32 %r6, 0x3f803f80;\nmov.u32 %r7, 0;\n";
  for (int i = 0; i < 8; ++i) body += "st.shared.v4.u32 [%r5+" + std::to_string(2048 * i) + "], {%r6, %r6, %r6, %r6};\n";
  body += "mov.f32 %f1, 0f00000000;\nmov.f32 %f2, %f1;\nmov.f32 %f3, %f1;\nmov.f32 %f4, %f1;\nfence.proxy.async.shared::cta;\nbar.sync 0;\n"
          "shr.u32 %r8, %r2, 4;\ncvt.u64.u32 %rd5, %r8;\nmov.b64 %rd6, 0x4000004000010000;\nor.b64 %rd5, %rd5, %rd6;\nwgmma.fence.sync.aligned;\n"
          "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%f1, %f2, %f3, %f4}, %rd5, %rd5, 1, 1, 1, 0, 0;\nwgmma.commit_group.sync.aligned;\nwgmma.wait_group.sync.aligned 0;\n";
  for (const Timing timing : {Timing::kEarly, Timing::kLate}) {
    const std::vector<TraceStep> steps = trace(body, timing, 128, 3);
    const TraceStep& issue = step(steps, "wgmma.mma_async");
    const bool late = timing == Timing::kLate;
    CHECK(issue.events == (late ? Events{"wgmma under way: 0 before, 1 now"} : Events{}));
    REQUIRE(issue.changes.size() == 4);
    CHECK(issue.changes[0].after[0] == (late ? 0 : 0x41800000));
    CHECK(step(steps, "wgmma.commit_group").events == Events{"closes group 0, which has 1"});
    // The last warp to come to the barrier goes on at once, so at the wait it is the first of its warpgroup.
    CHECK(step(steps, "wgmma.wait_group").events == Events{"waits for the rest of its warpgroup"});
    const TraceStep& wait = step(steps, "wgmma.wait_group", 1);
    CHECK(wait.events == (late ? Events{"meanwhile wgmma under way: 1 before, 0 now"} : Events{}));
    REQUIRE(wait.changes.size() == (late ? 4 : 0));
    if (late) {
      CHECK(wait.changes[3].name == "%f4");
      CHECK(wait.changes[3].before[31] == 0);
      CHECK(wait.changes[3].after[31] == 0x41800000);
    }
  }
}

}  // namespace
}  // namespace bsgen::sim::test
