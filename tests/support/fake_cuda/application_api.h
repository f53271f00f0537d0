// ApplicationApi: what a test calls in the part of the application that owns contexts, streams and graphs.
#pragma once

#include "runtime/driver/cuda_api.h"

namespace bsgen::cuda {

using CUgraph = struct GraphHandle*;
using CUgraphExec = struct GraphExecHandle*;

struct ApplicationApi {
#define CUDA_FUNCTION(name, version, need, parameters) CUresult(*name) parameters = nullptr;
#include "tests/support/fake_cuda/application.def"
#undef CUDA_FUNCTION
};

}  // namespace bsgen::cuda

// The fake's; every pointer is set.
extern "C" __attribute__((visibility("default"))) bsgen::cuda::ApplicationApi fake_cuda_application();
