// What a kernel may write is told from where its store addresses come from.
#include "runtime/sim/decode/decoder.h"
#include "runtime/sim/ptx/inline_calls.h"
#include "runtime/sim/ptx/parser.h"
#include "tests/support/catch.h"

namespace bsgen::sim::test {
namespace {

auto written_by(const std::string& body) {
  const auto module = ptx::parse(
      ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k(.param .align 8 .b8 p[24])\n{\n.reg .b64 %rd<9>; .reg .b32 %r<5>; .reg .pred %p<2>;\n" + body + "ret;\n}\n");
  INFO((module ? "" : module.status().message()));
  REQUIRE(module);
  const auto flat = ptx::inline_calls(*module, module->functions[0]);
  REQUIRE(flat);
  const auto program = decode(*module, *flat, {});
  INFO((program ? "" : program.status().message()));
  REQUIRE(program);
  return program->written;
}
std::vector<std::uint32_t> written_parameters(const std::string& body) {
  const auto written = written_by(body);
  CHECK_FALSE(written.anything);
  return {written.parameters.begin(), written.parameters.end()};
}

TEST_CASE("the_pointer_behind_a_store_is_written_and_no_other") {
  CHECK(written_parameters("ld.param.u64 %rd1, [p]; ld.param.u64 %rd2, [p+8]; ld.global.u32 %r1, [%rd1]; st.global.u32 [%rd2], %r1;\n") == std::vector<std::uint32_t>{8});
  // As NVRTC reads the later members of a struct.
  CHECK(written_parameters("mov.b64 %rd3, p; ld.param.u64 %rd1, [%rd3]; ld.param.u64 %rd2, [%rd3+16]; ld.global.u32 %r1, [%rd1]; st.global.u32 [%rd2], %r1;\n") ==
        std::vector<std::uint32_t>{16});
  CHECK(written_parameters("mov.b64 %rd3, p+8; ld.param.u64 %rd2, [%rd3+8]; st.global.u32 [%rd2], 1;\n") == std::vector<std::uint32_t>{16});
}

TEST_CASE("a_pointer_is_the_words_that_its_bytes_lie_in") {
  CHECK(written_parameters("ld.param.u64 %rd2, [p+4]; st.global.u32 [%rd2], 1;\n") == std::vector<std::uint32_t>{0, 8});
  CHECK(written_parameters("ld.param.u32 %r1, [p+4]; cvt.u64.u32 %rd5, %r1; ld.param.u64 %rd2, [p+16]; add.s64 %rd2, %rd2, %rd5; st.global.u32 [%rd2], 1;\n") ==
        std::vector<std::uint32_t>{0, 16});
  CHECK(written_parameters("mov.b64 %rd3, p; ld.param.u64 %rd2, [%rd3+9223372036854775800]; st.global.u32 [%rd2], 1;\n").empty());  // refused when it is executed
}

TEST_CASE("a_pointer_made_of_the_words_of_a_vector_is_all_that_the_vector_may_hold") {
  CHECK(written_parameters("ld.param.v4.b32 {%r1, %r2, %r3, %r4}, [p]; mov.b64 %rd2, {%r3, %r4}; st.global.u32 [%rd2], 1;\n") == std::vector<std::uint32_t>{0, 8});
}

TEST_CASE("a_pointer_out_of_memory_may_be_any") {
  const std::string load = "ld.param.u64 %rd1, [p]; ";
  CHECK(written_by(load + "ld.global.u64 %rd2, [%rd1]; st.global.u32 [%rd2], 1;\n").anything);
  CHECK_FALSE(written_by(load + "ld.global.u32 %r1, [%rd1]; cvt.u64.u32 %rd2, %r1; add.s64 %rd2, %rd2, %rd1; st.global.u32 [%rd2], 1;\n").anything);
}

TEST_CASE("a_pointer_that_may_be_any_of_several_is_written_as_each") {
  CHECK(written_parameters("ld.param.u64 %rd1, [p]; ld.param.u64 %rd2, [p+16]; ld.param.u32 %r1, [p+8]; setp.ne.u32 %p1, %r1, 0; selp.b64 %rd4, %rd1, %rd2, %p1; st.global.u32 [%rd4], 1;\n") ==
        std::vector<std::uint32_t>{0, 8, 16});
  // An address that is itself computed: any word of the parameter.
  CHECK(written_parameters("mov.b64 %rd3, p; ld.param.u32 %r1, [p+8]; cvt.u64.u32 %rd5, %r1; add.s64 %rd3, %rd3, %rd5; ld.param.u64 %rd2, [%rd3]; st.global.u32 [%rd2], 1;\n") ==
        std::vector<std::uint32_t>{0, 8, 16});
}

}  // namespace
}  // namespace bsgen::sim::test
