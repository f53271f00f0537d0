#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>
#include <thread>

#include "compiler/nvrtc/resource_report.h"
#include "tests/unit/nvrtc/toolchain_fixture.h"

using namespace bsgen;
using test::sm;

TEST_CASE("a_small_kernel_becomes_ptx_and_a_cubin_with_its_report") {
  BSGEN_NEED_TOOLCHAIN(toolchain);
  const auto image = nvrtc::compile(toolchain, test::small_source(), sm(80));
  INFO(image.status().message());
  REQUIRE(image);
  CHECK(image->verify() == Status());
  CHECK(image->entry == "scale");
  CHECK(image->arch == sm(80));
  CHECK(image->ptx.find(".target sm_80") != std::string::npos);
  CHECK(image->ptx.find('\0') == std::string::npos);
  CHECK(image->nvrtc_ms > 0);
  if (nvrtc::info(toolchain).nvjitlink_major == 0) BSGEN_SKIP("no nvJitLink");
  CHECK(nvrtc::is_cubin(image->cubin));
  CHECK(image->resources.registers > 0);
  CHECK(image->resources.shared_bytes == 256);
  CHECK(image->resources.spill_bytes == 0);
  CHECK(image->resources.local_bytes == 0);
  CHECK(image->resources.code_bytes > 0);
  CHECK(image->assemble_ms > 0);
}

TEST_CASE("multiplications_and_additions_are_not_contracted") {
  BSGEN_NEED_TOOLCHAIN(toolchain);
  const auto image = nvrtc::compile(toolchain, test::small_source(), sm(80));
  REQUIRE(image);
  CHECK(image->ptx.find("fma") == std::string::npos);
  CHECK(image->ptx.find("mul") != std::string::npos);
}

TEST_CASE("the_same_source_gives_the_same_bytes_in_every_directory_and_thread") {
  BSGEN_NEED_TOOLCHAIN(toolchain);
  const auto first = nvrtc::compile(toolchain, test::small_source(), sm(80));
  REQUIRE(first);
  // -lineinfo names the files as the source does, without the working directory that NVRTC puts
  // before them.
  CHECK(first->ptx.find("\"scale.cu\"") != std::string::npos);
  CHECK(first->ptx.find("\"bsgen/twice.cuh\"") != std::string::npos);

  const auto here = std::filesystem::current_path();
  std::filesystem::current_path("/");
  const auto second = nvrtc::compile(toolchain, test::small_source(), sm(80));
  std::filesystem::current_path(here);
  REQUIRE(second);
  CHECK(second->ptx == first->ptx);
  CHECK(second->cubin == first->cubin);

  std::vector<Expected<KernelImage>> images(4, Status(ErrorCode::kInternal, "not run"));
  std::vector<std::thread> threads;
  for (auto& image : images)
    threads.emplace_back([&] { image = nvrtc::compile(toolchain, test::small_source(), sm(80)); });
  for (auto& thread : threads) thread.join();
  for (const auto& image : images) {
    REQUIRE(image);
    CHECK(image->ptx == first->ptx);
    CHECK(image->cubin == first->cubin);
  }
}

TEST_CASE("every_architecture_that_nvrtc_lists_compiles_and_assembles") {
  BSGEN_NEED_TOOLCHAIN(toolchain);
  for (const int number : nvrtc::info(toolchain).architectures) {
    if (number < 75) continue;
    CAPTURE(number);
    const auto image = nvrtc::compile(toolchain, test::small_source(), sm(number));
    INFO(image.status().message());
    CHECK(image);
  }
}

TEST_CASE("architectures_with_a_suffix_compile_and_assemble") {
  BSGEN_NEED_TOOLCHAIN(toolchain);
  std::vector<Arch> wanted = {sm(90, 'a')};
  if (nvrtc::info(toolchain).nvrtc_major >= 13)
    wanted.insert(wanted.end(), {sm(100, 'a'), sm(100, 'f'), sm(120, 'a'), sm(120, 'f')});
  for (const Arch& arch : wanted) {
    CAPTURE(arch.name());
    const auto image = nvrtc::compile(toolchain, test::small_source(), arch);
    INFO(image.status().message());
    REQUIRE(image);
    CHECK(image->ptx.find(".target " + arch.name()) != std::string::npos);
  }
}

TEST_CASE("edited_ptx_assembles_as_it_stands") {
  BSGEN_NEED_TOOLCHAIN(toolchain);
  const auto image = nvrtc::compile(toolchain, test::small_source(), sm(80));
  REQUIRE(image);
  const std::string edited = "// my own comment\n" + image->ptx;
  const auto again = nvrtc::assemble(toolchain, edited + '\0', "scale", sm(80));
  INFO(again.status().message());
  REQUIRE(again);
  CHECK(again->ptx == edited);
  CHECK(again->resources == image->resources);
}

