// Matrices of bytes, by the pictures in the PTX ISA ("ldmatrix", "stmatrix"): which element of which row a lane's byte is.
#include <fmt/format.h>

#include <random>

#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

constexpr const char* kStart =
    "ld.param.u64 %rd1, [in];\nld.param.u64 %rd2, [out];\nmov.u32 %r1, %tid.x;\nmov.u32 %r2, buffer;\nmul.wide.u32 %rd3, %r1, 16;\nadd.s64 %rd4, %rd1, %rd3;\nadd.s64 %rd5, %rd2, %rd3;\n"
    "mul.lo.u32 %r3, %r1, 5;\nand.b32 %r3, %r3, 31;\nmad.lo.u32 %r3, %r3, 16, %r2;\nmad.lo.u32 %r4, %r1, 16, %r2;\n";  // row i lies at 5 i mod 32
constexpr const char* kShared = ".shared .align 128 .b8 buffer[512];";

struct Run {
  Launched launched;
  std::vector<std::uint8_t> out;
};
Run run(const std::string& body, const std::vector<std::uint8_t>& in) {
  auto sim = device("sm_100", Timing::kEarly, 1);
  const auto a = *sim->allocate(512), b = *sim->allocate(512);
  Run made;
  made.out.assign(512, 0);
  REQUIRE(sim->copy_in(a.address(), std::as_bytes(std::span(in))).ok());
  REQUIRE(sim->copy_in(b.address(), std::as_bytes(std::span(made.out))).ok());
  made.launched = launch(*sim, kernel_text(kStart + body, ".param .u64 in, .param .u64 out", 100, kShared), {.threads = 32}, {a.address(), b.address()});
  REQUIRE(sim->copy_out(std::as_writable_bytes(std::span(made.out)), b.address()).ok());
  return made;
}
std::vector<std::uint8_t> bytes(unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::uint8_t> made(512);
  for (std::uint8_t& byte : made) byte = static_cast<std::uint8_t>(random());
  return made;
}
// Element `i` of a row of 16 bytes: packed elements follow one another without gaps.
unsigned element(const std::uint8_t* row, const std::string& type, unsigned i) {
  const unsigned bits = type == "b8" ? 8 : type.find("b6x16") != std::string::npos ? 6 : 4;
  unsigned value = 0;
  for (unsigned bit = 0; bit < bits; ++bit) value |= (row[(i * bits + bit) / 8] >> (i * bits + bit) % 8 & 1u) << bit;
  return value;
}
// Each lane's row goes to its place, then the registers of the instruction come back, 16 bytes per lane.
const std::string kPutRows = "ld.global.v4.u32 {%r10, %r11, %r12, %r13}, [%rd4];\nst.shared.v4.u32 [%r3], {%r10, %r11, %r12, %r13};\nbar.sync 0;\nmov.u32 %r20, 0;\nmov.u32 %r21, 0;\nmov.u32 %r22, 0;\nmov.u32 %r23, 0;\n";
const std::string kShowRegisters = "st.global.v4.u32 [%rd5], {%r20, %r21, %r22, %r23};\n";
std::string registers(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += fmt::format("{}%r{}", i == 0 ? "" : ", ", 20 + i);
  return text;
}

TEST_CASE("ldmatrix_m16n16_turns_matrices_of_bytes") {
  for (const char* type : {"b8", "b8x16.b6x16_p32", "b8x16.b4x16_p64"})
    for (const int matrices : {1, 2}) {
      const std::vector<std::uint8_t> in = bytes(1);
      const Run r = run(kPutRows + fmt::format("ldmatrix.sync.aligned.m16n16.x{}.trans.shared.{} {{{}}}, [%r3];\n", matrices, type, registers(2 * matrices)) + kShowRegisters, in);
      INFO(r.launched.status.message());
      REQUIRE(r.launched.status.ok());
      for (unsigned lane = 0; lane < 32; ++lane)
        for (unsigned reg = 0; reg < 4; ++reg)
          for (unsigned byte = 0; byte < 4; ++byte) {
            const unsigned row = 16 * (reg / 2) + 4 * (lane % 4) + byte, column = lane / 4 + 8 * (reg % 2);
            CHECK(r.out[16 * lane + 4 * reg + byte] == (reg < 2u * static_cast<unsigned>(matrices) ? element(in.data() + 16 * row, type, column) : 0));
          }
    }
}

TEST_CASE("ldmatrix_m8n16_spreads_packed_elements_over_bytes") {
  for (const char* type : {"b8x16.b6x16_p32", "b8x16.b4x16_p64"})
    for (const int matrices : {1, 2, 4}) {
      const std::vector<std::uint8_t> in = bytes(2);
      const Run r = run(kPutRows + fmt::format("ldmatrix.sync.aligned.m8n16.x{}.shared.{} {{{}}}, [%r3];\n", matrices, type, registers(matrices)) + kShowRegisters, in);
      REQUIRE(r.launched.status.ok());
      for (unsigned lane = 0; lane < 32; ++lane)
        for (unsigned reg = 0; reg < 4; ++reg)
          for (unsigned byte = 0; byte < 4; ++byte)
            CHECK(r.out[16 * lane + 4 * reg + byte] == (reg < static_cast<unsigned>(matrices) ? element(in.data() + 16 * (8 * reg + lane / 4), type, 4 * (lane % 4) + byte) : 0));
    }
}

