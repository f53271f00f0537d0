// What a trace says of a small kernel, against what the kernel does: worked out by hand.
#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

// Body begins at line 14.
const char* const kBody =
    "mov.u32 %r1, %tid.x;\n"            // 14
    "ld.param.u64 %rd1, [in];\n"        // 15
    "mul.wide.u32 %rd3, %r1, 4;\n"      // 16
    "add.s64 %rd4, %rd1, %rd3;\n"       // 17
    "ld.global.f32 %f1, [%rd4+8];\n"    // 18
    "add.rn.f32 %f2, %f1, %f1;\n"       // 19
    "setp.lt.u32 %p1, %r1, 40;\n"       // 20
    "mov.u32 %r2, buffer;\n"            // 21
    "mad.lo.s32 %r3, %r1, 4, %r2;\n"    // 22
    "@%p1 st.shared.f32 [%r3], %f2;\n"  // 23
    "bar.sync 0;\n"                     // 24
    "@!%p1 bra END;\n"                  // 25
    "ld.shared.f32 %f3, [buffer];\n"    // 26
    "END:\n";                           // 27

struct Traced {
  Status status;
  std::vector<TraceStep> steps;
  const TraceStep& at(int line) const {
    for (const TraceStep& step : steps)
      if (step.ptx_line == line) return step;
    FAIL("no step at line " << line);
    return steps.front();
  }
};

Traced trace(const TraceRequest& request, const std::string& body = kBody, std::uint32_t ctas = 1, std::uint32_t threads = 64,
             int workers = 1) {
  auto sim = device("sm_90", Timing::kEarly, workers);
  std::vector<float> in(80);
  for (std::size_t i = 0; i < in.size(); ++i) in[i] = static_cast<float>(i);
  const auto a = *sim->allocate(4 * in.size()), b = *sim->allocate(64);
  REQUIRE(sim->copy_in(a.address(), std::as_bytes(std::span(in))).ok());
  sim->name_memory(a.address(), "x");
  sim->set_trace(request);
  const std::string text = kernel_text(body, ".param .u64 in, .param .u64 out", 90, ".shared .align 16 .b8 buffer[256];");
  const Launched launched = launch(*sim, text, {.grid_x = ctas, .threads = threads}, {a.address(), b.address()});
  return {launched.status, launched.report.trace};
}

TEST_CASE("a_trace_shows_each_instruction_with_registers_addresses_and_waits") {
  const Traced traced = trace({.cta = {0, 0, 0}, .warp = 1});
  REQUIRE(traced.status.ok());
  const int first = traced.steps.front().ptx_line;
  CHECK(traced.steps.front().number == 1);
  CHECK(traced.steps.size() >= 13);

  const TraceStep& tid = traced.at(first);
  CHECK(tid.text == "mov.u32 %r1, %tid.x");
  REQUIRE(tid.changes.size() == 1);
  CHECK(tid.changes[0].name == "%r1");
  CHECK(tid.changes[0].view == ValueView::kUnsigned);
  CHECK(tid.changes[0].after[0] == 32);
  CHECK(tid.changes[0].after[31] == 63);
  CHECK(!tid.changes[0].had_value);

  const TraceStep& load = traced.at(first + 4);
  CHECK(load.text == "ld.global.f32 %f1, [%rd4+8]");
  REQUIRE(load.accesses.size() == 1);
  CHECK(load.accesses[0].verb == "reads");
  CHECK(load.accesses[0].bytes == 4);
  CHECK(load.accesses[0].objects == std::vector<std::string>{"x"});
  CHECK(load.accesses[0].offset[0] == 32 * 4 + 8);
  CHECK(load.changes[0].view == ValueView::kFloat32);
  CHECK(load.changes[0].after[1] == __builtin_bit_cast(std::uint32_t, 35.0f));

  const TraceStep& compare = traced.at(first + 6);
  CHECK(compare.changes[0].view == ValueView::kPredicate);
  CHECK(compare.changes[0].after[7] == 1);
  CHECK(compare.changes[0].after[8] == 0);

  const TraceStep& store = traced.at(first + 9);
  CHECK(store.text == "@%p1 st.shared.f32 [%r3], %f2");
  CHECK(store.active == 0xffffffff);
  CHECK(store.mask == 0xff);
  CHECK(store.changes.empty());
  CHECK(store.accesses[0].verb == "writes");
  CHECK(store.accesses[0].objects == std::vector<std::string>{"buffer"});
  CHECK(store.accesses[0].offset[0] == 128);

  // The other warp waits there already, so this one passes.
  CHECK(traced.at(first + 10).events == std::vector<std::string>{"passes"});
  CHECK(traced.at(first + 11).events ==
        std::vector<std::string>{"24 of 32 lanes jump to line " + std::to_string(traced.steps.back().ptx_line)});
  CHECK(traced.at(first + 12).mask == 0xff);
  CHECK(traced.at(first + 12).accesses.empty());  // a symbol needs no explanation
  CHECK(traced.steps.back().events == std::vector<std::string>{"the warp ends"});
}

