// CudaFunction: one kernel of a loaded library, resident on its device. load_function() makes one from a cubin or PTX.
#pragma once

#include <memory>
#include <string>

#include "bsgen/device.h"
#include "runtime/driver/cuda_api.h"
#include "runtime/driver/late_release.h"

namespace bsgen::cuda {

// What a function needs of its device, and keeps alive.
struct DeviceState {
  const CudaApi* api = nullptr;
  CUdevice device = 0;
  CUcontext context = nullptr;
  DeviceInfo info;
  int driver_version = 0;
  LateRelease* late = nullptr;
};

class CudaFunction final : public DeviceFunction {
 public:
  CudaFunction(std::shared_ptr<const Device> owner, const DeviceState& state, CUlibrary library)
      : owner_(std::move(owner)), state_(state), library_(library) {}
  ~CudaFunction() override;  // unloads when the work that was launched has ended
  CudaFunction(const CudaFunction&) = delete;
  CudaFunction& operator=(const CudaFunction&) = delete;

  const Device* owner() const { return owner_.get(); }
  CUkernel kernel() const { return kernel_; }
  const std::string& name() const { return name_; }
  // Of the kernel's one parameter as the image declares it; 0 where the driver cannot say (before 12.4).
  std::size_t parameter_bytes() const { return parameter_bytes_; }

 private:
  friend class FunctionLoader;
  std::shared_ptr<const Device> owner_;
  const DeviceState& state_;  // of owner_
  CUlibrary library_;
  CUkernel kernel_ = nullptr;
  std::string name_;
  std::size_t parameter_bytes_ = 0;
};

// Loads the cubin if it is for this GPU, else hands the PTX to the driver, if it can become code for this GPU; an image that is for
// neither is refused with both architectures. The context must be current.
Expected<std::shared_ptr<const DeviceFunction>> load_function(std::shared_ptr<const Device> owner, const DeviceState& state,
                                                              const KernelImage& image, std::uint32_t dynamic_shared_bytes);

}  // namespace bsgen::cuda
