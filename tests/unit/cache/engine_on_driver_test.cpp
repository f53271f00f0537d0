// The engine on the driver's interface: captures, several GPUs.
#include "bsgen/engine.h"
#include "runtime/launch/loaded_kernel.h"
#include "tests/unit/cache/engine_fixture.h"
#include "tests/unit/driver/driver_fixture.h"

namespace bsgen {

using test::small_layout;

TEST_CASE("a_miss_while_capturing_is_refused_and_leaves_the_capture_good") {
  BSGEN_NEED_NVRTC();
  {
    const auto device = cuda::open_fake();
    const cuda::CudaApi& driver = **cuda::cuda_api();
    const cuda::ApplicationApi api = fake_cuda_application();
    cuda::CUcontext primary = nullptr;
    cuda::CUstream stream = nullptr;
    REQUIRE(driver.cuDevicePrimaryCtxRetain(&primary, 0) == cuda::CUDA_SUCCESS);
    REQUIRE(api.cuCtxSetCurrent(primary) == cuda::CUDA_SUCCESS);
    REQUIRE(driver.cuStreamCreate(&stream, cuda::CU_STREAM_NON_BLOCKING) == cuda::CUDA_SUCCESS);
    Engine engine({.disk_cache = false});
    const auto request = engine.request(small_layout(), {}, device);
    REQUIRE(request);
    const Serving on_stream{.stream = stream};
    REQUIRE(api.cuStreamBeginCapture(stream, cuda::CU_STREAM_CAPTURE_MODE_GLOBAL) == cuda::CUDA_SUCCESS);
    fake_cuda_clear_calls();
    const auto miss = engine.kernel(*request, on_stream);
    CHECK(miss.status().code() == ErrorCode::kDevice);
    CHECK(miss.status().message().find("engine: cuda:0: the stream is being captured and bsgen_fprop_bf16_") == 0);
    CHECK(miss.status().message().find("is not resident; prewarm it before the capture begins") != std::string::npos);
    CHECK(cuda::call_names() == std::vector<std::string>{"cuStreamGetCaptureInfo"});
    CHECK(engine.stats().compiles == 0);

    // The caller may want it loaded all the same: what that does is part of nobody's stream.
    CHECK(!engine.resident(*request));
    const auto loaded = engine.kernel(*request);
    INFO(loaded.status().message());
    REQUIRE(loaded);
    CHECK(engine.resident(*request));

    // Resident, it is served and makes no call at all.
    fake_cuda_clear_calls();
    CHECK(engine.kernel(*request, on_stream));
    CHECK(fake_cuda_num_calls() == 0);
    cuda::CUgraph graph = nullptr;
    REQUIRE(api.cuStreamEndCapture(stream, &graph) == cuda::CUDA_SUCCESS);
    REQUIRE(api.cuGraphDestroy(graph) == cuda::CUDA_SUCCESS);
    driver.cuStreamDestroy(stream);
    api.cuCtxSetCurrent(nullptr);
    driver.cuDevicePrimaryCtxRelease(0);
  }
  cuda::require_nothing_left();
}

TEST_CASE("two_gpus_of_different_architectures_get_kernels_of_their_own_in_any_order") {
  BSGEN_NEED_NVRTC();
  const char* order = GENERATE("sm_80,sm_90", "sm_90,sm_80");
  {
    const auto first = cuda::open_fake(order), second = *Device::open("cuda:1");
    Engine engine({.disk_cache = false});
    for (const auto& device : {first, second}) {
      const auto kernel = engine.kernel(small_layout(), {}, device);
      INFO(kernel.status().message());
      REQUIRE(kernel);
      CHECK(kernel->image().arch == device->info().arch);
      CHECK(kernel->loaded().device == device);
    }
    CHECK(engine.stats().compiles == 2);
    // An architecture that the device is not of is refused by name.
    const auto wrong = engine.request(small_layout(), {}, second, {}, Arch{.number = 120, .suffix = 'a'});
    REQUIRE(wrong);
    const auto refused = engine.kernel(*wrong);
    CHECK(refused.status().message().find("was compiled for sm_120a, cuda:1 is an " + second->info().arch.name()) != std::string::npos);
  }
  cuda::require_nothing_left();
}

}  // namespace bsgen
