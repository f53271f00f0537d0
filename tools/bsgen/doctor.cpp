// bsgen doctor: what was found on this machine, what was not, and how to get it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <optional>

#include "compiler/nvrtc/compile.h"
#include "runtime/cache/cache_files.h"
#include "runtime/cache/disk_cache.h"
#include "runtime/driver/cuda_api.h"
#include "runtime/driver/cuda_device.h"
#include "runtime/sim/exec/tensor_core.h"
#include "tools/bsgen/cli.h"
#include "tools/bsgen/text.h"

namespace bsgen::cli {
namespace {

struct DoctorArguments {
  bool json = false;
  std::string cache_dir;
};

// One line of the answer, and one key of --json.
struct Finding {
  std::string part;
  bool found = false;
  bool needed = false;  // no kernel is made or run without it
  std::string text;     // what was found, or what is missing and how to get it
  Json facts = Json::object();
};

Finding missing(std::string part, bool needed, const Status& why) {
  return {std::move(part), false, needed, why.message(), {}};
}

Finding library(std::string part, int major, int minor, const std::string& path,
                const std::string& build_id, bool needed) {
  return {
      std::move(part),
      true,
      needed,
      fmt::format("{}.{}, {} (build {})", major, minor, path, build_id.substr(0, 12)),
      {{"version", fmt::format("{}.{}", major, minor)}, {"path", path}, {"build_id", build_id}}};
}

// A kernel that does nothing goes all the way: this is what a broken installation cannot do.
Finding trial(const nvrtc::Toolchain& toolchain, const nvrtc::ToolchainInfo& info) {
  const codegen::KernelSource source{.entry = "empty",
                                     .name = "empty.cu",
                                     .cuda = "extern \"C\" __global__ void empty() {}\n",
                                     .headers = {}};
  const auto image = nvrtc::compile(toolchain, source, Arch{});
  if (!image) return missing("compiling", true, image.status());
  return {"compiling",
          true,
          true,
          fmt::format("an empty kernel in {} ms (CUDA to PTX) + {} ms (PTX to cubin); the "
                      "libraries opened in {} ms",
                      significant(image->nvrtc_ms), significant(image->assemble_ms),
                      significant(info.load_ms)),
          {{"nvrtc_ms", image->nvrtc_ms},
           {"assemble_ms", image->assemble_ms},
           {"load_ms", info.load_ms}}};
}

void examine_compilers(std::vector<Finding>& findings) {
  const auto toolchain = nvrtc::open_toolchain(environment().cuda_dir);
  if (!toolchain) {
    findings.push_back(missing("NVRTC", true, toolchain.status()));
  } else {
    const nvrtc::ToolchainInfo& info = nvrtc::info(**toolchain);
    findings.push_back(library("NVRTC", info.nvrtc_major, info.nvrtc_minor, info.nvrtc_path,
                               info.nvrtc_build_id, true));
    findings.back().facts["architectures"] = info.architectures;
    findings.back().facts["builtins_path"] = info.builtins_path;
    findings.back().facts["builtins_build_id"] = info.builtins_build_id;
    if (info.nvjitlink_major != 0)
      findings.push_back(library("nvJitLink", info.nvjitlink_major, info.nvjitlink_minor,
                                 info.nvjitlink_path, info.nvjitlink_build_id, false));
    else
      findings.push_back({"nvJitLink",
                          false,
                          false,
                          fmt::format("not found beside NVRTC: there are no cubins and no reports, "
                                      "a GPU's driver assembles the PTX; pip install "
                                      "nvidia-nvjitlink=={}.{}.*",
                                      info.nvrtc_major, info.nvrtc_minor),
                          {}});
    findings.push_back(trial(**toolchain, info));
  }
  const auto disassembler = nvrtc::find_disassembler();
  if (disassembler)
    findings.push_back({"nvdisasm", true, false, *disassembler, {{"path", *disassembler}}});
  else
    findings.push_back(missing("nvdisasm", false, disassembler.status()));
}

void examine_gpus(std::vector<Finding>& findings) {
  const auto driver = cuda::driver_info();
  if (!driver) {
    findings.push_back(missing("driver", false, driver.status()));
    return;
  }
  findings.push_back({"driver",
                      true,
                      false,
                      "CUDA " + cuda::version_text(driver->version),
                      {{"version", cuda::version_text(driver->version)}}});
  for (const DeviceInfo& device : driver->devices)
    findings.push_back(
        {device.name,
         true,
         false,
         fmt::format("{}, {}, {} multiprocessors", device.model, device.arch.name(),
                     device.num_sms),
         {{"model", device.model}, {"arch", device.arch.name()}, {"num_sms", device.num_sms}}});
}

// Which architectures' arithmetic the simulated device has recordings for.
Finding simulated_models() {
  std::vector<std::string> confirmed, unconfirmed;
  Json models = Json::object();
  for (const int number : {75, 80, 86, 87, 88, 89, 90, 100, 103, 110, 120, 121}) {
    const Arch arch{.number = number, .suffix = '\0'};
    const bool backed = sim::tensor_core_model(arch).confirmed;
    (backed ? confirmed : unconfirmed).push_back(arch.name());
    models[arch.name()] = backed ? "confirmed" : "unconfirmed";
  }
  return {"sim",
          true,
          false,
          fmt::format(
              "the simulated device; arithmetic held to recordings of {}; model unconfirmed: {}",
              fmt::join(confirmed, ", "), fmt::join(unconfirmed, ", ")),
          {{"models", models}}};
}

Expected<Finding> examine_cache(const DoctorArguments& arguments) {
  const std::string directory = runtime::cache_directory(
      arguments.cache_dir.empty() ? environment().cache_dir : arguments.cache_dir);
  const runtime::Trust trust = environment().cache_trust_shared ? runtime::Trust::kShared : runtime::Trust::kOwn;
  if (const std::string why = runtime::why_unusable(directory, trust); !why.empty())
    return Finding{"cache",
                   false,
                   false,
                   fmt::format("{} cannot be used: {}; kernels are kept in memory only; name "
                               "another folder with --cache-dir or BSGEN_CACHE_DIR",
                               directory.empty() ? "the default folder" : directory, why),
                   {{"directory", directory}}};
  BSGEN_ASSIGN(const CacheStats stats, runtime::cache_stats(directory, trust));
  return Finding{
      "cache",
      true,
      false,
      fmt::format("{}: {}, {} bytes", directory,
                  count(static_cast<std::int64_t>(stats.entries), "entry", "entries"), stats.bytes),
      {{"directory", directory}, {"entries", stats.entries}, {"bytes", stats.bytes}}};
}

Expected<int> doctor(const DoctorArguments& arguments) {
  std::vector<Finding> findings;
  examine_compilers(findings);
  examine_gpus(findings);
  findings.push_back(simulated_models());
  BSGEN_ASSIGN(Finding cache, examine_cache(arguments));
  findings.push_back(std::move(cache));

  bool works = true;
  for (const Finding& finding : findings) works = works && (finding.found || !finding.needed);
  if (arguments.json) {
    Json json = {
        {"schema", 1}, {"bsgen", BSGEN_VERSION}, {"works", works}, {"findings", Json::array()}};
    for (const Finding& finding : findings) {
      Json one = {{"part", finding.part},
                  {"found", finding.found},
                  {"needed", finding.needed},
                  {"text", finding.text}};
      for (const auto& [key, value] : finding.facts.items()) one[key] = value;
      json["findings"].push_back(std::move(one));
    }
    BSGEN_TRY(print_json(json));
    return works ? 0 : 3;
  }
  std::string text = bold(fmt::format("bsgen {}", BSGEN_VERSION)) + "\n";
  for (const Finding& finding : findings) {
    const std::string mark = finding.found    ? green("found  ")
                             : finding.needed ? red("MISSING")
                                              : "missing";
    text += fmt::format("  {}  {:<10} {}\n", mark, finding.part, finding.text);
  }
  text += works ? "kernels can be made and run here\n"
                : "kernels cannot be made here: see MISSING above\n";
  BSGEN_TRY(print(text));
  return works ? 0 : 3;
}

}  // namespace

void add_doctor(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand(
      "doctor", "what was found (driver, NVRTC, devices, cache), what was not and how to get it");
  auto arguments = std::make_shared<DoctorArguments>();
  verb->add_flag("--json", arguments->json, "one JSON object on standard output");
  verb->add_option("--cache-dir", arguments->cache_dir,
                   "the cache; default BSGEN_CACHE_DIR, $XDG_CACHE_HOME/bsgen, ~/.cache/bsgen")
      ->type_name("DIR");
  verb->footer(
      "\nExit status 3 if something is missing that every kernel needs. A GPU is not: the "
      "simulated device runs kernels on the CPU.");
  verb->callback([arguments, &action] { action = [arguments] { return doctor(*arguments); }; });
}

}  // namespace bsgen::cli
