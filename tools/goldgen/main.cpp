// goldgen: asks a device what its instructions compute and keeps the answers, so that the simulated device can be held to them.
//
//   goldgen record [--device cuda:0] [--only PREFIX] [--skip PREFIX] [FILE]
//       asks every case and kernel, writes FILE (default goldens-ARCH.bin), and the tables of approximate functions beside it, one
//       file a group (goldens-ARCH-roots.bin). PREFIX: of names, "wgmma.", "table/"; several are possible
//   goldgen compare FILE... [--device sim]    asks again and counts what differs; exit status 1 if anything does
//   goldgen show FILE                         what a file holds
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <map>
#include <string>
#include <vector>

#include "runtime/driver/cuda_device.h"
#include "runtime/sim/sim_device.h"
#include "tools/goldgen/kernels.h"
#include "tools/goldgen/recording.h"

namespace {

using namespace bsgen;
using namespace bsgen::goldens;

int fail(const Status& status) {
  std::fprintf(stderr, "goldgen: %s\n", status.message().c_str());
  return exit_status(status.code());
}

int usage() {
  std::fprintf(stderr,
               "usage: goldgen record [--device cuda:0|sim|sim:ARCH] [--only PREFIX] [--skip PREFIX] [FILE] | compare FILE... [--device sim:ARCH] | "
               "show FILE\n");
  return 2;
}

std::string today() {
  char text[16] = {};
  const std::time_t now = std::time(nullptr);
  std::strftime(text, sizeof text, "%Y-%m-%d", std::gmtime(&now));
  return text;
}

struct Arguments {
  std::string device;
  std::vector<std::string> only, skip, rest;
  bool wants(const std::string& name) const {
    const auto begins = [&](const std::string& prefix) { return name.starts_with(prefix); };
    return (only.empty() || std::any_of(only.begin(), only.end(), begins)) && std::none_of(skip.begin(), skip.end(), begins);
  }
};

// "a/goldens.bin" and "roots" -> "a/goldens-roots.bin"
std::string beside(const std::string& path, const std::string& group) {
  const std::size_t dot = path.ends_with(".bin") ? path.size() - 4 : path.size();
  return path.substr(0, dot) + "-" + group + ".bin";
}

int keep(const Recording& made, const std::string& path) {
  for (const std::string& skipped : made.skipped) std::printf("not recorded: %s\n", skipped.c_str());
  if (!made.lost.empty())
    std::printf("%s stopped answering at %s; once it is well again, record the others with --skip \"%s\"\n", made.gpu.c_str(), made.lost.c_str(),
                made.lost.c_str());
  if (made.answers.empty()) return 1;
  if (const Status written = write(made, path); !written.ok()) return fail(written);
  std::printf("%zu answers of %s (%s, driver %d, %s) in %s\n", made.answers.size(), made.gpu.c_str(), made.arch.c_str(), made.driver,
              made.source.c_str(), path.c_str());
  return made.lost.empty() ? 0 : 1;
}

int record_to(const Arguments& arguments) {
  auto device = Device::open(arguments.device.empty() ? "cuda:0" : arguments.device);
  if (!device) return fail(device.status());
  const Arch arch = (*device)->info().arch;
  int driver = 0;
  if ((*device)->info().kind == "cuda")
    if (const auto info = cuda::driver_info()) driver = info->version;
  const std::string path = arguments.rest.size() > 1 ? arguments.rest[1] : fmt::format("goldens-{}.bin", arch.name());

  std::vector<Case> cases;
  for (Case& c : cases_for(arch))
    if (arguments.wants(c.name)) cases.push_back(std::move(c));
  std::vector<KernelCase> kernels;
  for (KernelCase& c : kernel_cases())
    if (arguments.wants(c.name)) kernels.push_back(std::move(c));
  std::map<std::string, std::vector<Case>> tables;  // by group
  for (Case& c : tables_for(arch))
    if (arguments.wants(c.name)) tables[c.name.substr(6, c.name.find('/', 6) - 6)].push_back(std::move(c));
  if (cases.empty() && kernels.empty() && tables.empty())
    return fail({ErrorCode::kInvalidArgument, "no case has such a name; goldgen show lists those of a file"});

  int status = 0;
  if (!cases.empty() || !kernels.empty()) status = keep(record(*device, driver, today(), cases, kernels), path);
  for (const auto& [group, of_group] : tables)
    if (status == 0) status = keep(record(*device, driver, today(), of_group, {}), beside(path, group));
  return status;
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
    for (const std::string& each : compared->within) std::printf("%s\n", each.c_str());
    for (const std::string& each : compared->not_compared) std::printf("not compared: %s\n", each.c_str());
    std::printf("%s: %s of %s, %d of %d answers agree with %s\n", path.c_str(), recording->source.c_str(), recording->gpu.c_str(), compared->equal,
                compared->compared, (*device)->info().model.c_str());
    same &= compared->equal == compared->compared && compared->compared > 0;
  }
  return same ? 0 : 1;
}

int show(const std::string& path) {
  const auto recording = read(path);
  if (!recording) return fail(recording.status());
  std::printf("%s, %s, driver %d, %s, %s\n", recording->gpu.c_str(), recording->arch.c_str(), recording->driver, recording->date.c_str(),
              recording->source.c_str());
  for (const Answer& answer : recording->answers)
    std::printf("%-60s %8llu words %s\n", answer.name.c_str(), static_cast<unsigned long long>(answer.num_words), answer.digest.c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (!word.starts_with("--")) {
      arguments.rest.push_back(word);
      continue;
    }
    if (i + 1 == argc) return usage();
    const std::string value = argv[++i];
    if (word == "--device") arguments.device = value;
    else if (word == "--only") arguments.only.push_back(value);
    else if (word == "--skip") arguments.skip.push_back(value);
    else return usage();
  }
  const std::vector<std::string>& rest = arguments.rest;
  if (rest.empty()) return usage();
  if (rest[0] == "record" && rest.size() <= 2) return record_to(arguments);
  if (rest[0] == "compare" && rest.size() >= 2) return compare_with({rest.begin() + 1, rest.end()}, arguments.device);
  if (rest[0] == "show" && rest.size() == 2) return show(rest[1]);
  return usage();
}
