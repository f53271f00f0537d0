// Our declarations of the driver API are the toolkit's.
#include <cuda.h>
#include <cudaTypedefs.h>

#include <cstddef>
#include <type_traits>

#include "runtime/driver/cuda_api.h"
#include "tests/support/catch.h"

namespace {

// A parameter of theirs and of ours travel alike: both pointers, or numbers of one size.
template <class Theirs, class Ours>
constexpr bool same_kind = (std::is_pointer_v<Theirs> && std::is_pointer_v<Ours>) ||
                           (!std::is_pointer_v<Theirs> && !std::is_pointer_v<Ours> && sizeof(Theirs) == sizeof(Ours));

template <class Theirs, class Ours>
struct Same : std::false_type {};
template <class... Theirs, class... Ours>
struct Same<CUresult (*)(Theirs...), bsgen::cuda::CUresult (*)(Ours...)> {
  static constexpr bool value = [] {
    if constexpr (sizeof...(Theirs) == sizeof...(Ours)) return (same_kind<Theirs, Ours> && ...);
    return false;
  }();
};

// PFN_<name>_v<version> is the signature that cuGetProcAddress gives for that version: a name that is not there does not compile.
#define CUDA_FUNCTION(name, version, need, parameters) \
  static_assert(Same<PFN_##name##_v##version, decltype(bsgen::cuda::CudaApi::name)>::value, #name);
#include "runtime/driver/cuda_api.def"
#undef CUDA_FUNCTION

#define SAME_LAYOUT(member)                                                                     \
  static_assert(offsetof(CUlaunchConfig, member) == offsetof(bsgen::cuda::CUlaunchConfig, member) && \
                sizeof(CUlaunchConfig::member) == sizeof(bsgen::cuda::CUlaunchConfig::member), #member)
SAME_LAYOUT(gridDimX);
SAME_LAYOUT(gridDimY);
SAME_LAYOUT(gridDimZ);
SAME_LAYOUT(blockDimX);
SAME_LAYOUT(blockDimY);
SAME_LAYOUT(blockDimZ);
SAME_LAYOUT(sharedMemBytes);
SAME_LAYOUT(hStream);
SAME_LAYOUT(attrs);
SAME_LAYOUT(numAttrs);
static_assert(sizeof(CUlaunchConfig) == sizeof(bsgen::cuda::CUlaunchConfig));

#define SAME_VALUE(constant) static_assert(static_cast<long>(::constant) == static_cast<long>(bsgen::cuda::constant), #constant)
SAME_VALUE(CUDA_SUCCESS);
SAME_VALUE(CUDA_ERROR_INVALID_VALUE);
SAME_VALUE(CUDA_ERROR_OUT_OF_MEMORY);
SAME_VALUE(CUDA_ERROR_NOT_INITIALIZED);
SAME_VALUE(CUDA_ERROR_DEINITIALIZED);
SAME_VALUE(CUDA_ERROR_STUB_LIBRARY);
SAME_VALUE(CUDA_ERROR_NO_DEVICE);
SAME_VALUE(CUDA_ERROR_INVALID_DEVICE);
SAME_VALUE(CUDA_ERROR_INVALID_IMAGE);
SAME_VALUE(CUDA_ERROR_INVALID_CONTEXT);
SAME_VALUE(CUDA_ERROR_NO_BINARY_FOR_GPU);
SAME_VALUE(CUDA_ERROR_ECC_UNCORRECTABLE);
SAME_VALUE(CUDA_ERROR_INVALID_PTX);
SAME_VALUE(CUDA_ERROR_NVLINK_UNCORRECTABLE);
SAME_VALUE(CUDA_ERROR_JIT_COMPILER_NOT_FOUND);
SAME_VALUE(CUDA_ERROR_UNSUPPORTED_PTX_VERSION);
SAME_VALUE(CUDA_ERROR_INVALID_HANDLE);
SAME_VALUE(CUDA_ERROR_NOT_FOUND);
SAME_VALUE(CUDA_ERROR_NOT_READY);
SAME_VALUE(CUDA_ERROR_ILLEGAL_ADDRESS);
SAME_VALUE(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
SAME_VALUE(CUDA_ERROR_LAUNCH_TIMEOUT);
SAME_VALUE(CUDA_ERROR_CONTEXT_IS_DESTROYED);
SAME_VALUE(CUDA_ERROR_ASSERT);
SAME_VALUE(CUDA_ERROR_HARDWARE_STACK_ERROR);
SAME_VALUE(CUDA_ERROR_ILLEGAL_INSTRUCTION);
SAME_VALUE(CUDA_ERROR_MISALIGNED_ADDRESS);
SAME_VALUE(CUDA_ERROR_INVALID_ADDRESS_SPACE);
SAME_VALUE(CUDA_ERROR_INVALID_PC);
SAME_VALUE(CUDA_ERROR_LAUNCH_FAILED);
SAME_VALUE(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
SAME_VALUE(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
SAME_VALUE(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
SAME_VALUE(CUDA_ERROR_UNKNOWN);
SAME_VALUE(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
SAME_VALUE(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
SAME_VALUE(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
SAME_VALUE(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
SAME_VALUE(CU_JIT_ERROR_LOG_BUFFER);
SAME_VALUE(CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
SAME_VALUE(CU_STREAM_DEFAULT);
SAME_VALUE(CU_STREAM_NON_BLOCKING);
SAME_VALUE(CU_STREAM_CAPTURE_MODE_GLOBAL);
SAME_VALUE(CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
SAME_VALUE(CU_STREAM_CAPTURE_MODE_RELAXED);
SAME_VALUE(CU_STREAM_CAPTURE_STATUS_NONE);
SAME_VALUE(CU_STREAM_CAPTURE_STATUS_ACTIVE);
SAME_VALUE(CU_EVENT_DISABLE_TIMING);
SAME_VALUE(CU_USER_OBJECT_NO_DESTRUCTOR_SYNC);
SAME_VALUE(CU_GRAPH_USER_OBJECT_MOVE);
SAME_VALUE(CU_GET_PROC_ADDRESS_LEGACY_STREAM);
SAME_VALUE(CU_GET_PROC_ADDRESS_SUCCESS);

}  // namespace

// The static assertions above are the test; this says in the list that they were compiled.
TEST_CASE("our_driver_declarations_are_the_toolkits") { CHECK(bsgen::cuda::version_text(CUDA_VERSION).size() >= 4); }
