// What the driver's tests share: a fresh fake driver, a kernel of three lines, and the check that nothing was left behind.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "bsgen/device.h"
#include "runtime/driver/cuda_api.h"
#include "tests/support/catch.h"
#include "tests/support/fake_cuda/application_api.h"
#include "tests/support/fake_cuda/fake_cuda.h"

namespace bsgen::cuda {

// Writes `value` to the address that its parameter begins with.
struct StoreParameters {
  std::uint64_t address = 0;
  std::uint32_t value = 0;
  std::uint32_t unused = 0;
};

inline std::string store_ptx(const std::string& target = "sm_80") {
  return ".version 8.0\n.target " + target +
         "\n.address_size 64\n"
         ".visible .entry store(\n  .param .align 8 .b8 store_param_0[16]\n)\n{\n"
         "  .reg .b32 %r<2>;\n  .reg .b64 %rd<3>;\n"
         "  ld.param.u64 %rd1, [store_param_0];\n"
         "  ld.param.u32 %r1, [store_param_0+8];\n"
         "  cvta.to.global.u64 %rd2, %rd1;\n"
         "  st.global.u32 [%rd2], %r1;\n"
         "  ret;\n}\n";
}

inline KernelImage store_image(const std::string& target = "sm_80") {
  KernelImage image;
  image.arch = *Arch::parse(target);
  image.entry = "store";
  image.ptx = store_ptx(target);
  return image;
}

inline std::vector<std::byte> fake_cubin() {
  std::vector<std::byte> bytes(64, std::byte{7});
  std::memcpy(bytes.data(), "\x7f" "ELF", 4);
  return bytes;
}

inline std::shared_ptr<Device> open_fake(const char* devices = "sm_80", std::string_view name = "cuda:0") {
  fake_cuda_reset(devices, 0);
  auto device = Device::open(name);
  INFO(device.status().message());
  REQUIRE(device.ok());
  return *device;
}

template <class T>
std::span<const std::byte> bytes_of(const T& value) { return std::as_bytes(std::span(&value, 1)); }

inline Status launch_store(Device& device, const DeviceFunction& function, std::uint64_t address, std::uint32_t value, Stream stream = nullptr) {
  const StoreParameters parameters{address, value, 0};
  return device.launch(function, {.threads = 1}, bytes_of(parameters), stream);
}

inline std::uint32_t read_u32(Device& device, std::uint64_t address) {
  std::uint32_t value = 0;
  const Status status = device.copy_out(std::as_writable_bytes(std::span(&value, 1)), address);
  INFO(status.message());
  REQUIRE(status.ok());
  return value;
}

inline std::vector<std::string> violations() {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < fake_cuda_num_violations(); ++i) all.push_back(fake_cuda_violation(i));
  return all;
}

inline std::vector<std::string> call_names() {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < fake_cuda_num_calls(); ++i) names.push_back(fake_cuda_call(i).name);
  return names;
}

inline CUcontext current_context() {
  CUcontext context = nullptr;
  static const CudaApi* const api = *cuda_api();
  api->cuCtxGetCurrent(&context);
  return context;
}

// Calls of which a failure on the way out is heard by nobody.
inline bool gives_back(const std::string& name) {
  return name == "cuMemFree" || name == "cuLibraryUnload" || name == "cuStreamDestroy" || name == "cuDevicePrimaryCtxRelease" ||
         name == "cuCtxPopCurrent" || name == "cuEventDestroy" || name == "cuEventCreate" || name == "cuEventRecord" ||
         name == "cuEventQuery" || name == "cuEventSynchronize" || name == "cuUserObjectRelease" ||
         name == "cuThreadExchangeStreamCaptureMode" || name == "cuCtxPushCurrent";
}

// What the driver did not let go of, though it was asked to.
inline std::vector<std::string> kept_by(const std::string& failed) {
  if (failed == "cuEventDestroy") return {"the primary context of device 0 ended with 1 events in it"};
  return {};
}

// Everything that was made is gone again.
inline void require_nothing_left(const std::vector<std::string>& complaints = {}) {
  const FakeCudaLive live = fake_cuda_live();
  CHECK(live.contexts == 0);
  CHECK(live.streams == 0);
  CHECK(live.allocations == 0);
  CHECK(live.libraries == 0);
  CHECK(live.events == 0);
  CHECK(current_context() == nullptr);
  CHECK(violations() == complaints);
}

#define REQUIRE_OK(expression)           \
  do {                                   \
    const ::bsgen::Status s_ = (expression); \
    INFO(s_.message());                  \
    REQUIRE(s_.ok());                    \
  } while (false)

}  // namespace bsgen::cuda
