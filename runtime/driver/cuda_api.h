// CudaApi: the driver's entry points, found at run time. Nothing here links against libcuda or calls the driver before
// somebody asks for a GPU.
#pragma once

#include <string>

#include "bsgen/status.h"
#include "runtime/driver/driver_types.h"

namespace bsgen::cuda {

struct CudaApi {
#define CUDA_FUNCTION(name, version, need, parameters) CUresult(*name) parameters = nullptr;
#include "runtime/driver/cuda_api.def"
#undef CUDA_FUNCTION
};

// The oldest driver whose interface bsgen uses: 12.0 brought cuLibrary and the cuGetProcAddress that says why it found nothing.
inline constexpr int kOldestDriver = 12000;
std::string version_text(int version);  // 12040 -> "12.4"

// Opens libcuda.so.1 once per process, finds every entry point and initialises the driver. kMissing where there is no driver,
// where it is too old (naming its version and the one needed), or where it finds no GPU. A failure is not remembered: the
// next call looks again.
Expected<const CudaApi*> cuda_api();

}  // namespace bsgen::cuda
