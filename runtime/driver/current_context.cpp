#include "runtime/driver/current_context.h"

#include "runtime/driver/cuda_status.h"

namespace bsgen::cuda {

CurrentContext::CurrentContext(const CudaApi& api, CUcontext context, std::string_view device) : api_(api), device_(device) {
  status_ = cuda_status(api, api.cuCtxPushCurrent(context), device, "cuCtxPushCurrent");
  if (!status_.ok()) return;
  pushed_ = true;
  status_ = cuda_status(api, api.cuThreadExchangeStreamCaptureMode(&mode_), device, "cuThreadExchangeStreamCaptureMode");
  relaxed_ = status_.ok();
}

CurrentContext::~CurrentContext() {
  if (relaxed_) api_.cuThreadExchangeStreamCaptureMode(&mode_);
  CUcontext popped = nullptr;
  if (pushed_) api_.cuCtxPopCurrent(&popped);
}

Status CurrentContext::refuse_capture() const {
  int capture = CU_STREAM_CAPTURE_STATUS_NONE;
  // Asked of the legacy stream this is an error while a blocking stream captures, and harms no capture (cuda.h, cuStreamIsCapturing).
  return cuda_status(api_, api_.cuStreamIsCapturing(nullptr, &capture), device_, "cuStreamIsCapturing");
}

}  // namespace bsgen::cuda
