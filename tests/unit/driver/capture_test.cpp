// Launches become part of a capture; nothing else that bsgen does disturbs one.
#include <thread>

#include "tests/unit/driver/driver_fixture.h"

namespace bsgen::cuda {
namespace {

// An application that owns a stream of cuda:0 and records on it.
struct Application {
  Application(std::shared_ptr<Device> launching, unsigned flags) : device(std::move(launching)) {
    REQUIRE(driver.cuDevicePrimaryCtxRetain(&primary, 0) == CUDA_SUCCESS);
    REQUIRE(api.cuCtxSetCurrent(primary) == CUDA_SUCCESS);
    REQUIRE(driver.cuStreamCreate(&stream, flags) == CUDA_SUCCESS);
  }
  ~Application() {
    device->forget(stream);
    driver.cuStreamDestroy(stream);
    api.cuCtxSetCurrent(nullptr);
    driver.cuDevicePrimaryCtxRelease(0);
  }
  void begin(int mode) { REQUIRE(api.cuStreamBeginCapture(stream, mode) == CUDA_SUCCESS); }
  CUgraphExec end() {
    CUgraph graph = nullptr;
    CUgraphExec exec = nullptr;
    REQUIRE(api.cuStreamEndCapture(stream, &graph) == CUDA_SUCCESS);
    REQUIRE(api.cuGraphInstantiateWithFlags(&exec, graph, 0) == CUDA_SUCCESS);
    REQUIRE(api.cuGraphDestroy(graph) == CUDA_SUCCESS);
    return exec;
  }
  const std::shared_ptr<Device> device;
  const CudaApi& driver = **cuda_api();
  const ApplicationApi api = fake_cuda_application();
  CUcontext primary = nullptr;
  CUstream stream = nullptr;
};

}  // namespace

TEST_CASE("a_launch_in_a_capture_is_recorded_and_replayed") {
  {
    const auto device = open_fake();
    const auto function = device->load(store_image(), 0);
    const auto buffer = device->allocate(4);
    const std::uint32_t zero = 0;
    REQUIRE_OK(device->copy_in(buffer->address(), bytes_of(zero)));
    Application app(device, CU_STREAM_NON_BLOCKING);
    app.begin(CU_STREAM_CAPTURE_MODE_GLOBAL);
    fake_cuda_clear_calls();
    REQUIRE_OK(launch_store(*device, **function, buffer->address(), 31, app.stream));
    CHECK(call_names() == std::vector<std::string>{"cuLaunchKernelEx"});
    CUgraphExec exec = app.end();
    REQUIRE_OK(device->synchronize(app.stream));
    CHECK(read_u32(*device, buffer->address()) == 0);
    for (int replay = 0; replay < 2; ++replay) {
      REQUIRE_OK(device->copy_in(buffer->address(), bytes_of(zero)));
      REQUIRE(app.api.cuGraphLaunch(exec, app.stream) == CUDA_SUCCESS);
      REQUIRE_OK(device->synchronize(app.stream));
      CHECK(read_u32(*device, buffer->address()) == 31);
    }
    CHECK(app.api.cuGraphExecDestroy(exec) == CUDA_SUCCESS);
  }
  require_nothing_left();
}

TEST_CASE("a_resident_kernel_is_launched_in_a_capture_though_it_never_ran") {
  const auto device = open_fake();
  const auto function = device->load(store_image(), 100000);  // an attribute set at load reloads nothing later
  const auto buffer = device->allocate(4);
  Application app(device, CU_STREAM_NON_BLOCKING);
  app.begin(CU_STREAM_CAPTURE_MODE_GLOBAL);
  REQUIRE_OK(launch_store(*device, **function, buffer->address(), 8, app.stream));
  app.api.cuGraphExecDestroy(app.end());
}

TEST_CASE("memory_functions_refuse_while_a_blocking_stream_captures_and_leave_the_capture_alone") {
  const int mode = GENERATE(CU_STREAM_CAPTURE_MODE_GLOBAL, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL, CU_STREAM_CAPTURE_MODE_RELAXED);
  const auto device = open_fake();
  const auto function = device->load(store_image(), 0);
  auto buffer = *device->allocate(4);
  Application app(device, CU_STREAM_DEFAULT);
  app.begin(mode);
  std::uint32_t value = 0;
  const std::vector<Status> refused = {
      device->allocate(16).status(),
      device->copy_in(buffer.address(), bytes_of(value)),
      device->copy_out(std::as_writable_bytes(std::span(&value, 1)), buffer.address()),
      device->load(store_image(), 0).status(),
  };
  for (const Status& status : refused)
    CHECK(status == Status(ErrorCode::kDevice,
                           "device: cuda:0: cuStreamIsCapturing: CUDA_ERROR_STREAM_CAPTURE_IMPLICIT (operation would make the legacy stream depend "
                           "on a capturing blocking stream); a stream is being captured: load and allocate before the capture begins"));
  CHECK(device->synchronize(app.stream) ==
        Status(ErrorCode::kDevice, "device: cuda:0: a stream that is being captured cannot be synchronised; end the capture first"));
  REQUIRE_OK(launch_store(*device, **function, buffer.address(), 8, app.stream));
  app.api.cuGraphExecDestroy(app.end());  // still good
}

TEST_CASE("memory_functions_leave_a_capture_of_a_non_blocking_stream_alone") {
  const bool other_thread = GENERATE(false, true);
  {
    const auto device = open_fake();
    const auto function = device->load(store_image(), 0);
    const auto buffer = device->allocate(4);
    Application app(device, CU_STREAM_NON_BLOCKING);
    app.begin(CU_STREAM_CAPTURE_MODE_GLOBAL);
    const auto work = [&] {
      const auto more = device->allocate(16);
      CHECK(more.ok());
      const std::uint32_t five = 5;
      CHECK(device->copy_in(more->address(), bytes_of(five)).ok());
      CHECK(read_u32(*device, more->address()) == 5);
      CHECK(device->load(store_image(), 0).ok());
      CHECK(device->synchronize().ok());
    };
    if (other_thread) std::thread(work).join();
    else work();
    REQUIRE_OK(launch_store(*device, **function, buffer->address(), 8, app.stream));
    app.api.cuGraphExecDestroy(app.end());
  }
  require_nothing_left();
}

TEST_CASE("the_fake_ends_a_capture_that_an_unsafe_call_hurts") {
  const auto device = open_fake();
  Application app(device, CU_STREAM_NON_BLOCKING);
  app.begin(CU_STREAM_CAPTURE_MODE_GLOBAL);
  CUdeviceptr address = 0;
  CHECK(app.driver.cuMemAlloc(&address, 16) == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  CUgraph graph = nullptr;
  CHECK(app.api.cuStreamEndCapture(app.stream, &graph) == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
}

}  // namespace bsgen::cuda
