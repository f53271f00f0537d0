#include "compiler/nvrtc/error_message.h"
#include "tests/unit/nvrtc/toolchain_fixture.h"

using namespace bsgen;
using test::sm;

namespace {

// The exact words are NVRTC's own; these tests hold those of one release.
#define BSGEN_NEED_NVRTC_13_0(toolchain)                                                   \
  BSGEN_NEED_TOOLCHAIN(toolchain);                                                         \
  if (nvrtc::info(toolchain).nvrtc_major != 13 || nvrtc::info(toolchain).nvrtc_minor != 0) \
  BSGEN_SKIP("the words are those of NVRTC 13.0")

}  // namespace

TEST_CASE("a_cuda_error_shows_place_text_source_lines_options_and_the_way_to_repeat_it") {
  BSGEN_NEED_NVRTC_13_0(toolchain);
  codegen::KernelSource source{
      .entry = "k",
      .name = "k.cu",
      .cuda =
          "#include <bsgen/tile.cuh>\n"
          "\n"
          "extern \"C\" __global__ void k(float* p) {\n"
          "  int unused = 3;\n"
          "  p[0] = bsgen::twice(p[1]);\n"
          "  p[1] = nope;\n"
          "}\n",
      .headers = {{"bsgen/tile.cuh",
                   "#pragma once\n"
                   "namespace bsgen {\n"
                   "template <class T>\n"
                   "T twice(T x) {\n"
                   "\tstatic_assert(sizeof(T) == 8, \"tile: T has 8 bytes\");\n"
                   "  return x + x;\n"
                   "}\n"
                   "}\n"}}};
  const Status status = nvrtc::compile(toolchain, source, sm(80)).status();
  CHECK(status.code() == ErrorCode::kCompileFailed);
  CHECK(status.message() ==
        "nvrtc: k.cu does not compile for sm_80: 2 errors\n"
        "k.cu:6: error: identifier \"nope\" is undefined\n"
        "        3 | extern \"C\" __global__ void k(float* p) {\n"
        "        4 |   int unused = 3;\n"
        "        5 |   p[0] = bsgen::twice(p[1]);\n"
        "  >     6 |   p[1] = nope;\n"
        "          |          ^\n"
        "        7 | }\n"
        "bsgen/tile.cuh:5: error: static assertion failed with \"tile: T has 8 bytes\"\n"
        "        2 | namespace bsgen {\n"
        "        3 | template <class T>\n"
        "        4 | T twice(T x) {\n"
        "  >     5 | \tstatic_assert(sizeof(T) == 8, \"tile: T has 8 bytes\");\n"
        "          | \t^\n"
        "        6 |   return x + x;\n"
        "        7 | }\n"
        "        8 | }\n"
        "    detected during instantiation of \"T bsgen::twice(T) [with T=float]\" at line 5 of "
        "k.cu\n"
        "options (NVRTC 13.0): -arch=compute_80 -std=c++20 -fmad=false -lineinfo -default-device "
        "--minimal --no-cache\n"
        "to repeat: write the source with `bsgen compile --emit cuda -o k.cu` and the same "
        "arguments, edit it, give it to `bsgen run --cuda k.cu`");
}

TEST_CASE("a_header_that_is_not_there_is_shown_at_its_include") {
  BSGEN_NEED_NVRTC_13_0(toolchain);
  const codegen::KernelSource source{
      .entry = "k", .name = "k.cu", .cuda = "#include <bsgen/none.cuh>\n", .headers = {}};
  const Status status = nvrtc::compile(toolchain, source, sm(80)).status();
  CHECK(status.code() == ErrorCode::kCompileFailed);
  INFO(status.message());
  CHECK(
      status.message().starts_with("nvrtc: k.cu does not compile for sm_80: 1 error\n"
                                   "k.cu:1: error: could not open source file \"bsgen/none.cuh\" "
                                   "(no directories in search list)\n"
                                   "  >     1 | #include <bsgen/none.cuh>\n"
                                   "          | "));
}

TEST_CASE("a_suffix_that_nvrtc_does_not_know_is_told") {
  BSGEN_NEED_NVRTC_13_0(toolchain);
  CHECK(nvrtc::compile(toolchain, test::small_source(), sm(90, 'f')).status() ==
        Status(ErrorCode::kUnsupported,
               "nvrtc: sm_90f is not known to NVRTC 13.0; it knows sm_75, sm_80, sm_86, sm_87, "
               "sm_88, sm_89, sm_90, sm_100, sm_103, sm_110, sm_120, sm_121, "
               "some of them with a suffix"));
}

