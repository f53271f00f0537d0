// What a program finds in libcuda.so.1: cuGetProcAddress and the few names that are looked up before it.
#include <cstring>

#include "tests/support/fake_cuda/functions.h"

namespace {

using namespace bsgen::cuda;

struct EntryPoint {
  const char* name;
  int version;  // of the first driver that has this signature
  void* address;
};

const EntryPoint kEntryPoints[] = {
#define CUDA_FUNCTION(name, version, need, parameters) {#name, version, reinterpret_cast<void*>(&fake::name)},
#include "runtime/driver/cuda_api.def"
#include "tests/support/fake_cuda/application.def"
#undef CUDA_FUNCTION
};

constexpr int kNotFound = 1, kVersionNotSufficient = 2;  // CUdriverProcAddressQueryResult

}  // namespace

FAKE_CUDA_EXPORT CUresult cuInit(unsigned flags) { return fake::cuInit(flags); }
FAKE_CUDA_EXPORT CUresult cuDriverGetVersion(int* version) { return fake::cuDriverGetVersion(version); }

FAKE_CUDA_EXPORT CUresult cuGetProcAddress_v2(const char* name, void** address, int version, std::uint64_t, int* found) {
  fake::State& s = fake::state();
  std::lock_guard lock(s.mutex);
  if (s.generation == 0) fake::reset(nullptr, 0);
  *address = nullptr;
  if (found) *found = kNotFound;
  for (const EntryPoint& entry : kEntryPoints) {
    if (std::strcmp(entry.name, name) != 0 || s.hidden.count(name)) continue;
    if (entry.version > s.driver_version || version != entry.version) {
      if (found) *found = kVersionNotSufficient;
      return CUDA_SUCCESS;
    }
    *address = entry.address;
    if (found) *found = CU_GET_PROC_ADDRESS_SUCCESS;
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_NOT_FOUND;
}

FAKE_CUDA_EXPORT void fake_cuda_get_application(ApplicationApi* api) {
#define CUDA_FUNCTION(name, version, need, parameters) api->name = &fake::name;
#include "tests/support/fake_cuda/application.def"
#undef CUDA_FUNCTION
}
