#include "runtime/sim/ptx/source_map.h"

#include "tests/support/catch.h"

namespace bsgen::sim::ptx {
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

// One function that two lines call; its own callee is written once for each, as NVRTC does.
TEST_CASE("what_is_inlined_at_two_places_is_told_apart_by_the_callers_last_directive") {
  const SourceMap map = map_ptx(
      ".file 1 \"a\"\n.file 2 \"b\"\n"
      ".loc 1 10 1\n.loc 2 5 7, function_name $f, inlined_at 1 10 1\n.loc 2 3 3, function_name $g, inlined_at 2 5 7\nfirst;\n"
      ".loc 1 20 1\n.loc 2 5 7, function_name $f, inlined_at 1 20 1\n.loc 2 3 3, function_name $g, inlined_at 2 5 7\nsecond;\nthird;\n"
      ".loc 2 5 7, function_name $f, inlined_at 1 10 1\n.loc 2 3 3, function_name $g, inlined_at 2 5 7\nfourth;\n"
      ".loc 2 3 9, function_name $g, inlined_at 2 5 7\nfifth;\n");
  CHECK(map.chains[map.lines[5]] == SourceMap::Chain{{1, 2}, {1, 4}, {0, 9}});
  CHECK(map.chains[map.lines[9]] == SourceMap::Chain{{1, 2}, {1, 4}, {0, 19}});
  CHECK(map.lines[10] == map.lines[9]);
  CHECK(map.lines[13] == map.lines[5]);
  CHECK(map.lines[15] != map.lines[5]);  // another column of the same line
  CHECK(map.chains[map.lines[15]] == map.chains[map.lines[5]]);
}

TEST_CASE("hostile_directives_are_ignored_and_callers_without_end_are_cut") {
  std::string text =
      ".file\n.file x\n.file 99999999999 \"a\"\n.file 1 \"\n.loc\n.loc 1\n.loc -1 2 3\nmov;\n.file 1 \"a\"\n.loc 7 1 1\nmov;\n.loc 1 1 1, inlined_at 1 9 9\nmov;\n";
  for (int i = 0; i < 20; ++i) text += ".loc 1 2 2, inlined_at 1 1 1\n.loc 1 1 1, inlined_at 1 2 2\n";
  const SourceMap map = map_ptx(text + "mov;");
  CHECK(map.files == std::vector<std::string>{"a"});
  CHECK(map.lines[7] == -1);
  CHECK(map.chains[map.lines[10]].empty());  // file 7 was never declared
  CHECK(map.chains[map.lines[12]] == SourceMap::Chain{{0, 0}, {0, 8}});  // a caller that no directive stands for
  CHECK(map.chains[map.lines[53]].size() == 16);
}

}  // namespace
}  // namespace bsgen::sim::ptx
