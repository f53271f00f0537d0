// The source lines that stand beneath a message are the ones that the PTX came from.
#include "tools/bsgen/quotes.h"

#include "tests/support/catch.h"

namespace bsgen::cli {
namespace {

const char* const kPtx =
    ".version 9.0\n"
    ".loc 1 4 3\n"
    "\tadd.s32 %r1, %r2, %r3;\n"
    ".loc 2 2 5, function_name $L__info_string0, inlined_at 1 5 1\n"
    "\tld.global.u32 %r4, [%rd1];\n"
    ".loc 3 1 5, function_name $L__info_string1, inlined_at 2 2 5\n"
    "\tldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r1, %r2, %r3, %r4}, [%r9];\n"
    ".file 1 \"/tmp/kernel.cu\"\n"
    ".file 2 \"/tmp/bsgen/kernels/dds.cuh\"\n"
    ".file 3 \"/tmp/bsgen/ptx/ldmatrix.cuh\"\n";

codegen::KernelSource source() {
  codegen::KernelSource s;
  s.name = "kernel.cu";
  s.cuda = "// 1\n// 2\n// 3\n  sum = a + b;\n  multiply();\n";
  s.headers["bsgen/kernels/dds.cuh"] = "// 1\n  load(x);  \n";
  s.headers["bsgen/ptx/ldmatrix.cuh"] = "asm(\"ldmatrix\");\n";
  return s;
}

TEST_CASE("places_go_from_the_innermost_function_outwards_with_their_text") {
  const Quotes quotes(kPtx, source());
  CHECK(quotes.ptx_line(3) == "add.s32 %r1, %r2, %r3;");
  CHECK(quotes.ptx_line(0).empty());
  CHECK(quotes.ptx_line(99).empty());
  const auto plain = quotes.cuda_places(3), inlined = quotes.cuda_places(5);
  REQUIRE(plain.size() == 1);
  CHECK(plain[0] == Quotes::Place{"kernel.cu", 4, "sum = a + b;"});
  REQUIRE(inlined.size() == 2);
  CHECK(inlined[0] == Quotes::Place{"bsgen/kernels/dds.cuh", 2, "load(x);"});
  CHECK(inlined[1] == Quotes::Place{"kernel.cu", 5, "multiply();"});
  CHECK(quotes.cuda_places(1).empty());
}

TEST_CASE("the_telling_place_of_a_wrapped_instruction_is_who_called_the_wrapper") {
  const Quotes quotes(kPtx, source());
  CHECK(quotes.telling_place(7) == Quotes::Place{"bsgen/kernels/dds.cuh", 2, "load(x);"});
  CHECK(quotes.telling_place(3) == Quotes::Place{"kernel.cu", 4, "sum = a + b;"});
  CHECK(quotes.telling_place(1) == Quotes::Place{});
}

TEST_CASE("a_quote_is_aligned_and_names_each_file") {
  const Quotes quotes(kPtx, source());
  CHECK(quote(quotes, 5, "  ") ==
        "      5 | ld.global.u32 %r4, [%rd1];  ptx\n"
        "      2 | load(x);                    bsgen/kernels/dds.cuh\n"
        "      5 | multiply();                 kernel.cu\n");
  CHECK(quote(quotes, 0, "").empty());
}

TEST_CASE("text_that_is_not_at_hand_leaves_the_place") {
  codegen::KernelSource nothing;
  nothing.name = "other.cu";
  const Quotes quotes(kPtx, nothing);
  CHECK(quotes.cuda_places(3)[0] == Quotes::Place{"kernel.cu", 4, ""});
}

}  // namespace
}  // namespace bsgen::cli
