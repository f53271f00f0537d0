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

#include <unistd.h>

#include "runtime/sim/sim_device.h"
#include "tests/support/catch.h"
#include "tools/goldgen/recording.h"

namespace bsgen::goldens {
namespace {

std::vector<std::string> recordings() {
  std::vector<std::string> found;
  const char* data = std::getenv("BSGEN_TEST_DATA");
  for (const std::filesystem::path& folder : {std::filesystem::path(HARDWARE_GOLDENS), std::filesystem::path(data ? data : "") / "hardware-goldens"}) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error))
      if (entry.path().extension() == ".bin") found.push_back(entry.path().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string temporary(const char* name) { return (std::filesystem::temp_directory_path() / fmt::format("bsgen-goldens-{}-{}", static_cast<int>(::getpid()), name)).string(); }

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
    CHECK(compared->compared > 0);
  }
}

TEST_CASE("every_case_of_every_architecture_is_answered_by_the_simulated_device") {
  for (const char* arch : {"sm_75", "sm_80", "sm_89", "sm_90"}) {
    const auto device = sim(arch);
    std::size_t answered = 0;
    for (Case c : cases_for(device->info().arch)) {
      c.tiles = 1;
      const auto answer = ask(device, c);
      INFO(arch << " " << c.name << ": " << (answer ? "" : answer.status().message()));
      CHECK(answer.ok());
      answered += answer.ok();
    }
    CHECK(answered > 80);
  }
}

TEST_CASE("a_recording_reads_back_as_it_was_and_a_changed_bit_is_found") {
  const auto device = sim("sm_80");
  Recording made{.gpu = "simulated sm_80", .arch = "sm_80", .date = "2026-01-01", .source = "simulated", .driver = 0, .answers = {}, .skipped = {}};
  for (Case c : cases_for(device->info().arch))
    if (c.name == "fma.rn.f32/edge" || c.name == "mma.m16n8k16.bf16.f32/wide" || c.name == "ex2.approx.ftz.f32/normal" || c.name.starts_with("ldmatrix")) {
      const auto answer = ask(device, c);
      REQUIRE(answer);
      made.answers.push_back(*answer);
    }
  REQUIRE(made.answers.size() >= 4);
  const std::string path = temporary("plumbing.bin");
  REQUIRE(write(made, path).ok());
  auto back = read(path);
  REQUIRE(back);
  CHECK(back->answers == made.answers);
  CHECK((back->gpu == made.gpu && back->arch == made.arch && back->date == made.date && back->source == "simulated"));
  auto compared = compare(*back, device);
  REQUIRE(compared);
  CHECK(compared->differences.empty());
  CHECK(compared->equal == static_cast<int>(made.answers.size()));

  // One bit of one word; an approximate instruction may be off by its bound, not by more.
  for (Answer& answer : back->answers) {
    if (answer.name == "fma.rn.f32/edge") answer.words[5] ^= 1, answer.digest = "";
    if (answer.name == "ex2.approx.ftz.f32/normal") answer.words[0] += 1, answer.words[1] += 3;
  }
  compared = compare(*back, device);
  REQUIRE(compared);
  REQUIRE(compared->differences.size() == 2);
  CHECK(compared->differences[0].find("first word") != std::string::npos);

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

}  // namespace bsgen::goldens