TEST_CASE("a_ptx_error_shows_the_ptx_lines_that_the_assembler_names") {
  BSGEN_NEED_NVRTC_13_0(toolchain);
  if (nvrtc::info(toolchain).nvjitlink_major == 0) BSGEN_SKIP("no nvJitLink");
  const std::string ptx =
      ".version 9.0\n"
      ".target sm_80\n"
      ".address_size 64\n"
      ".visible .entry k()\n"
      "{\n"
      "  .reg .b32 %r<3>;\n"
      "  mvo.u32 %r1, 7;\n"
      "  ret;\n"
      "}\n";
  const Status status = nvrtc::assemble(toolchain, ptx, "k", sm(80)).status();
  CHECK(status == Status(ErrorCode::kCompileFailed,
                         "nvjitlink: k.ptx does not assemble for sm_80: 1 error\n"
                         "k.ptx:7: error: Not a name of any known instruction: 'mvo'\n"
                         "        4 | .visible .entry k()\n"
                         "        5 | {\n"
                         "        6 |   .reg .b32 %r<3>;\n"
                         "  >     7 |   mvo.u32 %r1, 7;\n"
                         "        8 |   ret;\n"
                         "        9 | }\n"
                         "options (nvJitLink 13.0): -arch=sm_80 -lineinfo -Xptxas=-v"));
}

TEST_CASE("ptx_for_a_newer_architecture_is_told") {
  BSGEN_NEED_NVRTC_13_0(toolchain);
  if (nvrtc::info(toolchain).nvjitlink_major == 0) BSGEN_SKIP("no nvJitLink");
  const std::string ptx =
      ".version 9.0\n.target sm_90\n.address_size 64\n.visible .entry k()\n{\n  ret;\n}\n";
  CHECK(nvrtc::assemble(toolchain, ptx, "k", sm(80)).status() ==
        Status(ErrorCode::kCompileFailed,
               "nvjitlink: k.ptx does not assemble for sm_80: 1 error\n"
               "error: SM version specified by .target is higher than default SM version assumed\n"
               "options (nvJitLink 13.0): -arch=sm_80 -lineinfo -Xptxas=-v"));
}

TEST_CASE("ptx_without_the_wanted_kernel_lists_those_it_has") {
  BSGEN_NEED_TOOLCHAIN(toolchain);
  CHECK(nvrtc::assemble(
            toolchain,
            ".visible .entry a()\n{ ret; }\n// .entry no\n.entry b(.param .u64 p)\n{ ret; }\n", "k",
            sm(80))
            .status() ==
        Status(ErrorCode::kInvalidArgument, "ptx: kernel k is wanted, the text declares a, b"));
  CHECK(nvrtc::assemble(toolchain, "", "k", sm(80)).status() ==
        Status(ErrorCode::kInvalidArgument,
               "ptx: the text declares no kernel, k is wanted (.visible .entry k)"));
}

TEST_CASE("many_compile_errors_are_counted_and_long_lines_cut") {
  std::vector<nvrtc::LogEntry> entries;
  for (int i = 0; i < nvrtc::kMostShown + 3; ++i)
    entries.push_back({nvrtc::LogEntry::Severity::kError, "t.cu", 1, 0, "bad", {}});
  entries.push_back({nvrtc::LogEntry::Severity::kWarning, "t.cu", 1, 0, "not shown", {}});
  const std::string source(1000, 'x');
  const std::string message = nvrtc::error_message(
      "nvrtc: t.cu", entries, [&](const std::string&) { return std::string_view(source); });
  CHECK(message.starts_with("nvrtc: t.cu: 11 errors\nt.cu:1: error: bad\n  >     1 | " +
                            std::string(160, 'x') + "...\n"));
  CHECK(message.ends_with("\nand 3 more"));
  CHECK(message.find("not shown") == std::string::npos);
}

TEST_CASE("an_image_that_does_not_hold_together_says_why") {
  KernelImage image;
  CHECK(image.verify() == Status(ErrorCode::kCheckFailed, "image: it names no entry"));
  image.entry = "scale";
  image.ptx = ".entry scale()\n";
  CHECK(image.verify() == Status());
  image.cubin.resize(100);
  CHECK(image.verify() == Status(ErrorCode::kCheckFailed,
                                 "image: 100 bytes of cubin are no CUDA object with kernel scale"));
  image.ptx += '\0';
  CHECK(image.verify() == Status(ErrorCode::kCheckFailed, "image: the PTX of scale holds a NUL"));
}
