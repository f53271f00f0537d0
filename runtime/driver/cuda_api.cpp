#include "runtime/driver/cuda_api.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <memory>

#include "compiler/support/made_once.h"
#include "runtime/driver/cuda_status.h"

namespace bsgen::cuda {
namespace {

constexpr const char* kWayOut = "--device sim (or BSGEN_DEVICE=sim) runs on the CPU";

Status missing(std::string message) { return {ErrorCode::kMissing, std::move(message)}; }

// The WSL driver lies where the loader does not look.
constexpr const char* kLibraries[] = {"libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1"};

// A driver stays open for good: other parts of the process may hold on to it, and it cannot be unloaded safely.
Expected<void*> open_library() {
  std::string first_error;
  for (const char* name : kLibraries) {
    if (void* library = dlopen(name, RTLD_NOW | RTLD_LOCAL)) return library;
    const char* error = dlerror();
    if (first_error.empty()) first_error = error ? error : "unknown error";
  }
  if (first_error.find("No such file") != std::string::npos)
    return missing(fmt::format("device: libcuda.so.1 not found; {}", kWayOut));
  return missing(fmt::format("device: libcuda.so.1 cannot be opened: {}; {}", first_error, kWayOut));
}

using DriverGetVersion = CUresult (*)(int*);
using GetProcAddress = CUresult (*)(const char*, void**, int, std::uint64_t, int*);

Status check_version(DriverGetVersion get_version) {
  int version = 0;
  if (const CUresult result = get_version(&version); result != CUDA_SUCCESS)
    return missing(fmt::format("device: cuDriverGetVersion failed with error {}; reinstall the NVIDIA driver, or {}", result, kWayOut));
  if (version < kOldestDriver)
    return missing(fmt::format("device: the NVIDIA driver is for CUDA {}, bsgen needs {} or newer (525.60); update it, or {}",
                               version_text(version), version_text(kOldestDriver), kWayOut));
  return {};
}

Status bind(void* library, CudaApi& api) {
  // cuGetProcAddress is itself versioned: the exported name of the 12.0 signature ends in _v2.
  const auto get_proc_address = reinterpret_cast<GetProcAddress>(dlsym(library, "cuGetProcAddress_v2"));
  if (!get_proc_address)
    return missing(fmt::format("device: libcuda.so.1 has no cuGetProcAddress_v2; update the NVIDIA driver, or {}", kWayOut));
  const auto find = [&](const char* name, int version, bool required, void** address) -> Status {
    int found = -1;
    *address = nullptr;
    const CUresult result = get_proc_address(name, address, version, CU_GET_PROC_ADDRESS_LEGACY_STREAM, &found);
    if (result == CUDA_SUCCESS && found == CU_GET_PROC_ADDRESS_SUCCESS && *address) return {};
    *address = nullptr;
    if (!required) return {};
    return missing(fmt::format("device: libcuda.so.1 has no {} of CUDA {}; update the NVIDIA driver, or {}", name,
                               version_text(version), kWayOut));
  };
#define CUDA_FUNCTION(name, version, need, parameters) \
  BSGEN_TRY(find(#name, version, #need[0] == 'r', reinterpret_cast<void**>(&api.name)));
#include "runtime/driver/cuda_api.def"
#undef CUDA_FUNCTION
  return {};
}

}  // namespace

std::string version_text(int version) { return fmt::format("{}.{}", version / 1000, version % 1000 / 10); }

Expected<const CudaApi*> cuda_api() {
  static constinit MadeOnce<const CudaApi> kept;
  const CudaApi* bound = kept.there();
  if (!bound) {
    BSGEN_ASSIGN(void* library, open_library());
    const auto get_version = reinterpret_cast<DriverGetVersion>(dlsym(library, "cuDriverGetVersion"));
    if (!get_version) return missing(fmt::format("device: libcuda.so.1 is not a CUDA driver (no cuDriverGetVersion); {}", kWayOut));
    BSGEN_TRY(check_version(get_version));
    auto found = std::make_unique<CudaApi>();
    BSGEN_TRY(bind(library, *found));
    bound = &kept.keep(std::move(found));
  }
  const CudaApi& api = *bound;
  BSGEN_TRY(check_version(api.cuDriverGetVersion));
  // Every call after the first is cheap; a failure may have gone away (a driver that was just started).
  if (const CUresult result = api.cuInit(0); result != CUDA_SUCCESS) {
    if (result == CUDA_ERROR_NO_DEVICE) return missing(fmt::format("device: the NVIDIA driver finds no GPU; {}", kWayOut));
    return missing(fmt::format("device: {}; {}", describe(api, result, "cuInit"), kWayOut));
  }
  return &api;
}

}  // namespace bsgen::cuda
