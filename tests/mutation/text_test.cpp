// The suite's own tools: where a statement stands, and whether a difference is used.
#include "tests/mutation/shadow.h"
#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::mutation {
namespace {

TEST_CASE("a_statement_is_known_by_its_cuda_text_whatever_file_it_stands_in") {
  const auto text = [](const std::string& file) {
    return PtxText(".visible .entry k()\n{\n\t.loc\t1 2 3\n\tmov.u32 \t%r1, 4;\n\t.loc\t1 0 3\n\tadd.u32 \t%r2, %r1, 16;\n\t.loc\t1 3 3, function_name $L__info_string0, inlined_at 1 2 5\n\tst.shared.u32 \t[%r2], %r1;\n\tret;\n}\n\t.file\t1 \"" +
                       file + "\"\n",
                   {{file, "first\n  second();\nthird();\n"}});
  };
  const PtxText one = text("bsgen/a.cuh"), other = text("b/other.cuh");
  REQUIRE(one.statements().size() == 4);
  CHECK(one.statements()[0].cuda == "second();");
  CHECK(one.statements()[1].cuda == "for third();");  // no line of its own: named by what uses it
  CHECK(one.statements()[2].cuda == "third();");
  CHECK(one.statements()[2].caller == "second();");
  for (std::size_t i = 0; i < 4; ++i) CHECK((one.statements()[i].cuda == other.statements()[i].cuda && one.statements()[i].caller == other.statements()[i].caller));
}

TEST_CASE("a_difference_traps_where_it_is_used_and_only_there") {
  const std::string kernel = sim::test::kernel_text(
      "mov.u32 %r1, %tid.x;\nand.b32 %r2, %r1, 31;\nshr.u32 %r3, %r2, 1;\nshl.b32 %r4, %r3, 2;\nmov.u32 %r5, buffer;\nmov.u32 %r8, 0;\nL:\nadd.u32 %r6, %r5, %r4;\nst.shared.u32 [%r6], %r8;\n"
      "add.u32 %r5, %r5, 64;\nadd.u32 %r8, %r8, 1;\nsetp.lt.u32 %p1, %r8, 3;\n@%p1 bra L;\n", ".param .u64 out", 90, ".shared .align 16 .b8 buffer[1024];");
  const PtxText text(kernel, {});
  const auto traps = [&](const std::string& opcode, const std::string& replacement) {
    std::size_t at = 0;
    while (text.statements()[at].opcode + " " + text.statements()[at].operands.back() != opcode) ++at;
    const std::string changed = trap_where_uses_differ(text, {"swizzle", at, replacement});
    REQUIRE(!changed.empty());
    const auto device = sim::test::device("sm_90");
    const auto launched = sim::test::launch(*device, changed, {.grid_x = 1, .grid_y = 1, .grid_z = 1, .threads = 32}, {0});
    INFO(launched.status.message());
    CHECK((launched.status.ok() || launched.status.code() == ErrorCode::kCheckFailed));
    return launched.find("trap") != nullptr;
  };
  CHECK(!traps("and.b32 31", "and.b32 %r2, %r1, 30"));  // its lowest bit is shifted out
  CHECK(traps("and.b32 31", "and.b32 %r2, %r1, 29"));
  CHECK(traps("shr.u32 1", "shr.u32 %r3, %r2, 2"));
  CHECK(traps("add.u32 64", "add.u32 %r5, %r5, 80"));  // from the second turn on
  CHECK(traps("add.u32 1", "add.u32 %r8, %r8, 2"));    // what is stored, and the branch
}

}  // namespace
}  // namespace bsgen::mutation