TEST_CASE("a_warp_that_waits_says_for_how_many") {
  const Traced traced = trace({.cta = {0, 0, 0}, .warp = 0});
  CHECK(traced.at(traced.steps.front().ptx_line + 10).events == std::vector<std::string>{"waits at barrier 0: 1 of 2 warps have come"});
}

TEST_CASE("a_trace_begins_at_its_line_and_has_at_most_its_steps") {
  const int first = trace({.warp = 0}).steps.front().ptx_line;
  const Traced traced = trace({.warp = 1, .from_line = first + 4, .max_steps = 3});
  REQUIRE(traced.steps.size() == 3);
  CHECK(traced.steps[0].ptx_line == first + 4);
  CHECK(traced.steps[0].number == 5);
  CHECK(traced.steps[2].ptx_line == first + 6);
  CHECK(trace({.warp = 1, .from_line = 100000}).steps.empty());
  CHECK(trace({.warp = 2}).steps.empty());
  CHECK(trace({.cta = {1, 0, 0}, .warp = 0}).steps.empty());
}

TEST_CASE("a_trace_does_not_depend_on_threads_and_changes_no_result") {
  const auto texts = [](const Traced& traced) {
    std::string all;
    for (const TraceStep& step : traced.steps) all += step.text + "\n";
    return all;
  };
  const Traced one = trace({.cta = {3, 0, 0}, .warp = 1}, kBody, 8, 64, 1), two = trace({.cta = {3, 0, 0}, .warp = 1}, kBody, 8, 64, 2);
  CHECK(one.status.ok());
  CHECK(texts(one) == texts(two));
  CHECK(!one.steps.empty());
}

TEST_CASE("until_finding_ends_with_the_instruction_that_has_it") {
  std::string body = kBody;
  body.replace(body.find("[%rd4+8]"), 8, "[%rd4+72]");  // the last two lanes of warp 1 read past the end
  const Traced traced = trace({.warp = 1, .max_steps = 3, .until_finding = true}, body);
  CHECK(traced.status.code() == ErrorCode::kCheckFailed);
  REQUIRE(traced.steps.size() == 3);
  CHECK(traced.steps[2].text == "ld.global.f32 %f1, [%rd4+72]");
  REQUIRE(traced.steps[2].findings.size() == 1);
  CHECK(traced.steps[2].findings[0].find("thread 62 reads 4 bytes at byte 320 of x, which ends at 320") != std::string::npos);
  // The warp without a finding shows its end.
  const Traced other = trace({.warp = 0, .max_steps = 3, .until_finding = true}, body);
  REQUIRE(other.steps.size() == 3);
  CHECK(other.steps[2].events == std::vector<std::string>{"the warp ends"});
  CHECK(other.steps[2].findings.empty());
}

TEST_CASE("a_finding_says_whose_it_is") {
  auto sim = device("sm_90", Timing::kEarly, 1);
  const auto a = *sim->allocate(64);
  const Launched launched =
      launch(*sim,
             kernel_text("mov.u32 %r1, %ctaid.x; mov.u32 %r2, %tid.x; setp.eq.u32 %p1, %r1, 2; setp.gt.and.u32 %p1, %r2, 40, %p1;\n"
                         "ld.param.u64 %rd1, [in]; @%p1 ld.global.u32 %r3, [%rd1+64];\n"),
             {.grid_x = 4, .threads = 64}, {a.address(), a.address()});
  REQUIRE(launched.report.diagnostics.size() == 1);
  CHECK(launched.report.diagnostics[0].cta == std::array<std::uint32_t, 3>{2, 0, 0});
  CHECK(launched.report.diagnostics[0].warp == 1);
}

}  // namespace
}  // namespace bsgen::sim::test
