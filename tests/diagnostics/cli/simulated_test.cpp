// What `bsgen run` says of the simulated device's findings: a kernel of our own in PTX that is right, and broken ones, with exact texts.
// --ptx on sim needs no NVRTC.
#include <nlohmann/json.hpp>

#include "tests/support/catch.h"
#include "tests/support/run_tool.h"

namespace bsgen::test {
namespace {

const char* const kMask = "full:1x1 --block 32 --dtype fp32 --arch sm_80 ";

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const std::size_t at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), by);
}

// tests/data/ptx/rows.ptx for the entry that the planner asks for.
std::string right_kernel() {
  static const std::string text = [] {
    const auto report = nlohmann::json::parse(run_tool(std::string("explain ") + kMask + "--json").out);
    return replaced(read_file(BSGEN_ROWS_PTX), "ENTRY(", report["entry"].get<std::string>() + "(");
  }();
  return text;
}

// `bsgen run` with this PTX.
ToolResult run(const std::string& ptx, const std::string& more = "") {
  const TemporaryFolder folder;
  const std::string path = (folder / "k.ptx").string();
  std::ofstream(path, std::ios::binary) << ptx;
  return run_tool(std::string("run ") + kMask + "--tokens 4 --device sim --ptx " + path + " " + more);
}

// What stands in the output from `first` to the line with `last`, without the entry's name and without counts: who counts a broadcast
// how often is not this test's business.
std::string part(const ToolResult& result, const std::string& first, const std::string& last) {
  const std::size_t begin = result.out.find(first), until = result.out.find(last, begin);
  INFO(result.out << result.err);
  REQUIRE(begin != std::string::npos);
  REQUIRE(until != std::string::npos);
  std::string text = result.out.substr(begin, result.out.find('\n', until) + 1 - begin);
  for (std::size_t at; (at = text.find("bsgen_fprop_fp32_")) != std::string::npos;) text.replace(at, 23, "ENTRY");
  for (std::size_t end = 0; (end = text.find(" times)", end)) != std::string::npos;) {
    const std::size_t count = text.rfind(" (", end);
    text.erase(count, end + 7 - count);
    end = count;
  }
  return text;
}

TEST_CASE("the_kernel_that_is_broken_below_is_right") {
  const ToolResult result = run(right_kernel(), "--schedule early,late,seed:1,seed:2 --strict");
  INFO(result.out << result.err);
  CHECK(result.status == 0);
  CHECK(result.out.find("schedules early, late, seed:1, seed:2") != std::string::npos);
}

TEST_CASE("a_finding_quotes_its_line_and_says_how_to_see_it") {
  const ToolResult result = run(replaced(right_kernel(), "bar.sync 0;", "bar.warp.sync -1;"));
  CHECK(result.status == 1);
  CHECK(part(result, "error: sim: cta (0, 0) thread 64 reads", "to see it") ==
        "error: sim: cta (0, 0) thread 64 reads 4 bytes at shared offset 128 (rows+128), which warp 1 wrote with no barrier in between (ptx line 38, kernel ENTRY)\n"
        "     38 | ld.shared.f32 %f1, [%r7];  ptx\n"
        "  to see it, add --trace cta=0,warp=2,until=finding\n");
}

// Begins at the second row of w, so it reads one past the last.
std::string past_w() { return replaced(right_kernel(), "mov.u32 %r8, 0;", "mov.u32 %r8, 0; add.s64 %rd9, %rd9, 128;"); }

TEST_CASE("a_finding_in_an_operand_names_the_operand") {
  const ToolResult result = run(past_w());
  CHECK(result.status == 1);
  CHECK(part(result, "error:", "to see it") ==
        "error: sim: cta (0, 0) thread 96 reads 4 bytes at byte 4096 of w, which ends at 4096 (ptx line 39, kernel ENTRY)\n"
        "     39 | ld.global.f32 %f3, [%rd9];  ptx\n"
        "  to see it, add --trace cta=0,warp=3,until=finding\n");
}

