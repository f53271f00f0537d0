#include "tools/bsgen/view/source_map.h"

#include "tests/support/catch.h"

namespace bsgen::cli {
namespace {

// As NVRTC writes it: the caller's .loc stands before that of what was inlined into it.
const char* const kPtx =
    ".version 8.0\n"
    "\t.file\t1 \"/x/kernel.cu\"\n"
    "\t.file\t2 \"bsgen/ptx/mma.cuh\"\n"
    ".visible .entry kernel()\n"
    "{\n"
    "\t.loc\t1 30 5\n"
    "\tmov.u32 %r1, 0;\n"
    "\t.loc\t2 12 3, function_name $L__info_string0, inlined_at 1 30 5\n"
    "\tmma.sync.aligned.m16n8k16;\n"
    "$L__BB0_1:\n"
    "\tret;\n"
    "}\n"
    "\tbar.sync 0;\n";

TEST_CASE("an_instruction_knows_its_line_and_the_lines_that_it_was_inlined_into") {
  const SourceMap map = map_ptx(kPtx);
  REQUIRE(map.files == std::vector<std::string>{"/x/kernel.cu", "bsgen/ptx/mma.cuh"});
  REQUIRE(map.lines.size() == 14);  // the text ends in a newline
  REQUIRE(map.lines[6] >= 0);
  CHECK(map.chains[map.lines[6]] == SourceMap::Chain{{0, 29}});
  CHECK(map.chains[map.lines[8]] == SourceMap::Chain{{1, 11}, {0, 29}});
  CHECK(map.lines[10] == map.lines[8]);
}

TEST_CASE("directives_labels_and_what_follows_the_body_have_no_line") {
  const SourceMap map = map_ptx(kPtx);
  for (const int line : {0, 1, 2, 3, 4, 5, 7, 9, 11, 12}) {
    INFO(line);
    CHECK(map.lines[line] == -1);
  }
}

TEST_CASE("hostile_directives_are_ignored_and_a_cycle_of_callers_ends") {
  const SourceMap map = map_ptx(
      ".file\n.file x\n.file 99999999999 \"a\"\n.file 1 \"\n.loc\n.loc 1\n.loc -1 2 3\nmov;\n"
      ".file 1 \"a\"\n.loc 1 1 1, inlined_at 1 2 2\n.loc 1 2 2, inlined_at 1 1 1\nmov;\n.loc 7 1 "
      "1\nmov;");
  CHECK(map.files == std::vector<std::string>{"a"});
  CHECK(map.lines[7] == -1);
  REQUIRE(map.lines[11] >= 0);
  CHECK(map.chains[map.lines[11]].size() == 16);
  CHECK(map.chains[map.lines[13]].empty());  // file 7 was never declared
}

}  // namespace
}  // namespace bsgen::cli
