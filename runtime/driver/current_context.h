// CurrentContext: makes a device's context current for a scope and leaves the caller's as it was.
//
// The thread's capture mode is relaxed meanwhile: with any other, a call like cuMemAlloc fails and invalidates the capture that
// somebody is recording, in this thread or (mode global) in any other. None of what bsgen does under this guard is part of
// anybody's stream, so nothing is lost to the graph.
#pragma once

#include <string_view>

#include "bsgen/status.h"
#include "runtime/driver/cuda_api.h"

namespace bsgen::cuda {

class CurrentContext {
 public:
  CurrentContext(const CudaApi& api, CUcontext context, std::string_view device);
  ~CurrentContext();
  CurrentContext(const CurrentContext&) = delete;
  CurrentContext& operator=(const CurrentContext&) = delete;

  const Status& status() const { return status_; }

  // An error while a blocking stream of the context is being captured: what copies and loads do would not be in the graph, and
  // the caller should hear of it. The driver tells of blocking streams only; for the others the relaxed mode has to do.
  Status refuse_capture() const;

 private:
  const CudaApi& api_;
  std::string_view device_;
  int mode_ = CU_STREAM_CAPTURE_MODE_RELAXED;
  bool pushed_ = false, relaxed_ = false;
  Status status_;
};

}  // namespace bsgen::cuda
