#include "compiler/nvrtc/resource_report.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "tests/unit/nvrtc/toolchain_fixture.h"

using namespace bsgen;
using nvrtc::parse_ptxas_resources;
using nvrtc::read_cubin_resources;
using test::sm;

namespace {

// A kernel that spills, has a stack frame and static shared memory: __launch_bounds__ leaves it 32
// registers.
codegen::KernelSource spilling_source() {
  return {.entry = "spill",
          .name = "spill.cu",
          .cuda = R"(
extern "C" __global__ __launch_bounds__(1024, 2) void spill(float* x, int n) {
  __shared__ float s[1024];
  float a[64];
#pragma unroll
  for (int i = 0; i < 64; ++i) a[i] = x[i * 1024 + threadIdx.x];
  s[threadIdx.x] = a[n & 63];
  __syncthreads();
#pragma unroll 1
  for (int j = 0; j < n; ++j)
#pragma unroll
    for (int i = 0; i < 64; ++i) a[i] = a[i] * s[(i * j) & 1023] + a[(i + 7) & 63];
#pragma unroll
  for (int i = 0; i < 64; ++i) x[i * 1024 + threadIdx.x] = a[i];
}
)",
          .headers = {}};
}

}  // namespace

TEST_CASE("the_assembler_log_yields_the_report_of_one_entry") {
  const char* log =
      "ptxas info    : 0 bytes gmem\n"
      "ptxas info    : Compiling entry function 'other' for 'sm_80'\n"
      "ptxas info    : Function properties for other\n"
      "ptxas         .     16 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n"
      "ptxas info    : Used 99 registers, 8 bytes smem\n"
      "ptxas info    : Compiling entry function 'k' for 'sm_80'\n"
      "ptxas info    : Function properties for k\n"
      "ptxas         .     40 bytes stack frame, 24 bytes spill stores, 12 bytes spill loads\n"
      "ptxas info    : Used 32 registers, used 1 barriers, 256 bytes smem, 364 bytes cmem[0]\n"
      "ptxas info    : Compile time = 23.609 ms\n";
  CHECK(parse_ptxas_resources(log, "k") == ResourceReport{.registers = 32,
                                                          .shared_bytes = 256,
                                                          .spill_bytes = 36,
                                                          .local_bytes = 40,
                                                          .code_bytes = 0});
  CHECK(parse_ptxas_resources(log, "other")->registers == 99);
  CHECK(!parse_ptxas_resources(log, "absent"));
  CHECK(!parse_ptxas_resources("", "k"));
}

TEST_CASE("log_and_cubin_agree_on_registers_shared_memory_and_stack") {
  BSGEN_NEED_TOOLCHAIN(toolchain);
  for (const Arch& arch : {sm(75), sm(80), sm(89), sm(90, 'a')})
    for (const auto& source : {test::small_source(), spilling_source()}) {
      CAPTURE(arch.name(), source.entry);
      const auto image = nvrtc::compile(toolchain, source, arch);
      INFO(image.status().message());
      REQUIRE(image);
      if (image->cubin.empty()) BSGEN_SKIP("no nvJitLink");
      const auto from_cubin = read_cubin_resources(image->cubin, source.entry);
      REQUIRE(from_cubin);
      CHECK(from_cubin->registers == image->resources.registers);
      CHECK(from_cubin->shared_bytes == image->resources.shared_bytes);
      CHECK(from_cubin->local_bytes == image->resources.local_bytes);
      CHECK(from_cubin->code_bytes == image->resources.code_bytes);
    }
}

TEST_CASE("a_kernel_that_spills_says_so") {
  BSGEN_NEED_TOOLCHAIN(toolchain);
  const auto image = nvrtc::compile(toolchain, spilling_source(), sm(80));
  REQUIRE(image);
  if (image->cubin.empty()) BSGEN_SKIP("no nvJitLink");
  CHECK(image->resources.spill_bytes > 0);
  CHECK(image->resources.local_bytes > 0);
  CHECK(image->resources.shared_bytes == 4096);
}