// What an accumulator of mma.m16n8 holds, as bytes: rows g, g + 8 and columns 2 t, 2 t + 1. A column goes to a row of 16 bytes.
TEST_CASE("stmatrix_m16n8_writes_columns_of_16_bytes") {
  for (const int matrices : {1, 2, 4}) {
    const std::vector<std::uint8_t> in = bytes(3);
    const Run r = run("ld.global.v4.u32 {%r20, %r21, %r22, %r23}, [%rd4];\nmov.u32 %r10, 0;\nst.shared.v4.u32 [%r4], {%r10, %r10, %r10, %r10};\nbar.sync 0;\n" +
                          fmt::format("stmatrix.sync.aligned.m16n8.x{}.trans.shared.b8 [%r3], {{{}}};\n", matrices, registers(matrices)) +
                          "bar.sync 0;\nld.shared.v4.u32 {%r20, %r21, %r22, %r23}, [%r3];\n" + kShowRegisters, in);
    INFO(r.launched.status.message());
    REQUIRE(r.launched.status.ok());
    CHECK(r.launched.report.diagnostics.empty());
    std::vector<std::uint8_t> want(512, 0);
    for (unsigned lane = 0; lane < 32; ++lane)
      for (unsigned reg = 0; reg < static_cast<unsigned>(matrices); ++reg)
        for (unsigned byte = 0; byte < 4; ++byte) {
          const unsigned row = lane / 4 + 8 * (byte / 2), column = 2 * (lane % 4) + byte % 2;
          want[16 * (8 * reg + column) + row] = in[16 * lane + 4 * reg + byte];
        }
    CHECK(r.out == want);
  }
}

TEST_CASE("padding_of_packed_rows_needs_no_value_and_elements_do") {
  const std::string eight = "st.shared.v2.u32 [%r3], {%r1, %r1};\nbar.sync 0;\n";
  const auto load = [](const char* type) { return fmt::format("ldmatrix.sync.aligned.m8n16.x4.shared.b8x16.{} {{%r20, %r21, %r22, %r23}}, [%r3];\n", type); };
  CHECK(run(eight + load("b4x16_p64"), bytes(4)).launched.status.message() == "");
  const Run r = run(eight + load("b6x16_p32"), bytes(4));
  CHECK(r.launched.status.message() == "sim: cta (0, 0) thread 0 reads 12 bytes at shared offset 0 (buffer); byte 8 was never written (ptx line 27, kernel k)");
}

TEST_CASE("shapes_and_types_of_matrices_that_do_not_exist_are_refused") {
  const auto message = [](const std::string& line, int target = 100) {
    auto sim = device("sm_100");
    KernelImage image;
    image.entry = "k";
    image.ptx = kernel_text(line, ".param .u64 in", target);
    return sim->load(image, 0).status().message();
  };
  const std::string none = ": this combination of shape, number and type does not exist";
  CHECK(message("ldmatrix.sync.aligned.m16n16.x1.shared.b8 {%r1, %r2}, [%r3];") == "sim: ptx line 14: ldmatrix.sync.aligned.m16n16.x1.shared.b8" + none);
  CHECK(message("ldmatrix.sync.aligned.m16n16.x4.trans.shared.b8 {%r1, %r2}, [%r3];") == "sim: ptx line 14: ldmatrix.sync.aligned.m16n16.x4.trans.shared.b8" + none);
  CHECK(message("ldmatrix.sync.aligned.m8n16.x1.shared.b8 {%r1}, [%r3];") == "sim: ptx line 14: ldmatrix.sync.aligned.m8n16.x1.shared.b8" + none);
  CHECK(message("stmatrix.sync.aligned.m16n8.x1.shared.b8 [%r3], {%r1};") == "sim: ptx line 14: stmatrix.sync.aligned.m16n8.x1.shared.b8" + none);
  CHECK(message("stmatrix.sync.aligned.m16n16.x1.trans.shared.b8 [%r3], {%r1};") == "sim: ptx line 14: stmatrix.sync.aligned.m16n16.x1.trans.shared.b8: unknown modifier .m16n16");
  CHECK(message("ldmatrix.sync.aligned.m16n16.x1.trans.shared.b8 {%r1, %r2}, [%r3];", 90) == "sim: ptx line 14: ldmatrix.sync.aligned.m16n16.x1.trans.shared.b8: needs .target sm_100 or higher, the text says sm_90");
  CHECK(message("ldmatrix.sync.aligned.x2.m8n8.shared.b16.trans {%r1, %r2}, [%r3];") == "");  // as some write it
}

}  // namespace
}  // namespace bsgen::sim::test
