// The exact text of what is found about wgmma, each with a twin that is right.
#include <fmt/format.h>

#include "tests/support/catch.h"
#include "tests/unit/sim/wgmma_kernel.h"

namespace bsgen::sim::test {
namespace {

const std::string kCommit = "wgmma.commit_group.sync.aligned;\n", kWait = "wgmma.wait_group.sync.aligned 0;\n",
                  kFence = "wgmma.fence.sync.aligned;\n";

WgmmaCase small() {
  WgmmaCase what;
  what.n = 8;
  what.a.rows = 64, what.b.rows = 8;
  what.a.depth = what.b.depth = 16;
  what.num_steps = 1;
  return what;
}

WgmmaRun run(const WgmmaCase& what) {
  const std::vector<std::uint32_t> a(static_cast<std::size_t>(64 * what.a.depth), 0x3f80), b(static_cast<std::size_t>(what.n * what.b.depth), 0x3f80);
  return run_wgmma(what, a, b, std::vector<std::uint32_t>(static_cast<std::size_t>(what.num_threads * d_registers(what))));
}

void is_right(const WgmmaCase& what) {
  for (Timing timing : {Timing::kEarly, Timing::kLate}) {
    WgmmaCase timed = what;
    timed.timing = timing;
    const WgmmaRun good = run(timed);
    INFO("good: " << good.launched.status.message());
    CHECK(good.launched.status.ok());
    CHECK(good.launched.report.diagnostics.empty());
  }
}
// Which warp of the four comes first is the schedule's business.
std::string any_warp(const std::string& message) {
  const std::size_t at = message.find("warp ") + 5;
  return fmt::format("{}*{}", message.substr(0, at), message.substr(message.find(' ', at)));
}
// `text` without "sim: cta (0, 0) " before and the place behind; `part` is in the line that the finding names.
void is_found(const WgmmaCase& what, const std::string& kind, const std::string& text, const std::string& part, int which = 0) {
  for (Timing timing : {Timing::kEarly, Timing::kLate}) {
    WgmmaCase timed = what;
    timed.timing = timing;
    const WgmmaRun bad = run(timed);
    INFO("bad: " << bad.launched.status.message());
    CHECK(bad.launched.status.code() == ErrorCode::kCheckFailed);
    REQUIRE(bad.launched.find(kind) != nullptr);
    CHECK(any_warp(bad.launched.find(kind)->message) ==
          fmt::format("sim: cta (0, 0) {} (ptx line {}, kernel k)", text, line_of(wgmma_text(what), part, which)));
  }
}

TEST_CASE("a_wgmma_that_does_not_add_needs_no_sums_before") {
  WgmmaCase what;
  what.from = "ld.global.f32 %f0, [%rd3+0];\n";
  is_right(what);
  what.accumulate = true;  // the last warp to come to the barrier goes on first
  for (Timing timing : {Timing::kEarly, Timing::kLate}) {
    what.timing = timing;
    const WgmmaRun bad = run(what);
    REQUIRE(bad.launched.find("uninitialized") != nullptr);
    CHECK(bad.launched.find("uninitialized")->message ==
          fmt::format("sim: cta (0, 0) thread 96 reads register %f0, which it has not written (ptx line {}, kernel k)", line_of(wgmma_text(what), "wgmma.mma_async")));
  }
}

TEST_CASE("registers_belong_to_a_wgmma_until_it_has_been_waited_for") {
  WgmmaCase what = small();
  const std::string touch = "add.f32 %f3, %f3, %f3;\n";
  what.after_multiply = kCommit + touch + kWait;
  const int line = line_of(wgmma_text(what), "wgmma.mma_async");
  const auto still = [&](const std::string& reg, int of) {
    return fmt::format("warp * accesses register {}, which the wgmma of ptx line {} still has; it needs a wgmma.wait_group before", reg, of);
  };
  is_found(what, "wgmma", still("%f3", line), touch);
  what.after_multiply = kCommit + kWait + touch;
  is_right(what);
  what.after_multiply = kCommit + "wgmma.wait_group.sync.aligned 1;\n" + touch + kWait;  // one group too few
  is_found(what, "wgmma", still("%f3", line), touch);
  what.after_multiply = kCommit + kCommit + "wgmma.wait_group.sync.aligned 1;\n" + touch + kWait;  // the second group is empty
  is_right(what);

  WgmmaCase registers = small();
  registers.a_from_registers = true;
  registers.after_multiply = kCommit + "mov.b32 %a2, 0;\n" + kWait;
  is_found(registers, "wgmma", still("%a2", line_of(wgmma_text(registers), "wgmma.mma_async")), "mov.b32 %a2, 0;");
  registers.after_multiply = kCommit + kWait + "mov.b32 %a2, 0;\n";
  is_right(registers);

  // Another shape may not take the accumulator over in flight; the same one may.
  const auto again = [&](const std::string& shape, const std::string& d) {
    return fmt::format("wgmma.mma_async.sync.aligned.{}.f32.bf16.bf16 {}, %rd10, %rd11, 1, 1, 1, 0, 0;\n", shape, d);
  };
  WgmmaCase shapes = small();
  shapes.n = 16, shapes.b.rows = 16;
  shapes.after_multiply = again("m64n8k16", "{%f0, %f1, %f2, %f3}") + kCommit + kWait;
  is_found(shapes, "wgmma",
           fmt::format("warp * uses register %f0, which the wgmma of ptx line {} still has; it needs a wgmma.wait_group before",
                       line_of(wgmma_text(shapes), "wgmma.mma_async")),
           "wgmma.mma_async", 1);
  shapes.after_multiply = again("m64n16k16", "{%f0, %f1, %f2, %f3, %f4, %f5, %f6, %f7}") + kCommit + kWait;
  is_right(shapes);
}

TEST_CASE("a_wgmma_needs_a_fence_after_its_registers_were_accessed") {
  WgmmaCase what = small();
  what.before_multiply = "";
  is_found(what, "wgmma", "warp * takes register %f0 with no wgmma.fence since it was accessed", "wgmma.mma_async");
  what = small();
  what.before_multiply = kFence + "mov.f32 %f2, 0f00000000;\n";
  is_found(what, "wgmma", "warp * takes register %f2 with no wgmma.fence since it was accessed", "wgmma.mma_async");
  what.before_multiply = "mov.f32 %f2, 0f00000000;\n" + kFence;
  is_right(what);
  what.a_from_registers = true;
  what.before_multiply = kFence + "mov.b32 %a3, 0;\n";
  is_found(what, "wgmma", "warp * takes register %a3 with no wgmma.fence since it was accessed", "wgmma.mma_async");
  // Waiting is no access: a second product on the same accumulator needs no second fence.
  what = small();
  what.after_multiply =
      kCommit + kWait + "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%f0, %f1, %f2, %f3}, %rd10, %rd11, 1, 1, 1, 0, 0;\n" + kCommit + kWait;
  is_right(what);
  // On a path that nothing takes the fence may be missing.
  what = small();
  what.before_multiply = "setp.gt.u32 %p3, %r1, 1000;\n@%p3 bra SKIP;\n" + kFence + "SKIP:\n";
  is_right(what);
}

TEST_CASE("descriptors_are_checked_before_anything_is_read") {
  const WgmmaCase what = small();
  const std::uint64_t a = what.a.descriptor(1024, 0), b = what.b.descriptor(1024 + what.a.bytes(), 0);
  const auto with = [&](std::uint64_t edited) {
    WgmmaCase changed = what;
    changed.from = fmt::format("mov.b64 %rd10, {};", a), changed.to = fmt::format("mov.b64 %rd10, {};", edited);
    return changed;
  };
  is_found(
      with(a + 8), "descriptor",
      fmt::format(
          "warp * has descriptor a = {:#018x} starts at shared address 1152: with swizzle 128B a tile begins at a multiple of 1024, its row 1 apart",
          a + 8),
      "wgmma.mma_async");
  is_found(with(a | std::uint64_t{1} << 46), "descriptor",
           fmt::format("warp * has descriptor a = {:#018x} sets bits 0x400000000000, which belong to no field", a | std::uint64_t{1} << 46),
           "wgmma.mma_async");
  is_found(with(a | std::uint64_t{3} << 49), "descriptor",
           fmt::format("warp * has descriptor a = {:#018x} has base offset 3; only tiles that begin where their swizzle pattern does are modelled",
                       a | std::uint64_t{3} << 49),
           "wgmma.mma_async");
  is_right(with(a));
  WgmmaCase other = what;  // warps 2 and 3 multiply something else
  other.from = fmt::format("mov.b64 %rd11, {};", b),
  other.to = fmt::format("setp.ge.u32 %p4, %r1, 64;\nselp.b64 %rd11, {}, {}, %p4;", b - 1024 / 16, b);
  const WgmmaRun mixed = run(other);
  REQUIRE(mixed.launched.find("wgmma") != nullptr);
  const std::string message = any_warp(mixed.launched.find("wgmma")->message),
                    place = fmt::format(" (ptx line {}, kernel k)", line_of(wgmma_text(other), "wgmma.mma_async"));
  const auto said = [&](std::uint64_t one, std::uint64_t two) {
    return fmt::format("sim: cta (0, 0) warp * has descriptor b {:#018x}, another warp {:#018x}; the warps of warpgroup 0 must execute the same", one,
                       two) +
           place;
  };
  CHECK((message == said(b, b - 64) || message == said(b - 64, b)));
  WgmmaCase lanes = what;
  lanes.from = "setp.ne.b32 %p2, 0, 0;", lanes.to = "setp.ne.b32 %p2, %r1, 0;";
  is_found(lanes, "wgmma", "warp * has a different scale-d in some lanes", "wgmma.mma_async");
}

TEST_CASE("all_four_warps_of_a_warpgroup_execute_a_wgmma") {
  WgmmaCase what = small();
  what.num_threads = 160;
  what.from = "mov.u32 %r4, %r3;", what.to = "setp.lt.u32 %p5, %r1, 128;\n@%p5 bra GO;\nbar.sync 0;\nret;\nGO:\nmov.u32 %r4, %r3;";
  is_right(what);
  WgmmaCase few = small();
  few.num_threads = 128;
  few.before_multiply = "setp.ge.u32 %p5, %r1, 96;\n@%p5 bra END;\n" + kFence;
  few.from = "ret;\n}", few.to = "END:\nret;\n}";
  const WgmmaRun run_of_few = run(few);
  CHECK(run_of_few.launched.status.code() == ErrorCode::kCheckFailed);
  REQUIRE(run_of_few.launched.find("wgmma") != nullptr);
}

}  // namespace
}  // namespace bsgen::sim::test
