#include "runtime/driver/cuda_status.h"

#include <fmt/format.h>

namespace bsgen::cuda {

std::string describe(const CudaApi& api, CUresult result, std::string_view call) {
  const char* name = nullptr;
  const char* text = nullptr;
  if (api.cuGetErrorName(result, &name) != CUDA_SUCCESS || !name) return fmt::format("{}: error {}", call, result);
  if (api.cuGetErrorString(result, &text) != CUDA_SUCCESS || !text) return fmt::format("{}: {}", call, name);
  return fmt::format("{}: {} ({})", call, name, text);
}

bool is_sticky(CUresult result) {
  switch (result) {
    case CUDA_ERROR_ECC_UNCORRECTABLE:
    case CUDA_ERROR_NVLINK_UNCORRECTABLE:
    case CUDA_ERROR_ILLEGAL_ADDRESS:
    case CUDA_ERROR_LAUNCH_TIMEOUT:
    case CUDA_ERROR_ASSERT:
    case CUDA_ERROR_HARDWARE_STACK_ERROR:
    case CUDA_ERROR_ILLEGAL_INSTRUCTION:
    case CUDA_ERROR_MISALIGNED_ADDRESS:
    case CUDA_ERROR_INVALID_ADDRESS_SPACE:
    case CUDA_ERROR_INVALID_PC:
    case CUDA_ERROR_LAUNCH_FAILED: return true;
    default: return false;
  }
}

Status cuda_status(const CudaApi& api, CUresult result, std::string_view device, std::string_view call) {
  if (result == CUDA_SUCCESS) return {};
  std::string message = fmt::format("device: {}: {}", device, describe(api, result, call));
  if (is_sticky(result))
    message += "; a kernel that ran before failed and this process cannot use the device any more: --device sim finds the place";
  else if (result == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED || result == CUDA_ERROR_STREAM_CAPTURE_IMPLICIT)
    message += "; a stream is being captured: load and allocate before the capture begins";
  else if (result == CUDA_ERROR_NOT_INITIALIZED)
    message += "; a forked child cannot use its parent's driver: open the device after the fork";
  return {ErrorCode::kDevice, std::move(message)};
}

}  // namespace bsgen::cuda
