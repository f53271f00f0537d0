// The real GPU. Device::open("cuda:N") comes here; nothing else needs to.
//
// Kernels are loaded with cuLibrary, so a kernel belongs to no context, and launched with cuLaunchKernelEx, which takes the
// context from the stream: launching needs no current context, changes none, and is one driver call.
#pragma once

#include <memory>
#include <vector>

#include "bsgen/device.h"
#include "bsgen/status.h"
#include "runtime/driver/driver_types.h"

namespace bsgen::cuda {

struct DriverInfo {
  int version = 0;                  // 13000 = CUDA 13.0
  std::vector<DeviceInfo> devices;  // by ordinal
};

// What the driver has to offer; kMissing where there is no driver, an old one, or no GPU.
Expected<DriverInfo> driver_info();

// Retains the primary context of GPU `ordinal` for as long as the device, a buffer or a function of it lives. kMissing where
// there is no such GPU.
Expected<std::shared_ptr<Device>> open_cuda(int ordinal);

// The same in a context of the caller's, null: the calling thread's current one. Retains nothing: the context must outlive the device.
Expected<std::shared_ptr<Device>> open_context(CUcontext context);

}  // namespace bsgen::cuda