TEST_CASE("a_kernel_without_static_shared_memory_reports_none") {
  BSGEN_NEED_TOOLCHAIN(toolchain);
  codegen::KernelSource source{
      .entry = "none",
      .name = "none.cu",
      .cuda =
          "extern \"C\" __global__ void none(float* x) { extern __shared__ float s[]; "
          "s[threadIdx.x] = x[0]; __syncthreads(); x[1] = s[3]; }\n",
      .headers = {}};
  for (const Arch& arch : {sm(80), sm(90)}) {
    CAPTURE(arch.name());
    const auto image = nvrtc::compile(toolchain, source, arch);
    REQUIRE(image);
    CHECK(image->resources.shared_bytes == 0);
    if (!image->cubin.empty()) CHECK(read_cubin_resources(image->cubin, "none")->shared_bytes == 0);
  }
}

// What nvJitLink reports is what ptxas of the same release says of the same PTX, where the toolkit
// has it.
TEST_CASE("the_report_equals_that_of_ptxas") {
  BSGEN_NEED_TOOLCHAIN(toolchain);
  const auto folder = std::filesystem::path(nvrtc::info(toolchain).nvrtc_path).parent_path();
  std::string ptxas;
  for (const char* shape : {"../bin/ptxas", "../../../bin/ptxas"})
    if (std::filesystem::exists(folder / shape)) ptxas = (folder / shape).string();
  if (ptxas.empty()) BSGEN_SKIP("no ptxas beside NVRTC");
  for (const auto& source : {test::small_source(), spilling_source()}) {
    const auto image = nvrtc::compile(toolchain, source, sm(80));
    REQUIRE(image);
    if (image->cubin.empty()) BSGEN_SKIP("no nvJitLink");
    const auto base = std::filesystem::temp_directory_path() /
                      ("bsgen-ptxas-" + std::to_string(std::random_device{}()));
    std::ofstream(base.string() + ".ptx") << image->ptx;
    const std::string command = ptxas + " -v -lineinfo -arch=sm_80 " + base.string() + ".ptx -o " +
                                base.string() + ".cubin 2> " + base.string() + ".log";
    REQUIRE(std::system(command.c_str()) == 0);
    std::stringstream log, cubin;
    log << std::ifstream(base.string() + ".log").rdbuf();
    cubin << std::ifstream(base.string() + ".cubin", std::ios::binary).rdbuf();
    for (const char* ending : {".ptx", ".cubin", ".log"})
      std::filesystem::remove(base.string() + ending);
    // ptxas indents the line that nvJitLink begins with "ptxas         .".
    std::string text = log.str();
    for (std::size_t at = 0; (at = text.find("\n    ", at)) != std::string::npos;)
      text.replace(at, 5, "\nptxas ");
    auto expected = parse_ptxas_resources(text, source.entry);
    REQUIRE(expected);
    const std::string bytes = cubin.str();
    expected->code_bytes =
        read_cubin_resources(std::as_bytes(std::span(bytes)), source.entry)->code_bytes;
    CHECK(image->resources == *expected);
  }
}

TEST_CASE("damaged_cubins_are_read_without_harm") {
  BSGEN_NEED_TOOLCHAIN(toolchain);
  const auto image = nvrtc::compile(toolchain, test::small_source(), sm(80));
  REQUIRE(image);
  if (image->cubin.empty()) BSGEN_SKIP("no nvJitLink");
  for (std::size_t size = 0; size < image->cubin.size(); size += 7) {
    const std::vector<std::byte> part(image->cubin.begin(),
                                      image->cubin.begin() + static_cast<std::ptrdiff_t>(size));
    (void)read_cubin_resources(part, "scale");
  }
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    auto bytes = image->cubin;
    for (int flips = 0; flips < 8; ++flips)
      bytes[random() % bytes.size()] ^= std::byte(1u << (random() % 8));
    (void)read_cubin_resources(bytes, "scale");
  }
  CHECK(!read_cubin_resources({}, "scale"));
}
