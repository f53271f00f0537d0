// PTX text -> module: both dialects of NVRTC, locations, and that no text whatever crashes or hangs the parser.
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "runtime/sim/decode/decoder.h"
#include "runtime/sim/ptx/parser.h"
#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}
std::vector<std::filesystem::path> goldens() {
  std::vector<std::filesystem::path> made;
  for (const auto& entry : std::filesystem::directory_iterator(BSGEN_SIM_KERNELS))
    if (entry.path().extension() == ".ptx") made.push_back(entry.path());
  return made;
}

TEST_CASE("both_dialects_of_nvrtc_load") {
  REQUIRE(goldens().size() >= 3);
  for (const auto& path : goldens()) {
    INFO(path.string());
    const auto module = ptx::parse(read(path));
    INFO(module.status().message());
    REQUIRE(module.ok());
    for (const ptx::Function& function : module->functions) {
      if (!function.is_entry) continue;
      const auto sim = SimDevice::create({.arch = {.number = module->target, .suffix = module->target_suffix}});
      KernelImage image;
      image.entry = std::string(function.name);
      image.ptx = read(path);
      const auto loaded = sim->load(image, 49152);
      INFO(loaded.status().message());
      CHECK(loaded.ok());
    }
  }
}

TEST_CASE("locations_give_the_innermost_cuda_line_and_file") {
  const auto module = ptx::parse(
      ".version 9.0\n.target sm_80\n.address_size 64\n.visible .entry k()\n{\n.loc 1 40 3\nret;\n.loc 2 7 1, function_name $L__info, inlined_at 1 41 9\nret;\n}\n"
      ".file 1 \"/some/where/kernel.cu\"\n.file 2 \"tile.cuh\"\n.section .debug_str\n{\n$L__info:\n.b8 95,90,0\n}\n");
  REQUIRE(module.ok());
  const auto& body = module->functions[0].body;
  CHECK(body[0].line.ptx == 7);
  CHECK(body[0].line.cuda == 40);
  CHECK(module->files[static_cast<std::size_t>(body[0].line.cuda_file)] == "kernel.cu");
  CHECK(body[1].line.cuda == 7);
  CHECK(module->files[static_cast<std::size_t>(body[1].line.cuda_file)] == "tile.cuh");
}

TEST_CASE("truncated_and_damaged_text_gives_an_error_or_a_module_never_more") {
  const std::string text = read(goldens()[0]);
  for (std::size_t cut = 0; cut < text.size(); cut += 97) (void)ptx::parse(text.substr(0, cut));
  std::mt19937 random(5);
  const std::string alphabet = "%{}[]().,;:@!|<>+-_0123456789abrs \"\n";
  for (int i = 0; i < 200; ++i) {
    std::string damaged = text;
    for (int k = 0; k < 5; ++k) damaged[random() % damaged.size()] = alphabet[random() % alphabet.size()];
    KernelImage image;
    image.entry = "k";
    image.ptx = damaged;
    const auto module = ptx::parse(damaged);
    if (!module) {
      CHECK(module.status().code() == ErrorCode::kInvalidArgument);
      continue;
    }
    for (const ptx::Function& function : module->functions)
      if (function.is_entry) (void)decode(*module, function, std::vector<std::uint64_t>(module->variables.size(), 1u << 20));
  }
  SUCCEED();
}

TEST_CASE("registers_share_places_when_their_lives_do_not_overlap") {
  std::string body = "ld.param.u64 %rd1, [in];\nmov.u32 %r0, 1;\n";
  for (int i = 1; i < 60; ++i) body += "add.s32 %r" + std::to_string(i) + ", %r" + std::to_string(i - 1) + ", 3;\n";
  body += "st.global.u32 [%rd1], %r59;\n";
  const auto module = ptx::parse(kernel_text(body));
  REQUIRE(module.ok());
  const auto program = decode(*module, module->functions[0], {});
  REQUIRE(program.ok());
  CHECK(program->register_file_bytes <= 2048);  // 60 chained registers need two places
}

}  // namespace
}  // namespace bsgen::sim::test
