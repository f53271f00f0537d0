// Help teaches. Its layout is CLI11's and differs between releases; what it must say does not.
#include "bsgen/options.h"
#include "tests/support/catch.h"
#include "tests/support/run_tool.h"

namespace bsgen::test {
namespace {

const char* const kVerbs[] = {"compile", "explain", "run",   "view",
                              "bench",   "mask",    "cache", "doctor", "bundle"};

TEST_CASE("help_lists_every_verb_the_exit_statuses_and_every_variable") {
  const ToolResult help = run_tool("--help");
  CHECK(help.status == 0);
  CHECK(help.err.empty());
  for (const char* verb : kVerbs) {
    INFO(verb);
    CHECK(help.out.find(std::string("  ") + verb + " ") != std::string::npos);
  }
  CHECK(help.out.find("Exit status: 0 done; 1 a check failed; 2 what you gave is wrong; 3 a part "
                      "of this machine is missing.") != std::string::npos);
  for (const char* variable : {"BSGEN_DEVICE", "BSGEN_CACHE_DIR", "BSGEN_CUDA_DIR",
                               "BSGEN_TEMPLATE_DIR", "BSGEN_DUMP", "BSGEN_DUMP_DIR", "BSGEN_LOG"}) {
    INFO(variable);
    CHECK(help.out.find(variable) != std::string::npos);
  }
}

TEST_CASE("help_of_every_verb_shows_an_example_that_begins_with_its_name") {
  for (const char* verb : kVerbs) {
    const ToolResult help = run_tool(std::string(verb) + " --help");
    INFO(verb);
    CHECK(help.status == 0);
    CHECK(help.out.find("Example") != std::string::npos);
    CHECK(help.out.find(std::string("  bsgen ") + verb) != std::string::npos);
    CHECK(help.out.find("--child") == std::string::npos);
  }
}

TEST_CASE("every_verb_that_plans_has_the_options_of_the_contract") {
  for (const char* verb : {"compile", "explain", "run", "view", "bench"}) {
    const std::string help = run_tool(std::string(verb) + " --help").out;
    for (const char* option :
         {"--op",         "--dtype",       "--out-dtype", "--block",         "--size",
          "--arch",       "--tier",        "--epilogue",  "--activations",   "--align",
          "--accumulate", "--plan-tokens", "--plan",      "--assume-finite", "--batch-invariant",
          "--seed",       "--json",        "--no-cache",  "--cache-dir",     "--keep",
          "--elements"}) {
      INFO(verb << " " << option);
      CHECK(help.find(option) != std::string::npos);
    }
  }
}

TEST_CASE("the_version_is_one_line") {
  const ToolResult version = run_tool("--version");
  CHECK(version.status == 0);
  CHECK(version.out == "bsgen " BSGEN_VERSION "\n");
}

}  // namespace
}  // namespace bsgen::test
