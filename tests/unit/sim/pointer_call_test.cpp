// Calls through pointers: each lane reaches the function that its pointer names, and a pointer that names none is a finding.
#include <fmt/format.h>

#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

// f(x) = operation of x and number; the pointer tables hold them.
std::string function(const std::string& name, const std::string& instruction) {
  return ".func (.param .b32 back) " + name + "(.param .b32 x) {\n.reg .b32 %r<4>;\nld.param.b32 %r1, [x];\n" + instruction + "\nst.param.b32 [back], %r2;\nret;\n}\n";
}
const std::string kPlus = function("plus", "add.u32 %r2, %r1, 100;"), kTimes = function("times", "mul.lo.u32 %r2, %r1, 3;");
const std::string kBranches = function("branches", ".reg .pred %p; and.b32 %r3, %r1, 1; setp.eq.u32 %p, %r3, 0; mov.u32 %r2, 7; @%p bra EVEN; mov.u32 %r2, 9; EVEN:");

// Calls what the 64-bit register names with %r1; the result is in %r10.
const char* const kCall =
    "{ .param .b32 argument; .param .b32 back; st.param.b32 [argument], %r1;\nform : .callprototype (.param .b32 _) _ (.param .b32 _);\n"
    "call (back), %rd5, (argument), form; ld.param.b32 %r10, [back]; }\n";

struct Ran {
  Launched launched;
  std::vector<std::uint32_t> out;
};
// `body` leaves in %r10 what each of 32 threads writes to out; %r1 is its number.
Ran run_calls(const std::string& module_text, const std::string& body) {
  const auto sim = device();
  const auto memory = *sim->allocate(128);
  const std::string text = kernel_text("mov.u32 %r1, %tid.x; ld.param.u64 %rd1, [out]; mul.wide.u32 %rd2, %r1, 4; add.s64 %rd1, %rd1, %rd2; mov.u32 %r10, 0;\n" + body + "st.global.u32 [%rd1], %r10;\n",
                                       ".param .u64 out", 90, module_text);
  Ran ran{launch(*sim, text, {.threads = 32}, {memory.address()}), std::vector<std::uint32_t>(32)};
  if (ran.launched.status.ok() || ran.launched.status.code() == ErrorCode::kCheckFailed)
    REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(ran.out)), memory.address()).ok());
  return ran;
}

TEST_CASE("each_lane_reaches_the_function_that_its_pointer_names") {
  const std::string table = ".global .align 8 .u64 ways[3] = {times, plus, branches};\n.const .align 8 .u64 fixed[2] = {branches, plus};\n";
  for (const char* load : {"mov.u64 %rd3, ways; rem.u32 %r2, %r1, 3; mul.wide.u32 %rd4, %r2, 8; add.s64 %rd3, %rd3, %rd4; ld.global.u64 %rd5, [%rd3];\n",
                           "rem.u32 %r2, %r1, 3; mov.u64 %rd5, times; setp.eq.u32 %p1, %r2, 1; setp.eq.u32 %p2, %r2, 2; @%p1 ld.const.u64 %rd5, [fixed+8]; @%p2 mov.u64 %rd5, branches;\n"}) {
    const Ran ran = run_calls(kPlus + kTimes + kBranches + table, std::string(load) + kCall);
    CHECK(ran.launched.status.message() == "");
    for (std::uint32_t t = 0; t < 32; ++t) {
      INFO("thread " << t);
      CHECK(ran.out[t] == (t % 3 == 0 ? t * 3 : t % 3 == 1 ? t + 100 : t % 2 == 0 ? 7u : 9u));
    }
  }
}

