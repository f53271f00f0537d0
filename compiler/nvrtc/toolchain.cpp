#include "compiler/nvrtc/toolchain.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "compiler/nvrtc/build_id.h"
#include "compiler/nvrtc/search.h"
#include "compiler/nvrtc/shared_library.h"
#include "compiler/support/fork_safe_mutex.h"
#include "compiler/support/made_once.h"

namespace bsgen::nvrtc {
namespace {

constexpr int kOldestMajor = 12,
              kOldestMinor = 4;  // what the templates and the option list are tested with

Status missing(std::string message) {
  return Status(ErrorCode::kMissing, std::move(message));
}

// Opens libnvrtc of `folder` ("" = by name, through the loader's path). Not found is an empty
// string in `path`.
struct Found {
  std::string path;  // empty: no NVRTC there
  Expected<SharedLibrary> opened = Status(ErrorCode::kMissing, "");
};

Found find_nvrtc(const std::string& folder) {
  Found found;
  if (!folder.empty()) {
    found.path = highest_version(folder, "libnvrtc.so.");
    if (found.path.empty() && std::filesystem::exists(folder + "/libnvrtc.so"))
      found.path = folder + "/libnvrtc.so";
    if (!found.path.empty()) found.opened = SharedLibrary::open(found.path);
    return found;
  }
  for (const char* name : {"libnvrtc.so.14", "libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"}) {
    found.opened = SharedLibrary::open(name);
    if (found.opened) {
      found.path = found.opened->path();
      break;
    }
  }
  return found;
}

template <class Function>
bool bind(const SharedLibrary& library, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(library.symbol(name));
  return function != nullptr;
}

Status bind_nvrtc(const SharedLibrary& library, NvrtcApi& api) {
#define BSGEN_NVRTC_FUNCTION(result, name, parameters) \
  if (!bind(library, #name, api.name))                 \
    return missing(                                    \
        fmt::format("nvrtc: {} has no {}; CUDA 12.4 or newer has it", library.path(), #name));
#include "compiler/nvrtc/nvrtc_api.def"
#undef BSGEN_NVRTC_FUNCTION
  return {};
}

Status bind_nvjitlink(const SharedLibrary& library, NvJitLinkApi& api) {
#define BSGEN_NVJITLINK_FUNCTION(result, name, parameters) \
  if (!bind(library, #name, api.name))                     \
    return missing(                                        \
        fmt::format("nvjitlink: {} has no {}; CUDA 12.4 or newer has it", library.path(), #name));
#include "compiler/nvrtc/nvjitlink_api.def"
#undef BSGEN_NVJITLINK_FUNCTION
  return {};
}

// NVRTC opens libnvrtc-builtins by name at its first compile and fails with a bare error number
// where it is missing. Opening it here, from the folder that NVRTC came from, makes that work
// wherever the folder is, and the message clear.
Status open_builtins(ToolchainInfo& info) {
  const std::string name =
      fmt::format("libnvrtc-builtins.so.{}.{}", info.nvrtc_major, info.nvrtc_minor);
  const std::string beside = (std::filesystem::path(info.nvrtc_path).parent_path() / name).string();
  auto library = SharedLibrary::open(beside);
  if (!library) library = SharedLibrary::open(name);
  if (!library)
    return missing(
        fmt::format("nvrtc: {} needs {} beside it, which cannot be opened; install the whole of "
                    "CUDA {}.{}'s NVRTC",
                    info.nvrtc_path, name, info.nvrtc_major, info.nvrtc_minor));
  info.builtins_path = library->path();
  info.builtins_build_id = library->build_id();
  return {};
}

// nvJitLink of the same release lies beside NVRTC, or in the wheel beside NVRTC's.
std::vector<std::string> nvjitlink_candidates(const ToolchainInfo& info) {
  const auto folder = std::filesystem::path(info.nvrtc_path).parent_path();
  const std::string name = fmt::format("libnvJitLink.so.{}", info.nvrtc_major);
  return {(folder / name).string(), (folder / "../../nvjitlink/lib" / name).string()};
}

// Only NVRTC found through the loader's path takes nvJitLink from there.
Status open_nvjitlink(Toolchain& toolchain, bool by_name) {
  ToolchainInfo& info = toolchain.info;
  std::vector<std::string> candidates = nvjitlink_candidates(info);
  if (by_name) candidates.push_back(fmt::format("libnvJitLink.so.{}", info.nvrtc_major));
  for (const std::string& path : candidates) {
    auto library = SharedLibrary::open(path);
    if (!library) continue;
    BSGEN_TRY(bind_nvjitlink(*library, toolchain.nvjitlink));
    unsigned major = 0, minor = 0;
    if (toolchain.nvjitlink.nvJitLinkVersion(&major, &minor) != 0)
      return missing(fmt::format("nvjitlink: {} does not tell its version", path));
    info.nvjitlink_path = library->path();
    info.nvjitlink_build_id = library->build_id();
    info.nvjitlink_major = static_cast<int>(major);
    info.nvjitlink_minor = static_cast<int>(minor);
    return check_versions(info);
  }
  return {};
}

Expected<std::unique_ptr<Toolchain>> load(const SharedLibrary& nvrtc, bool by_name) {
  auto toolchain = std::make_unique<Toolchain>();
  ToolchainInfo& info = toolchain->info;
  info.nvrtc_path = nvrtc.path();
  info.nvrtc_build_id = nvrtc.build_id();
  BSGEN_TRY(bind_nvrtc(nvrtc, toolchain->nvrtc));
  if (toolchain->nvrtc.nvrtcVersion(&info.nvrtc_major, &info.nvrtc_minor) != 0)
    return missing(fmt::format("nvrtc: {} does not tell its version", info.nvrtc_path));
  BSGEN_TRY(check_versions(info));
  int count = 0;
  if (toolchain->nvrtc.nvrtcGetNumSupportedArchs(&count) == 0 && count > 0) {
    info.architectures.resize(static_cast<std::size_t>(count));
    toolchain->nvrtc.nvrtcGetSupportedArchs(info.architectures.data());
  }
  BSGEN_TRY(open_builtins(info));
  BSGEN_TRY(open_nvjitlink(*toolchain, by_name));
  return toolchain;
}

Expected<std::unique_ptr<Toolchain>> find_and_load(const std::string& cuda_dir) {
  std::string unusable;
  for (const std::string& folder : library_folders(cuda_dir)) {
    Found found = find_nvrtc(folder);
    if (found.path.empty()) continue;
    if (found.opened) return load(*found.opened, folder.empty());
    unusable += fmt::format(
        "; {}", found.opened.status().message());  // built for another processor, say: go on looking
  }
  return missing(
      fmt::format("nvrtc: libnvrtc not found; looked in {}{}; install a CUDA toolkit (12.4 or "
                  "newer), or pip install nvidia-cuda-nvrtc "
                  "nvidia-nvjitlink, or name the folder in BSGEN_CUDA_DIR",
                  fmt::join(search_places(cuda_dir), ", "), unusable));
}

}  // namespace

Status check_versions(const ToolchainInfo& info) {
  if (std::pair(info.nvrtc_major, info.nvrtc_minor) < std::pair(kOldestMajor, kOldestMinor))
    return missing(fmt::format("nvrtc: {} is version {}.{}, bsgen needs {}.{} or newer",
                               info.nvrtc_path, info.nvrtc_major, info.nvrtc_minor, kOldestMajor,
                               kOldestMinor));
  if (info.nvjitlink_major == 0) return {};
  if (std::pair(info.nvjitlink_major, info.nvjitlink_minor) <
      std::pair(info.nvrtc_major, info.nvrtc_minor))
    return missing(
        fmt::format("nvjitlink: {} is version {}.{}, older than NVRTC {}.{} ({}) whose PTX it "
                    "would assemble; install both from one release",
                    info.nvjitlink_path, info.nvjitlink_major, info.nvjitlink_minor,
                    info.nvrtc_major, info.nvrtc_minor, info.nvrtc_path));
  return {};
}

namespace {

struct Registry {
  ForkSafeMutex mutex;
  std::map<std::string, std::unique_ptr<Toolchain>> opened;
};
constinit MadeOnce<Registry> registry;  // kernels may still be compiled while static objects are being destroyed

// What the files beside `nvrtc` ("libnvrtc.so.13") tell of it. Nothing where they leave a question
// open.
std::optional<ToolchainInfo> identify_files(const std::string& nvrtc) {
  namespace fs = std::filesystem;
  const auto canonical = [](const std::string& path) {
    std::error_code error;
    const fs::path real = fs::canonical(path, error);
    return error ? std::string() : real.string();
  };
  ToolchainInfo info;
  info.nvrtc_path = canonical(nvrtc);
  info.nvrtc_major = std::atoi(nvrtc.substr(nvrtc.rfind('.') + 1).c_str());
  // The one builtins library of this major release names the minor one.
  const std::string folder = fs::path(info.nvrtc_path).parent_path().string();
  const std::string stem = fmt::format("libnvrtc-builtins.so.{}.", info.nvrtc_major);
  const std::string builtins = highest_version(folder, stem);
  if (builtins.empty() || lowest_version(folder, stem) != builtins) return std::nullopt;
  info.nvrtc_minor = std::atoi(builtins.substr(builtins.rfind('.') + 1).c_str());
  info.builtins_path = canonical(builtins);
  for (const std::string& candidate : nvjitlink_candidates(info))
    if (info.nvjitlink_path.empty()) info.nvjitlink_path = canonical(candidate);
  info.nvrtc_build_id = build_of_file(info.nvrtc_path);
  info.builtins_build_id = build_of_file(info.builtins_path);
  if (info.nvrtc_build_id.empty() || info.builtins_build_id.empty()) return std::nullopt;
  if (!info.nvjitlink_path.empty()) {
    info.nvjitlink_build_id = build_of_file(info.nvjitlink_path);
    if (info.nvjitlink_build_id.empty()) return std::nullopt;
  }
  return info;
}

}  // namespace

Expected<const Toolchain*> open_toolchain(const std::string& cuda_dir) {
  Registry& all = registry.get();
  const std::lock_guard lock(all.mutex);
  auto& slot = all.opened[cuda_dir];
  if (!slot) {
    const auto begin = std::chrono::steady_clock::now();
    BSGEN_ASSIGN(slot, find_and_load(cuda_dir));
    slot->info.load_ms =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  }
  return slot.get();
}

Expected<ToolchainInfo> identify_toolchain(const std::string& cuda_dir) {
  {
    Registry& all = registry.get();
    const std::lock_guard lock(all.mutex);
    if (const auto it = all.opened.find(cuda_dir); it != all.opened.end() && it->second)
      return it->second->info;
  }
  for (const std::string& folder : library_folders(cuda_dir)) {
    if (folder.empty()) break;  // only the loader knows its path
    const std::string nvrtc = highest_version(folder, "libnvrtc.so.");
    if (nvrtc.empty() && std::filesystem::exists(folder + "/libnvrtc.so")) break;
    if (nvrtc.empty()) continue;
    if (auto info = identify_files(nvrtc)) return *std::move(info);
    break;
  }
  BSGEN_ASSIGN(const Toolchain* toolchain, open_toolchain(cuda_dir));
  return toolchain->info;
}

const ToolchainInfo& info(const Toolchain& toolchain) {
  return toolchain.info;
}

std::vector<std::string> compile_options(const ToolchainInfo& info, const Arch& arch) {
  std::vector<std::string> options = {
      "-arch=" + arch.virtual_name(),
      "-std=c++20",
      "-fmad=false",      // the PTX fixes every bit; wanted fused multiply-adds are written
      "-lineinfo",        // PTX line -> CUDA line, for reports
      "-default-device",  // templates need not say __device__ everywhere
      "--minimal",        // leaves the runtime's host declarations out: a third of the floor
  };
  // From 12.9 on NVRTC keeps results in the driver's cache, which opens libcuda and falsifies cold
  // timings.
  if (std::pair(info.nvrtc_major, info.nvrtc_minor) >= std::pair(12, 9))
    options.push_back("--no-cache");
  return options;
}

}  // namespace bsgen::nvrtc