TEST_CASE("an_image_prints_as_ptx_with_its_report_in_comments") {
  BSGEN_NEED_TOOLCHAIN(toolchain);
  const auto image = nvrtc::compile(toolchain, test::small_source(), sm(80));
  REQUIRE(image);
  std::ostringstream text;
  image->dump(text);
  CHECK(text.str().starts_with("// image scale for sm_80: "));
  CHECK(nvrtc::assemble(toolchain, text.str(), "scale", sm(80)));
}

TEST_CASE("an_image_that_does_not_hold_its_kernel_does_not_verify") {
  BSGEN_NEED_TOOLCHAIN(toolchain);
  const auto image = nvrtc::compile(toolchain, test::small_source(), sm(80));
  REQUIRE(image);
  auto other = *image;
  other.entry = "scales";
  CHECK(other.verify().code() == ErrorCode::kInvalidArgument);
  other = *image;
  other.ptx += '\0';
  CHECK(other.verify().code() == ErrorCode::kCheckFailed);
  if (image->cubin.empty()) return;
  other = *image;
  other.cubin[0] = std::byte{0};
  CHECK(other.verify().code() == ErrorCode::kCheckFailed);
  other = *image;
  other.cubin.resize(other.cubin.size() / 2);
  CHECK(other.verify().code() == ErrorCode::kCheckFailed);
}

TEST_CASE("a_toolchain_is_identified_from_its_files_as_it_is_when_opened") {
  std::vector<std::string> folders = {BSGEN_CUDA12_WHEELS};
  if (const char* named = std::getenv("BSGEN_CUDA_DIR"))
    folders.push_back(named);
  else
    folders.push_back("");
  bool any = false;
  for (const std::string& folder : folders) {
    CAPTURE(folder);
    const auto files = nvrtc::identify_toolchain(folder);
    const auto opened = nvrtc::open_toolchain(folder);
    REQUIRE(files.ok() == opened.ok());
    if (!opened) continue;
    any = true;
    const nvrtc::ToolchainInfo& info = nvrtc::info(**opened);
    CHECK(files->nvrtc_path == info.nvrtc_path);
    CHECK(files->builtins_path == info.builtins_path);
    CHECK(files->nvjitlink_path == info.nvjitlink_path);
    CHECK(files->nvrtc_build_id == info.nvrtc_build_id);
    CHECK(files->builtins_build_id == info.builtins_build_id);
    CHECK(files->nvjitlink_build_id == info.nvjitlink_build_id);
    CHECK(nvrtc::compile_options(*files, sm(80)) == nvrtc::compile_options(info, sm(80)));
    CHECK(!info.nvrtc_build_id.empty());
    CHECK(!info.builtins_build_id.empty());
  }
  if (!any) BSGEN_SKIP("NVRTC not found");
}

TEST_CASE("a_child_of_fork_compiles_when_no_compile_was_running") {
  BSGEN_NEED_TOOLCHAIN(toolchain);
  REQUIRE(nvrtc::compile(toolchain, test::small_source(), sm(80)));
  const pid_t child = fork();
  if (child == 0) _exit(nvrtc::compile(toolchain, test::small_source(), sm(80)) ? 0 : 1);
  int state = 0;
  REQUIRE(waitpid(child, &state, 0) == child);
  CHECK((WIFEXITED(state) && WEXITSTATUS(state) == 0));
}

TEST_CASE("cuda_12_4_compiles_and_assembles_too") {
  const auto oldest = nvrtc::open_toolchain(BSGEN_CUDA12_WHEELS);
  if (!oldest) BSGEN_SKIP(oldest.status().message());
  const nvrtc::ToolchainInfo& info = nvrtc::info(**oldest);
  CHECK(info.nvrtc_major == 12);
  CHECK(info.nvjitlink_major == 12);
  CHECK(!info.nvrtc_build_id.empty());
  for (const auto& option : nvrtc::compile_options(info, sm(80))) CHECK(option != "--no-cache");
  const auto image = nvrtc::compile(**oldest, test::small_source(), sm(80));
  INFO(image.status().message());
  REQUIRE(image);
  CHECK(image->verify() == Status());
  CHECK(image->resources.shared_bytes == 256);
  CHECK(image->resources.registers > 0);
}

TEST_CASE("a_cubin_is_listed_as_sass_where_a_disassembler_is_found") {
  BSGEN_NEED_TOOLCHAIN(toolchain);
  if (const auto tool = nvrtc::find_disassembler(); !tool) BSGEN_SKIP(tool.status().message());
  const auto image = nvrtc::compile(toolchain, test::small_source(), sm(80));
  REQUIRE(image);
  if (image->cubin.empty()) BSGEN_SKIP("no nvJitLink");
  const auto sass = nvrtc::disassemble(image->cubin);
  INFO(sass.status().message());
  REQUIRE(sass);
  CHECK(sass->find("BAR.SYNC") != std::string::npos);
  CHECK(sass->find("EXIT") != std::string::npos);
  const std::byte junk[16] = {};
  CHECK(nvrtc::disassemble(junk).status().code() == ErrorCode::kCheckFailed);
}
