// ApplicationApi: what a test calls in the part of the application that owns contexts, streams and graphs.
#pragma once

#include "runtime/driver/cuda_api.h"

namespace bsgen::cuda {

using CUgraphExec = struct GraphExecHandle*;

struct ApplicationApi {
#define CUDA_FUNCTION(name, version, need, parameters) CUresult(*name) parameters = nullptr;
#include "tests/support/fake_cuda/application.def"
#undef CUDA_FUNCTION
};

}  // namespace bsgen::cuda

extern "C" __attribute__((visibility("default"))) void fake_cuda_get_application(bsgen::cuda::ApplicationApi* api);

// The fake's; every pointer is set.
inline bsgen::cuda::ApplicationApi fake_cuda_application() {
  bsgen::cuda::ApplicationApi api;
  fake_cuda_get_application(&api);
  return api;
}