TEST_CASE("the_trace_that_a_finding_names_shows_it") {
  const ToolResult result = run(past_w(), "--trace cta=0,warp=0,until=finding,steps=4");
  CHECK(result.status == 1);
  CHECK(part(result, "trace of", "finding:") ==
        "trace of cta (0, 0, 0) warp 0: 4 instructions\n"
        "    272     44  setp.lt.u32 %p1, %r8, 32\n"
        "          %p1 = true, as before\n"
        "    273     45  @%p1 bra LOOP\n"
        "          jumps to line 38\n"
        "    274     38  ld.shared.f32 %f1, [%r7]\n"
        "          reads 4 bytes of rows byte 508\n"
        "          %f1 = 1.29583454   (was -0.0407214239)\n"
        "    275     39  ld.global.f32 %f3, [%rd9]\n"
        "          reads 4 bytes of w byte 4096, 4100, .. 4220\n"
        "          %f3 = 0   (was 0:0.355167806 1:1.3984884 2:-0.180303022 3:2.63829589 .. 31:-0.150327265)\n"
        "          finding: out_of_bounds here too; first sim: cta (0, 0) thread 96 reads 4 bytes at byte 4096 of w, which ends at 4096 (ptx line 39, kernel ENTRY)\n");
}

TEST_CASE("a_trace_shows_lanes_registers_addresses_and_barriers") {
  const ToolResult result = run(right_kernel(), "--trace warp=1,from=21,steps=10");
  CHECK(result.status == 0);
  CHECK(part(result, "trace of", "waits at") ==
        "trace of cta (0, 0, 0) warp 1: 10 instructions\n"
        "      9     21  cvt.u64.u32 %rd6, %r3\n"
        "          %rd6 = 1\n"
        "     10     22  cvt.u64.u32 %rd7, %r2\n"
        "          %rd7 = 0, 1, .. 31\n"
        "     11     23  mad.lo.s64 %rd8, %rd6, %rd2, %rd7\n"
        "          %rd8 = 32, 33, .. 63\n"
        "     12     24  shl.b64 %rd8, %rd8, 2\n"
        "          %rd8 = 128, 132, .. 252   (was 32, 33, .. 63)\n"
        "     13     25  add.s64 %rd8, %rd1, %rd8\n"
        "          %rd8 = 0x1000000000080, 0x1000000000084, .. 0x10000000000fc   (was 128, 132, .. 252)\n"
        "     14     26  ld.global.f32 %f1, [%rd8]\n"
        "          reads 4 bytes of x byte 128, 132, .. 252\n"
        "          %f1 = 0:0.292338341 1:1.18764901 2:-0.780117035 3:2.0828476 .. 31:-2.27027082\n"
        "     15     27  mov.u32 %r4, rows\n"
        "          %r4 = 1024\n"
        "     16     28  mad.lo.s32 %r5, %r1, 4, %r4\n"
        "          %r5 = 1152, 1156, .. 1276\n"
        "     17     29  st.shared.f32 [%r5], %f1\n"
        "          writes 4 bytes of rows byte 128, 132, .. 252\n"
        "     18     30  bar.sync 0\n"
        "          waits at barrier 0: 2 of 4 warps have come\n");
  const ToolResult lane = run(right_kernel(), "--trace warp=3,from=29,steps=3,lane=5");
  CHECK(part(lane, "trace of", "%r6 =") ==
        "trace of cta (0, 0, 0) warp 3 lane 5: 3 instructions\n"
        "     17     29  st.shared.f32 [%r5], %f1\n"
        "          writes 4 bytes of rows byte 404\n"
        "     18     30  bar.sync 0\n"
        "          passes\n"
        "     19     31  sub.s32 %r6, 3, %r3\n"
        "          %r6 = 0\n");
  CHECK(part(run(right_kernel(), "--trace warp=4"), "trace of", "no such warp") ==
        "trace of cta (0, 0, 0) warp 4: 0 instructions\n  the launch has no such warp\n");
}

TEST_CASE("outputs_that_differ_between_schedules_name_the_first_element") {
  // Nobody waits for the copy: where it lands at once the numbers are right.
  std::string text = replaced(right_kernel(), "ld.global.f32 %f1, [%rd8];", "cp.async.ca.shared.global [%r5], [%rd8], 4; cp.async.commit_group; ld.shared.f32 %f1, [%r5];");
  text = replaced(text, "mov.u32 %r4, rows;\nmad.lo.s32 %r5, %r1, 4, %r4;\n", "");
  text = replaced(text, "shr.u32 %r3, %r1, 5;", "shr.u32 %r3, %r1, 5; mov.u32 %r4, rows; mad.lo.s32 %r5, %r1, 4, %r4;");
  const ToolResult result = run(text);
  CHECK(result.status == 1);
  CHECK(part(result, "  failed     the outputs", "missing") ==
        "  failed     the outputs of schedules early and late differ, first at (0, 0): -4.16980505 (0xc0856f0b) and nan (0x7fffffff); a wait, a barrier or a "
        "fence is missing\n");
  // What only the second schedule finds is shown under that one; alone, it needs no word.
  CHECK(result.out.find("  to see it, add --schedule late --trace cta=0,warp=0,until=finding\n") != std::string::npos);
  const ToolResult late = run(text, "--schedule late");
  CHECK(late.status == 1);
  CHECK(late.out.find("to see it, add --trace") != std::string::npos);
  CHECK(late.out.find("--schedule") == std::string::npos);
}

