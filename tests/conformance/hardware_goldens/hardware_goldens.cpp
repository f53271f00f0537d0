// The simulated device against what GPUs answered (tools/goldgen), and the plumbing of recordings.
//
// Recordings are looked for in tests/data/hardware-goldens and in $BSGEN_TEST_DATA/hardware-goldens.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include <unistd.h>

#include "compiler/nvrtc/compile.h"
#include "runtime/sim/sim_device.h"
#include "tests/support/catch.h"
#include "tools/goldgen/kernels.h"
#include "tools/goldgen/recording.h"

namespace bsgen::goldens {
namespace {

std::vector<std::string> recordings() {
  std::vector<std::string> found;
  const char* data = std::getenv("BSGEN_TEST_DATA");
  for (const std::filesystem::path& folder :
       {std::filesystem::path(HARDWARE_GOLDENS), std::filesystem::path(data ? data : "") / "hardware-goldens"}) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error))
      if (entry.path().extension() == ".bin") found.push_back(entry.path().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string temporary(const char* name) {
  return (std::filesystem::temp_directory_path() / fmt::format("bsgen-goldens-{}-{}", static_cast<int>(::getpid()), name)).string();
}

std::shared_ptr<Device> sim(const char* arch) { return sim::SimDevice::create({.arch = *Arch::parse(arch)}); }

}  // namespace

TEST_CASE("the_simulated_device_gives_the_bits_that_gpus_recorded") {
  const std::vector<std::string> paths = recordings();
  if (paths.empty()) BSGEN_SKIP("no GPU has been recorded yet: tools/goldgen on a machine with one makes tests/data/hardware-goldens");
  for (const std::string& path : paths) {
    INFO(path);
    const auto recording = read(path);
    INFO((recording ? "" : recording.status().message()));
    REQUIRE(recording);
    CHECK(recording->source == "hardware");  // what sim said of itself proves nothing
    const auto compared = compare(*recording, sim(recording->arch.c_str()));
    INFO((compared ? "" : compared.status().message()));
    REQUIRE(compared);
    for (const std::string& each : compared->differences) FAIL_CHECK(recording->gpu << ": " << each);
    for (const std::string& each : compared->not_compared) WARN(recording->gpu << ": not compared: " << each);
    CHECK(compared->compared > 0);
  }
}

TEST_CASE("every_case_of_every_architecture_is_answered_by_the_simulated_device") {
  for (const auto& [arch, least] : {std::pair("sm_75", 150u), std::pair("sm_80", 200u), std::pair("sm_89", 220u), std::pair("sm_90a", 400u)}) {
    const auto device = sim(arch);
    std::size_t answered = 0;
    std::set<std::string> names;
    std::vector<Case> all = cases_for(device->info().arch);
    for (Case& table : tables_for(device->info().arch, 8)) all.push_back(std::move(table));
    for (Case& c : all) {
      if (c.output_words == 0) c.tiles = 1;
      const auto answer = ask(device, c);
      INFO(arch << " " << c.name << ": " << (answer ? "" : answer.status().message()));
      CHECK(answer.ok());
      CHECK(names.insert(c.name).second);  // inputs are drawn from it
      answered += answer.ok();
    }
    CHECK(answered >= least);
  }
}

TEST_CASE("every_case_takes_one_parameter_as_devices_launch_kernels") {
  const Arch arch = *Arch::parse("sm_90a");
  for (const Case& c : cases_for(arch)) {
    const std::string text = kernel_of(c, arch);
    INFO(text);
    CHECK(text.find(".param", text.find(".param") + 1) > text.find(") {"));
  }
}

// What would assemble here assembles in a driver; one in `step`, all of them in `ctest -C Full`.
static void assemble(std::size_t step) {
  const auto toolchain = nvrtc::open_toolchain("");
  if (!toolchain) BSGEN_SKIP(toolchain.status().message());
  if (nvrtc::info(**toolchain).nvjitlink_major == 0) BSGEN_SKIP("no nvJitLink");
  for (const char* name : {"sm_75", "sm_80", "sm_89", "sm_90a", "sm_100a", "sm_120a"}) {
    const Arch arch = *Arch::parse(name);
    std::vector<Case> all = cases_for(arch);
    for (Case& table : tables_for(arch)) all.push_back(std::move(table));
    for (std::size_t i = 0; i < all.size(); i += step) {
      const auto image = nvrtc::assemble(**toolchain, kernel_of(all[i], arch), "k", arch);
      INFO(name << " " << all[i].name << ": " << image.status().message() << "\n" << kernel_of(all[i], arch));
      CHECK(image.ok());
    }
  }
}
TEST_CASE("cases_assemble_for_every_architecture") { assemble(29); }
TEST_CASE("every_case_assembles_for_every_architecture", "[.full]") { assemble(1); }

TEST_CASE("a_recording_of_every_kind_of_case_reads_back_as_it_was_and_agrees_with_itself") {
  const auto device = sim("sm_90a");
  const std::set<std::string> wanted = {"fma.rn.f32/edge",
                                        "mma.m16n8k16.f32.bf16.bf16.f32/wide",
                                        "mma.m16n8k32.satfinite.s32.s8.u8.s32/normal",
                                        "rcp.approx.f32/normal",
                                        "ldmatrix.x4",
                                        "wgmma.n64.f32.e4m3.e4m3/edge",
                                        "wgmma.n64.f32.bf16.bf16/32B, A by columns, B by rows, normal",
                                        "tma.load.3d.f32, swizzle 128B",
                                        "tma.store.2d.bf16, swizzle 64B, at 24 10",
                                        "tma.reduce.add.noftz.bf16/wide",
                                        "bulk.reduce.dec.u32"};
  std::vector<Case> cases;
  for (Case& c : cases_for(device->info().arch))
    if (wanted.contains(c.name)) cases.push_back(std::move(c));
  REQUIRE(cases.size() == wanted.size());
  for (Case& c : tables_for(device->info().arch, 12)) cases.push_back(std::move(c));
  std::vector<KernelCase> kernels;
  if (nvrtc::open_toolchain(""))
    for (KernelCase& c : kernel_cases())
      if (c.name == "kernel/update.bf16.constant/random:5x6:density=0.4,seed=12") kernels.push_back(std::move(c));

  const Recording made = record(device, 0, "2026-01-01", cases, kernels);
  for (const std::string& each : made.skipped) FAIL_CHECK(each);
  REQUIRE(made.answers.size() == cases.size() + kernels.size());
  const std::string path = temporary("plumbing.bin");
  REQUIRE(write(made, path).ok());
  auto back = read(path);
  INFO(back.status().message());
  REQUIRE(back);
  CHECK(back->answers == made.answers);
  CHECK((back->gpu == made.gpu && back->arch == "sm_90a" && back->date == made.date && back->source == "simulated"));
  auto compared = compare(*back, device);
  REQUIRE(compared);
  CHECK(compared->differences == std::vector<std::string>{});
  CHECK(compared->not_compared == std::vector<std::string>{});
  CHECK(compared->equal == static_cast<int>(made.answers.size()));

  // One bit of one answer of each kind; an approximate instruction may be off by its bound and a rounding, not by more.
  std::vector<std::string> changed;
  for (Answer& answer : back->answers) {
    const bool approximate = answer.name.starts_with("table/") || answer.name.starts_with("rcp");
    if (answer.words.empty()) answer.digest[3] ^= 1;
    else if (approximate) answer.words[5] += 1, answer.words[9] ^= 0x40000;
    else answer.words[77 % answer.words.size()] ^= 1;
    changed.push_back(answer.name);
  }
  compared = compare(*back, device);
  REQUIRE(compared);
  CHECK(compared->equal == 0);
  for (const std::string& name : changed) {
    INFO(name);
    CHECK(std::count_if(compared->differences.begin(), compared->differences.end(),
                        [&](const std::string& d) { return d.starts_with(name + ": "); }) == 1);
  }
  const auto of = [&](const std::string& name) {
    return *std::find_if(compared->differences.begin(), compared->differences.end(), [&](const auto& d) { return d.starts_with(name); });
  };
  CHECK(of("wgmma.n64.f32.e4m3").find("1 of 1024 words differ, first word 77 (cta 0, thread 77, %o0): ") != std::string::npos);
  CHECK(of("tma.load").find("1 of 1024 words differ, first word 77: ") != std::string::npos);
  CHECK(of("rcp").find("1 of 4096 words lie further apart than the PTX ISA allows, first word 9 (cta 0, thread 9, %o0): ") != std::string::npos);
  if (!kernels.empty()) CHECK(of("kernel/").find(": the output's digest is ") != std::string::npos);

  // Words that the file does not keep are told apart by the digest; another kernel's answers are not compared.
  back->answers = {made.answers[0], made.answers[0], made.answers[0]};
  back->answers[0].digest[0] ^= 1;
  back->answers[1].question = "0";
  back->answers[2].name = "fmb.rn.f32/edge";
  compared = compare(*back, device);
  REQUIRE((compared && compared->differences.size() == 1 && compared->not_compared.size() == 2));
  CHECK(compared->differences[0].find("words agree, later ones do not") != std::string::npos);

  // A truncated file is refused.
  std::string bytes;
  {
    std::ifstream file(path, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(file), {});
  }
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size() / 2));
  CHECK(read(path).status().message() == "goldens: " + path + ": is damaged");
  std::filesystem::remove(path);
}

