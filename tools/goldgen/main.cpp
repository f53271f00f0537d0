// goldgen: asks a device what its instructions compute and keeps the answers, so that the simulated device can be held to them.
//
//   goldgen record [--device cuda:0] [FILE]   asks every case, writes FILE (default goldens-ARCH.bin)
//   goldgen compare FILE... [--device sim]    asks again and counts what differs; exit status 1 if anything does
//   goldgen show FILE                         what a file holds
#include <fmt/format.h>

#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "runtime/driver/cuda_device.h"
#include "runtime/sim/sim_device.h"
#include "tools/goldgen/recording.h"

namespace {

using namespace bsgen;
using namespace bsgen::goldens;

int fail(const Status& status) {
  std::fprintf(stderr, "goldgen: %s\n", status.message().c_str());
  return exit_status(status.code());
}

int usage() {
  std::fprintf(stderr, "usage: goldgen record [--device cuda:0|sim|sim:ARCH] [FILE] | compare FILE... [--device sim:ARCH] | show FILE\n");
  return 2;
}

std::string today() {
  char text[16] = {};
  const std::time_t now = std::time(nullptr);
  std::strftime(text, sizeof text, "%Y-%m-%d", std::gmtime(&now));
  return text;
}

int record_to(const std::string& name, std::string path) {
  auto device = Device::open(name);
  if (!device) return fail(device.status());
  int driver = 0;
  if ((*device)->info().kind == "cuda")
    if (const auto info = cuda::driver_info()) driver = info->version;
  const auto made = record(*device, driver, today());
  if (!made) return fail(made.status());
  if (path.empty()) path = fmt::format("goldens-{}.bin", made->arch);
  if (const Status written = write(*made, path); !written.ok()) return fail(written);
  for (const std::string& skipped : made->skipped) std::printf("not recorded: %s\n", skipped.c_str());
  std::printf("%zu answers of %s (%s, driver %d, %s) in %s\n", made->answers.size(), made->gpu.c_str(), made->arch.c_str(), made->driver, made->source.c_str(), path.c_str());
  return made->answers.empty() ? 1 : 0;
}

int compare_with(const std::vector<std::string>& paths, const std::string& name) {
  bool same = true;
  for (const std::string& path : paths) {
    const auto recording = read(path);
    if (!recording) return fail(recording.status());
    auto device = Device::open(name.empty() ? fmt::format("sim:{}", recording->arch) : name);
    if (!device) return fail(device.status());
    const auto compared = compare(*recording, *device);
    if (!compared) return fail(compared.status());
    for (const std::string& each : compared->differences) std::printf("%s\n", each.c_str());
    for (const std::string& each : compared->not_compared) std::printf("not compared: %s\n", each.c_str());
    std::printf("%s: %s of %s, %d of %d answers agree with %s\n", path.c_str(), recording->source.c_str(), recording->gpu.c_str(), compared->equal, compared->compared,
                (*device)->info().model.c_str());
    same &= compared->equal == compared->compared && compared->compared > 0;
  }
  return same ? 0 : 1;
}

int show(const std::string& path) {
  const auto recording = read(path);
  if (!recording) return fail(recording.status());
  std::printf("%s, %s, driver %d, %s, %s\n", recording->gpu.c_str(), recording->arch.c_str(), recording->driver, recording->date.c_str(), recording->source.c_str());
  for (const Answer& answer : recording->answers) std::printf("%-44s %8llu words %s\n", answer.name.c_str(), static_cast<unsigned long long>(answer.num_words), answer.digest.c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc), rest;
  std::string device;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--device" && i + 1 < words.size()) device = words[++i];
    else rest.push_back(words[i]);
  }
  if (rest.empty()) return usage();
  if (rest[0] == "record" && rest.size() <= 2) return record_to(device.empty() ? "cuda:0" : device, rest.size() > 1 ? rest[1] : "");
  if (rest[0] == "compare" && rest.size() >= 2) return compare_with({rest.begin() + 1, rest.end()}, device);
  if (rest[0] == "show" && rest.size() == 2) return show(rest[1]);
  return usage();
}
