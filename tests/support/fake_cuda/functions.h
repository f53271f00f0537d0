// The entry points' declarations, from the two lists.
#pragma once

#include "tests/support/fake_cuda/state.h"

namespace fake {
#define CUDA_FUNCTION(name, version, need, parameters) CUresult name parameters;
#include "runtime/driver/cuda_api.def"
#include "tests/support/fake_cuda/application.def"
#undef CUDA_FUNCTION
}  // namespace fake