TEST_CASE("a_function_that_another_pointer_called_may_call_on") {
  // via(x) = (*pointer in memory)(x) + 1000
  const std::string via =
      ".func (.param .b32 back) via(.param .b32 x) {\n.reg .b32 %r<4>; .reg .b64 %rd<8>;\nld.param.b32 %r1, [x];\nld.global.u64 %rd5, [next];\n" + std::string(kCall).replace(std::string(kCall).find("%r10"), 4, "%r2") +
      "add.u32 %r2, %r2, 1000;\nst.param.b32 [back], %r2;\nret;\n}\n";
  const Ran ran = run_calls(kPlus + kTimes + ".global .align 8 .u64 next[1] = {times};\n" + via, "mov.u64 %rd5, via; setp.gt.u32 %p1, %r1, 20; @%p1 mov.u64 %rd5, plus;\n" + std::string(kCall));
  CHECK(ran.launched.status.message() == "");
  for (std::uint32_t t = 0; t < 32; ++t) CHECK(ran.out[t] == (t > 20 ? t + 100 : t * 3 + 1000));
  // The same function again is a recursion, which is found when it happens.
  const Ran again = run_calls(kPlus + kTimes + ".func (.param .b32 back) via(.param .b32 x);\n.global .align 8 .u64 next[1] = {via};\n" + via, "mov.u64 %rd5, via;\n" + std::string(kCall));
  REQUIRE(again.launched.find("call") != nullptr);
  CHECK(again.launched.find("call")->message ==
        "sim: cta (0, 0) thread 0 calls address 0x500000000c0, which is no function that it can call: candidates are the 0 with these parameters whose addresses the kernel takes and which are not being called already (ptx line 26, kernel k)");
}

TEST_CASE("a_pointer_that_names_no_function_with_these_parameters_is_a_finding") {
  const std::string no_function = ".func (.param .b32 back) two(.param .b32 x, .param .b32 y) {\nst.param.b32 [back], 1;\nret;\n}\n.global .align 8 .u64 other[1] = {two};\n";
  struct Case { const char *pointer, *message; };
  for (const Case& each : {Case{"mov.u64 %rd5, 0; mov.u64 %rd6, plus;\n", "sim: cta (0, 0) thread 0 calls address 0x0, which is no function that it can call: candidates are the 1 with these parameters whose addresses the kernel takes and which are not being called already (ptx line 32, kernel k)"},
                           Case{"mov.u64 %rd5, plus; setp.eq.u32 %p1, %r1, 9; @%p1 add.s64 %rd5, %rd5, 8;\n", "sim: cta (0, 0) thread 9 calls address 0x50000000048, which is no function that it can call: candidates are the 1 with these parameters whose addresses the kernel takes and which are not being called already (ptx line 32, kernel k)"}}) {
    // Who is called by its name alone is no candidate.
    const std::string by_name = "{ .param .b32 argument; .param .b32 back; st.param.b32 [argument], %r1; call (back), times, (argument); }\n";
    const Ran ran = run_calls(kPlus + kTimes, std::string(each.pointer) + kCall + by_name);
    REQUIRE(ran.launched.find("call") != nullptr);
    CHECK(ran.launched.find("call")->message == each.message);
  }
  const Ran mismatch = run_calls(no_function, "ld.global.u64 %rd5, [other];\n" + std::string(kCall));
  REQUIRE(mismatch.launched.find("call") != nullptr);
  CHECK(mismatch.launched.find("call")->message == "sim: cta (0, 0) thread 0 calls address 0x50000000040, which is no function that it can call: candidates are the 0 with these parameters whose addresses the kernel takes and which are not being called already (ptx line 23, kernel k)");
}

TEST_CASE("what_a_pointer_call_lacks_is_named") {
  const std::string pointer = "mov.u64 %rd5, plus;\n";
  const auto refusal = [&](const std::string& module_text, const std::string& body) { return run_calls(module_text, body).launched.status.message(); };
  const std::string parameters = "{ .param .b32 argument; .param .b32 back; st.param.b32 [argument], %r1;\n";
  CHECK(refusal(kPlus, pointer + parameters + "call (back), %rd5, (argument); }\n") == "sim: ptx line 24: call: a call takes a function, or a register and a .callprototype");
  CHECK(refusal(kPlus, pointer + parameters + "form: .callprototype (.param .b32 _) _ (.param .b32 _, .param .b32 _); call (back), %rd5, (argument), form; }\n") ==
        "sim: ptx line 24: call: the prototype takes 2 arguments and gives 1 results");
  CHECK(refusal(".global .align 8 .u64 ways[1] = {nowhere};\n", "").find("the initialiser names nowhere, no variable or function before it") != std::string::npos);
  CHECK(refusal(kPlus + ".global .align 8 .u64 ways[1] = {plus + 8};\n", "").find("no variable or function before it") != std::string::npos);
  CHECK(refusal(kPlus + ".global .align 4 .u32 ways[1] = {plus};\n", "").find("no variable or function before it") != std::string::npos);
  CHECK(refusal(kPlus, "mov.u32 %r2, plus;\n").find("a function's address needs 64 bits") != std::string::npos);
}

}  // namespace
}  // namespace bsgen::sim::test
