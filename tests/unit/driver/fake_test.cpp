// The fake is strict: what a driver does not forgive is seen.
#include "tests/unit/driver/driver_fixture.h"

namespace bsgen::cuda {

TEST_CASE("the_fake_sees_double_frees_and_leaks") {
  fake_cuda_reset("sm_80", 0);
  const auto& api = **cuda_api();
  CUcontext context = nullptr;
  REQUIRE(api.cuDevicePrimaryCtxRetain(&context, 0) == CUDA_SUCCESS);
  REQUIRE(api.cuCtxPushCurrent(context) == CUDA_SUCCESS);
  CUdeviceptr address = 0;
  REQUIRE(api.cuMemAlloc(&address, 16) == CUDA_SUCCESS);
  REQUIRE(api.cuMemFree(address) == CUDA_SUCCESS);
  CHECK(api.cuMemFree(address) == CUDA_ERROR_INVALID_VALUE);
  REQUIRE(api.cuMemAlloc(&address, 16) == CUDA_SUCCESS);
  REQUIRE(api.cuCtxPopCurrent(nullptr) == CUDA_SUCCESS);
  CHECK(api.cuCtxPopCurrent(nullptr) == CUDA_ERROR_INVALID_CONTEXT);
  REQUIRE(api.cuDevicePrimaryCtxRelease(0) == CUDA_SUCCESS);
  CHECK(violations().size() == 3);
  CHECK(violations().back() == "the primary context of device 0 ended with 1 allocations in it");
}

TEST_CASE("the_fake_does_work_only_when_somebody_waits") {
  const auto device = open_fake();
  const auto function = *device->load(store_image(), 0);
  const auto buffer = *device->allocate(4);
  REQUIRE_OK(launch_store(*device, *function, buffer.address(), 1));
  CHECK(fake_cuda_launches_queued() == 1);
  CHECK(fake_cuda_launches_done() == 0);
  REQUIRE_OK(device->synchronize());
  CHECK(fake_cuda_launches_done() == 1);
}

TEST_CASE("the_fake_launches_a_function_only_in_its_context") {
  fake_cuda_reset("sm_80,sm_80", 0);
  const ApplicationApi app = fake_cuda_application();
  const auto& api = **cuda_api();
  CUcontext first = nullptr, second = nullptr;
  REQUIRE(app.cuCtxCreate(&first, 0, 0) == CUDA_SUCCESS);
  CUlibrary library = nullptr;
  CUkernel kernel = nullptr;
  CUfunction function = nullptr;
  const std::string ptx = store_ptx();
  REQUIRE(api.cuLibraryLoadData(&library, ptx.c_str(), nullptr, nullptr, 0, nullptr, nullptr, 0) == CUDA_SUCCESS);
  REQUIRE(api.cuLibraryGetKernel(&kernel, library, "store") == CUDA_SUCCESS);
  REQUIRE(api.cuKernelGetFunction(&function, kernel) == CUDA_SUCCESS);
  REQUIRE(app.cuCtxCreate(&second, 0, 1) == CUDA_SUCCESS);
  StoreParameters parameters;
  void* values[] = {&parameters};
  const CUlaunchConfig config{1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, 0};
  CHECK(api.cuLaunchKernelEx(&config, function, values, nullptr) == CUDA_ERROR_INVALID_HANDLE);
  CHECK(app.cuCtxDestroy(second) == CUDA_SUCCESS);
  CHECK(app.cuCtxDestroy(first) == CUDA_SUCCESS);
  CHECK(api.cuLibraryUnload(library) == CUDA_SUCCESS);
}

}  // namespace bsgen::cuda
