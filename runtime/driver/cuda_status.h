// CUresult -> Status, with the name of the call and the driver's own words.
#pragma once

#include <string>
#include <string_view>

#include "bsgen/status.h"
#include "runtime/driver/cuda_api.h"

namespace bsgen::cuda {

// "cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY (out of memory)"
std::string describe(const CudaApi& api, CUresult result, std::string_view call);

// An earlier kernel broke the context: every later call fails the same way and only a new process helps.
bool is_sticky(CUresult result);

// "device: cuda:0: cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY (out of memory)", kDevice; ok for CUDA_SUCCESS. Says what to do about
// errors that stick, that come from a capture, and that follow a fork.
Status cuda_status(const CudaApi& api, CUresult result, std::string_view device, std::string_view call);

}  // namespace bsgen::cuda