TEST_CASE("a_run_without_tokens_launches_nothing_and_predicts_nothing") {
  const TemporaryFolder folder;
  const std::string path = (folder / "k.ptx").string();
  std::ofstream(path, std::ios::binary) << right_kernel();
  const ToolResult result = run_tool(std::string("run ") + kMask + "--tokens 0 --device sim --profile --trace warp=0 --ptx " + path);
  INFO(result.out << result.err);
  CHECK(result.status == 0);
  CHECK(result.out.find("  time       predicted on A100: nothing to do\n") != std::string::npos);
  CHECK(result.out.find("the launch has no such warp") != std::string::npos);
  CHECK(result.out.find("occupancy") == std::string::npos);
}

TEST_CASE("a_word_that_is_no_instruction_is_refused_with_its_line") {
  const ToolResult result = run(replaced(right_kernel(), "fma.rn.f32", "fmma.rn.f32"));
  CHECK(result.status == 2);
  CHECK(result.out.empty());
  CHECK(result.err == "bsgen: sim: ptx line 40: fmma.rn.f32: unknown opcode\n     40 | fmma.rn.f32 %f2, %f1, %f3, %f2;  ptx\n");
}

TEST_CASE("a_deadlock_says_who_waits_and_its_trace_ends_there") {
  const ToolResult result = run(replaced(right_kernel(), "bar.sync 0;", "setp.eq.u32 %p1, %r3, 2; @%p1 bra SKIP; bar.sync 0; SKIP:"), "--trace warp=0,until=finding,steps=2");
  CHECK(result.status == 1);
  CHECK(part(result, "trace of", "these are its last") ==
        "trace of cta (0, 0, 0) warp 0: 2 instructions\n"
        "     19     30  @%p1 bra SKIP   [no lane]\n"
        "          no lane jumps\n"
        "     20     30  bar.sync 0\n"
        "          waits at barrier 0: 1 of 4 warps have come\n"
        "  no instruction of this warp has a finding; these are its last\n");
  CHECK(part(result, "error: sim: cta (0, 0): ", "to see it") ==
        "error: sim: cta (0, 0): warp 0, 1, 3 waits at barrier 0, where 3 of 4 have arrived; warp 2 has ended (ptx line 30, kernel ENTRY)\n"
        "     30 | setp.eq.u32 %p1, %r3, 2; @%p1 bra SKIP; bar.sync 0; SKIP:  ptx\n"
        "  to see it, add --trace cta=0,warp=0,until=finding\n");
}

TEST_CASE("options_of_the_simulated_device_that_make_no_sense_are_refused") {
  const auto refused = [](const std::string& options, const std::string& message) {
    const ToolResult result = run_tool(std::string("run ") + kMask + "--tokens 4 --device sim " + options);
    INFO(options);
    CHECK(result.err == "bsgen: " + message + "\n");
    CHECK(result.status == 2);
    CHECK(result.out.empty());
  };
  refused("--schedule soon", "sim: schedule \"soon\" is none of early, late, seed:N");
  refused("--schedule early,", "sim: schedule \"\" is none of early, late, seed:N");
  refused("--schedule seed:x", "sim: schedule \"seed:x\" is none of early, late, seed:N");
  refused("--trace wrap=1", "run: --trace has no \"wrap\"; the nearest is warp (there are cta, warp, from, steps, lane, until)");
  refused("--gpu H300",
          "run: --gpu \"H300\" is not known; the nearest is H200 (there are T4, A100, RTX A6000, RTX 3090, Orin, L40S, RTX 4090, H200, H100, B200, Thor, RTX PRO 6000)");
  CHECK(run_tool("view full:1x1 --block 32 --gpu A100 --arch sm_90 -o /dev/null").err == "bsgen: view: --gpu A100 is sm_80, the kernel is for sm_90; add --arch sm_80\n");
  refused("--gpu T4", "run: --gpu T4 is sm_75, the kernel is for sm_80; add --arch sm_75");
}

}  // namespace
}  // namespace bsgen::test
