// What the command line says to arguments that it cannot take: one line on standard error, exit
// status 2.
#include "tests/support/catch.h"
#include "tests/support/run_tool.h"

namespace bsgen::test {
namespace {

void refuses(const std::string& arguments, const std::string& message,
             const std::string& environment = "") {
  const ToolResult result = run_tool(arguments, environment);
  INFO("bsgen " << arguments);
  CHECK(result.err == "bsgen: " + message + "\n");
  CHECK(result.status == 2);
  CHECK(result.out.empty());
}

TEST_CASE("an_unknown_verb_is_refused_with_the_nearest_one") {
  refuses("complie full:4x4",
          "no verb \"complie\"; the nearest is compile, bsgen --help lists them");
  refuses("mask maek", "mask: no verb \"maek\"; the nearest is make, bsgen mask --help lists them");
  refuses("", "a verb is missing; bsgen --help lists them");
}

TEST_CASE("an_unknown_option_is_refused_with_the_nearest_one") {
  refuses("compile full:4x4 --teir table", "compile: no option --teir; the nearest is --tier");
  refuses("run full:4x4 --tokns=4", "run: no option --tokns; the nearest is --tokens");
  refuses("--vers", "no option --vers; the nearest is --version");
}

TEST_CASE("an_option_of_another_verb_says_whose_it_is") {
  refuses("explain full:4x4 --emit ptx",
          "explain: no option --emit here (it belongs to compile); the nearest is --help");
  refuses("--tier table compile full:4x4",
          "--tier stands after its verb: bsgen compile ... --tier");
}

TEST_CASE("values_that_are_not_numbers_or_missing_are_named") {
  refuses("compile full:4x4 --align x", "compile: --align takes a whole number, not \"x\"");
  refuses("compile full:4x4 --keep x", "compile: --keep takes a number, not \"x\"");
  refuses("compile full:4x4 --op", "compile: --op needs a value");
  refuses("compile full:4x4 --op fprop --op bprop",
          "compile: --op is given more than once or with too many values");
  refuses("compile", "compile: mask is missing; bsgen compile --help shows an example");
  refuses(
      "compile full:4x4 full:4x4",
      "compile: \"full:4x4\" is one argument too many; bsgen compile --help shows what it takes");
}

TEST_CASE("words_that_no_option_takes_are_refused_with_those_it_takes") {
  refuses("compile full:4x4 --op fpro", "op: \"fpro\" is none of fprop, bprop, update");
  refuses("compile full:4x4 --dtype fp8", "dtype: \"fp8\" is none of fp32, tf32, fp16, bf16");
  refuses("compile full:4x4 --tier tabel",
          "tier: \"tabel\" is none of auto, structural, unrolled, constant, table");
  refuses("compile full:4x4 --activations rows",
          "activations: \"rows\" is neither row (features contiguous) nor col (tokens contiguous)");
  refuses("compile full:4x4 --arch sm80",
          "arch: \"sm80\" is not an architecture; write sm_80, sm_90a, sm_100f");
  refuses("compile full:4x4 --align 8", "problem: align 8 is none of 16, 4, 2 bytes");
  refuses("compile full:4x4 --plan-tokens 0",
          "plan_tokens: 0 is not a number of tokens; 1 to 2^31");
  refuses("compile full:4x4 --out-dtype tf32",
          "out_dtype: outputs are fp32, fp16 or bf16; tf32 results are fp32 in memory");
  refuses("compile full:4x4 --emit cubn",
          "compile: --emit knows no \"cubn\"; the nearest is cubin (there are plan, cuda, ptx, "
          "cubin, sass, report, layout, llvm, asm)");
  refuses("compile full:4x4 --stop-after plam",
          "compile: --stop-after knows no \"plam\"; the nearest is plan (there are layout, "
          "profile, plan, cuda, ptx)");
  refuses(
      "bench --suite foundatoin",
      "bench: no suite \"foundatoin\"; the nearest is foundation (there are foundation, sim, store, gpu, cpu)");
}

TEST_CASE("options_that_contradict_each_other_are_refused") {
  refuses("compile full:4x4 --emit ptx --json",
          "compile: --json is alone on standard output; give --emit ptx a file with -o");
  refuses("compile full:4x4 --emit ptx --stop-after plan",
          "compile: --emit and --stop-after both say what to write; give one of them");
  refuses("compile full:4x4 -o file", "compile: -o needs --emit, which says what to write");
  refuses("view full:4x4 --json -o -",
          "view: --json is alone on standard output; give the page a file with -o");
  refuses("bench", "bench: give a MASK or --suite foundation");
  refuses("bench full:4x4 --suite sim",
          "bench: MASK and --suite are two things to measure; give one of them");
}

TEST_CASE("an_unknown_variable_or_value_of_the_environment_is_an_error") {
  refuses("compile full:4x4",
          "environment: BSGEN_LOG=\"loud\" is not valid; it takes error|warning|info|debug",
          "BSGEN_LOG=loud");
  const ToolResult unknown = run_tool("compile full:4x4", "BSGEN_CACHE=x");
  CHECK(unknown.status == 2);
  CHECK(unknown.err.rfind(
            "bsgen: environment: BSGEN_CACHE is not a variable of bsgen; there are BSGEN_DEVICE, ",
            0) == 0);
}

TEST_CASE("a_plan_for_another_mask_or_against_an_option_is_refused") {
  const TemporaryFolder folder;
  const std::string plan = (folder / "p.plan").string();
  REQUIRE(run_tool("compile random:8x8:density=0.3,seed=1 --emit plan -o " + plan).status == 0);
  const ToolResult other = run_tool("compile full:8x8 --emit cuda --plan " + plan);
  CHECK(other.status == 2);
  CHECK(other.err.rfind("bsgen: plan: " + plan + " was made for layout ", 0) == 0);
  CHECK(other.err.find("; plan anew\n") != std::string::npos);
  refuses("compile random:8x8:density=0.3,seed=1 --op bprop --plan " + plan,
          "plan: " + plan + " was made for --op fprop, not bprop; leave --op out or plan anew");
  refuses("compile full:8x8 --plan /nowhere/p.plan",
          "plan: /nowhere/p.plan could not be read: No such file or directory");
  const ToolResult same =
      run_tool("compile random:8x8:density=0.3,seed=1 --emit plan --plan " + plan);
  CHECK(same.status == 0);
  CHECK(same.out == read_file(plan));
}

}  // namespace
}  // namespace bsgen::test
