// Drivers that lack something. The order matters: the second case finds every entry point, and what is found stays found.
#include "tests/unit/driver/driver_fixture.h"

namespace bsgen::cuda {

TEST_CASE("a_missing_entry_point_is_named") {
  fake_cuda_reset("sm_80", 0);
  fake_cuda_hide("cuLibraryLoadData");
  const Status status = Device::open("cuda:0").status();
  CHECK(status == Status(ErrorCode::kMissing,
                         "device: libcuda.so.1 has no cuLibraryLoadData of CUDA 12.0; update the NVIDIA driver, or --device sim "
                         "(or BSGEN_DEVICE=sim) runs on the CPU"));
  fake_cuda_reset("sm_80", 11040);
  CHECK(Device::open("cuda:0").status() ==
        Status(ErrorCode::kMissing,
               "device: the NVIDIA driver is for CUDA 11.4, bsgen needs 12.0 or newer (525.60); update it, or --device sim (or "
               "BSGEN_DEVICE=sim) runs on the CPU"));
}

TEST_CASE("the_oldest_driver_lacks_only_what_is_optional") {
  fake_cuda_reset("sm_80", kOldestDriver);
  const auto device = Device::open("cuda:0");
  INFO(device.status().message());
  REQUIRE(device.ok());
  CHECK((*cuda_api())->cuKernelGetParamInfo == nullptr);
  const auto buffer = (*device)->allocate(4);
  const auto function = (*device)->load(store_image(), 0);
  REQUIRE(function.ok());
  REQUIRE_OK(launch_store(**device, **function, buffer->address(), 21));
  CHECK(read_u32(**device, buffer->address()) == 21);
}

}  // namespace bsgen::cuda