TEST_CASE("tables_of_any_words_come_back") {
  Answer answer;
  answer.name = "table/roots/any";
  answer.question = "question";
  for (std::uint32_t i = 0; i < 300; ++i) answer.words.push_back(i % 7 == 0 ? 0xffffffffu - i * 0x01234567u : 0x3f800000u + i * i);
  answer.num_words = answer.words.size();
  answer.digest = digest_of(answer.words);
  Recording made;
  made.answers = {answer, answer};
  made.answers[1].words.assign(300, 0x7fffffff);
  made.answers[1].digest = digest_of(made.answers[1].words);
  const std::string path = temporary("table.bin");
  REQUIRE(write(made, path).ok());
  const auto back = read(path);
  REQUIRE(back);
  CHECK(back->answers == made.answers);
  made.answers[0].digest = "0";
  REQUIRE(write(made, path).ok());
  CHECK(read(path).status().message() == "goldens: " + path + ": the table of table/roots/any is damaged");
  std::filesystem::remove(path);
}

TEST_CASE("two_approximate_answers_can_both_be_right_within_the_bound_and_one_rounding") {
  const Bound ulp{.ulps = 2}, near_one{.relative = 0x1p-22, .absolute = 0x1p-22}, half{.absolute = 0x1p-8, .format = Bound::Format::kBf16},
      flushed{.ulps = 1, .flushes = true};
  CHECK(can_both_be_right(ulp, 0x3f800000, 0x3f800003));
  CHECK(!can_both_be_right(ulp, 0x3f800000, 0x3f800004));
  CHECK(!can_both_be_right(ulp, 0x3f800000, 0xbf800000));
  CHECK(can_both_be_right(ulp, 0x7f800000, 0x7f7ffffe));  // overflowed a little early
  CHECK(!can_both_be_right(ulp, 0x7f800000, 0xff800000));
  CHECK(can_both_be_right(ulp, 0x7fffffff, 0x7fc00000));
  CHECK(!can_both_be_right(ulp, 0x7fffffff, 0x3f800000));
  CHECK(can_both_be_right(near_one, 0x34000000, 0x00000000));   // 2^-23 and 0
  CHECK(!can_both_be_right(near_one, 0x34c00000, 0x00000000));  // 1.5 x 2^-22
  CHECK(can_both_be_right(half, 0x3f80, 0x3f7f));
  CHECK(!can_both_be_right(half, 0x3f80, 0x3f7c));
  CHECK(!can_both_be_right(half, 0x13f80, 0x3f80));
  CHECK(can_both_be_right(flushed, 0x00800001, 0));
  CHECK(!can_both_be_right(flushed, 0x00800004, 0));
  CHECK(!can_both_be_right(ulp, 0x00800001, 0));
}

}  // namespace bsgen::goldens
