// A Kernel on the driver interface, from loading to the one call of a launch.
#include <algorithm>

#include "tests/unit/driver/driver_fixture.h"
#include "tests/unit/launch/launch_fixture.h"

namespace bsgen {
namespace {

// Takes what a kernel without epilogue takes, and does nothing.
KernelImage idle_image(const plan::KernelPlan& plan) {
  KernelImage image;
  image.arch = plan.arch;
  image.entry = plan.entry();
  image.ptx = ".version 8.0\n.target " + plan.arch.name() + "\n.address_size 64\n.visible .entry " + plan.entry() +
              "(\n  .param .align 8 .b8 arguments[88]\n)\n{\n  ret;\n}\n";
  return image;
}

Expected<Kernel> load_on(const std::shared_ptr<Device>& device, Tier tier = Tier::kTable) {
  CompileOptions options;
  options.tier = tier;
  const Layout layout = example_layout();
  BSGEN_ASSIGN(const plan::KernelPlan plan, plan::choose(layout, {}, Arch{}, options));
  return runtime::load_kernel(device, plan, plan::make_schedule(plan, layout), idle_image(plan));
}

// An application with a stream of its own, as frameworks have them: not in order with the legacy one.
struct Application {
  Application() {
    REQUIRE(driver.cuDevicePrimaryCtxRetain(&primary, 0) == cuda::CUDA_SUCCESS);
    REQUIRE(api.cuCtxSetCurrent(primary) == cuda::CUDA_SUCCESS);
    REQUIRE(driver.cuStreamCreate(&stream, cuda::CU_STREAM_NON_BLOCKING) == cuda::CUDA_SUCCESS);
  }
  ~Application() {
    driver.cuStreamDestroy(stream);
    api.cuCtxSetCurrent(nullptr);
    driver.cuDevicePrimaryCtxRelease(0);
  }
  void begin() { REQUIRE(api.cuStreamBeginCapture(stream, cuda::CU_STREAM_CAPTURE_MODE_GLOBAL) == cuda::CUDA_SUCCESS); }
  cuda::CUgraphExec end() {
    cuda::CUgraph graph = nullptr;
    cuda::CUgraphExec exec = nullptr;
    REQUIRE(api.cuStreamEndCapture(stream, &graph) == cuda::CUDA_SUCCESS);
    REQUIRE(api.cuGraphInstantiateWithFlags(&exec, graph, 0) == cuda::CUDA_SUCCESS);
    REQUIRE(api.cuGraphDestroy(graph) == cuda::CUDA_SUCCESS);
    return exec;
  }
  const cuda::CudaApi& driver = **cuda::cuda_api();
  const cuda::ApplicationApi api = fake_cuda_application();
  cuda::CUcontext primary = nullptr;
  cuda::CUstream stream = nullptr;
};

}  // namespace

TEST_CASE("a_kernel_that_is_let_go_stays_until_its_launches_have_run") {
  const auto device = cuda::open_fake();
  {
    Application app;
    {
      const auto kernel = load_on(device);
      REQUIRE(kernel.ok());
      REQUIRE(kernel->launch(fitting(kernel->loaded().plan, 300), app.stream).ok());
    }
    CHECK(fake_cuda_launches_done() == 0);
    CHECK(fake_cuda_live().libraries == 1);
    CHECK(fake_cuda_live().allocations == 1);  // the table
    REQUIRE(device->synchronize(app.stream).ok());
    CHECK(fake_cuda_launches_done() == 1);
    CHECK(fake_cuda_live().libraries == 0);
    CHECK(fake_cuda_live().allocations == 0);
    CHECK(fake_cuda_live().events == 0);
    device->forget(app.stream);
  }
  CHECK(load_on(device).ok());  // asks no stream that is gone
  CHECK(cuda::violations() == std::vector<std::string>{});
}

TEST_CASE("what_a_forgotten_stream_was_given_still_keeps_the_code") {
  const auto device = cuda::open_fake();
  {
    Application app;
    {
      const auto kernel = load_on(device);
      REQUIRE(kernel.ok());
      REQUIRE(kernel->launch(fitting(kernel->loaded().plan, 300), app.stream).ok());
      device->forget(app.stream);
    }
    CHECK(fake_cuda_launches_done() == 0);
    CHECK(fake_cuda_live().libraries == 1);
    REQUIRE(device->synchronize(app.stream).ok());
    CHECK(fake_cuda_live().libraries == 0);
    CHECK(fake_cuda_live().allocations == 0);
    CHECK(fake_cuda_live().events == 0);
  }
  CHECK(cuda::violations() == std::vector<std::string>{});
}

TEST_CASE("a_graph_holds_the_kernels_of_its_launches_until_it_and_what_runs_of_it_is_gone") {
  const auto device = cuda::open_fake();
  {
    Application app;
    cuda::CUgraphExec exec = nullptr;
    {
      const auto kernel = load_on(device);
      REQUIRE(kernel.ok());
      app.begin();
      for (int i = 0; i < 3; ++i) REQUIRE(kernel->launch(fitting(kernel->loaded().plan, 300), app.stream).ok());
      const std::vector<std::string> calls = cuda::call_names();
      CHECK(std::count(calls.begin(), calls.end(), "cuGraphRetainUserObject") == 1);
      exec = app.end();
    }
    REQUIRE(device->synchronize(app.stream).ok());
    CHECK(fake_cuda_live().libraries == 1);
    REQUIRE(app.api.cuGraphLaunch(exec, app.stream) == cuda::CUDA_SUCCESS);
    REQUIRE(app.api.cuGraphExecDestroy(exec) == cuda::CUDA_SUCCESS);
    REQUIRE(device->synchronize().ok());  // not of the stream in which it runs
    CHECK(fake_cuda_live().libraries == 1);
    REQUIRE(device->synchronize(app.stream).ok());
    CHECK(fake_cuda_launches_done() == 3);
    CHECK(fake_cuda_live().libraries == 0);
    CHECK(fake_cuda_live().allocations == 0);
    device->forget(app.stream);
  }
  CHECK(cuda::violations() == std::vector<std::string>{});
}

TEST_CASE("a_kernel_that_is_let_go_while_a_stream_is_captured_leaves_the_capture_good") {
  const auto device = cuda::open_fake();
  {
    Application app;
    const auto captured = load_on(device);
    REQUIRE(captured.ok());
    {
      const auto kernel = load_on(device);
      REQUIRE(kernel->launch(fitting(kernel->loaded().plan, 300), app.stream).ok());
      app.begin();
    }
    CHECK(fake_cuda_live().libraries == 2);
    REQUIRE(captured->launch(fitting(captured->loaded().plan, 300), app.stream).ok());
    app.api.cuGraphExecDestroy(app.end());
    REQUIRE(device->synchronize(app.stream).ok());
    REQUIRE(device->synchronize().ok());
    CHECK(fake_cuda_live().libraries == 1);
    device->forget(app.stream);
  }
  CHECK(cuda::violations() == std::vector<std::string>{});
}

TEST_CASE("a_launch_in_a_capture_may_fail_at_every_call_and_leaves_the_capture_good") {
  for (const char* call : {"cuStreamGetCaptureInfo", "cuUserObjectCreate", "cuGraphRetainUserObject", "cuLaunchKernelEx"}) {
    INFO(call);
    const auto device = cuda::open_fake();
    {
      Application app;
      {
        const auto kernel = load_on(device);
        app.begin();
        fake_cuda_fail(call, 0, 1, cuda::CUDA_ERROR_UNKNOWN);
        const Status status = kernel->launch(fitting(kernel->loaded().plan, 300), app.stream);
        CHECK(status.code() == ErrorCode::kDevice);
        CHECK(status.message().find(call) != std::string::npos);
        REQUIRE(kernel->launch(fitting(kernel->loaded().plan, 300), app.stream).ok());
        app.api.cuGraphExecDestroy(app.end());
      }
      REQUIRE(device->synchronize().ok());
      CHECK(fake_cuda_live().libraries == 0);
      device->forget(app.stream);
    }
    CHECK(cuda::violations() == std::vector<std::string>{});
  }
}

TEST_CASE("a_kernel_launch_on_the_caller_s_stream_asks_once_whether_it_is_captured") {
  const auto device = cuda::open_fake();
  {
    Application app;
    const auto kernel = load_on(device);
    fake_cuda_clear_calls();
    REQUIRE(kernel->launch(fitting(kernel->loaded().plan, 300), app.stream).ok());
    CHECK(cuda::call_names() == std::vector<std::string>{"cuStreamGetCaptureInfo", "cuLaunchKernelEx"});
    REQUIRE(device->synchronize(app.stream).ok());
    device->forget(app.stream);
  }
}

TEST_CASE("a_device_of_a_caller_s_context_works_in_that_context") {
  cuda::open_fake("sm_80,sm_90");
  const cuda::ApplicationApi api = fake_cuda_application();
  CHECK(Device::of_context(nullptr).status() ==
        Status(ErrorCode::kInvalidArgument, "device: no context is current in this thread; make one current or open cuda:N, which has one"));
  cuda::CUcontext context = nullptr;
  REQUIRE(api.cuCtxCreate(&context, 0, 1) == cuda::CUDA_SUCCESS);
  {
    const auto given = Device::of_context(context), of_thread = Device::of_context(nullptr);
    REQUIRE(given.ok());
    REQUIRE(of_thread.ok());
    CHECK((*given)->info().name == "cuda:1");
    CHECK((*given)->info().arch.name() == "sm_90a");
    const auto primary = *Device::open("cuda:1");
    cuda::CUstream stream = nullptr;
    REQUIRE((*cuda::cuda_api())->cuStreamCreate(&stream, cuda::CU_STREAM_NON_BLOCKING) == cuda::CUDA_SUCCESS);
    const auto kernel = load_on(*given), other = load_on(primary);
    INFO(kernel.status().message());
    REQUIRE(kernel.ok());
    REQUIRE(kernel->launch(fitting(kernel->loaded().plan, 300), stream).ok());
    REQUIRE(kernel->launch(fitting(kernel->loaded().plan, 300)).ok());
    REQUIRE(other->launch(fitting(other->loaded().plan, 300)).ok());
    REQUIRE((*given)->synchronize(stream).ok());
    REQUIRE((*given)->synchronize().ok());
    REQUIRE(primary->synchronize().ok());
    CHECK(fake_cuda_launches_done() == 3);
    (*given)->forget(stream);
    (*cuda::cuda_api())->cuStreamDestroy(stream);
  }
  REQUIRE(api.cuCtxDestroy(context) == cuda::CUDA_SUCCESS);
  cuda::require_nothing_left();
}

TEST_CASE("a_kernel_launch_makes_exactly_one_driver_call") {
  {
    const auto device = cuda::open_fake();
    const auto kernel = load_on(device);
    INFO(kernel.status().message());
    REQUIRE(kernel.ok());
    fake_cuda_clear_calls();
    const Status status = kernel->launch(fitting(kernel->loaded().plan, 300));
    INFO(status.message());
    REQUIRE(status.ok());
    CHECK(cuda::call_names() == std::vector<std::string>{"cuLaunchKernelEx"});
    REQUIRE(device->synchronize().ok());
    CHECK(fake_cuda_launches_done() == 1);
  }
  cuda::require_nothing_left();
}

TEST_CASE("zero_tokens_make_no_driver_call") {
  const auto kernel = load_on(cuda::open_fake());
  fake_cuda_clear_calls();
  REQUIRE(kernel->launch(fitting(kernel->loaded().plan, 0)).ok());
  CHECK(fake_cuda_num_calls() == 0);
}

TEST_CASE("a_kernel_outlives_its_device_handle_and_gives_everything_back") {
  auto device = cuda::open_fake();
  {
    const auto kernel = load_on(device);
    device.reset();
    const Kernel copy = *kernel;
    REQUIRE(copy.launch(fitting(copy.loaded().plan, 300)).ok());
  }
  cuda::require_nothing_left();
}

TEST_CASE("loading_a_kernel_may_fail_at_every_call_without_a_leak") {
  std::size_t num_calls = 0, way_out = 0;
  {
    const auto device = cuda::open_fake();
    fake_cuda_clear_calls();
    {
      const auto kernel = load_on(device);
      REQUIRE(kernel.ok());
      way_out = fake_cuda_num_calls();
    }
    num_calls = fake_cuda_num_calls();
  }
  for (std::size_t k = 0; k < num_calls; ++k) {
    std::string failed;
    {
      const auto device = cuda::open_fake();
      fake_cuda_clear_calls();
      fake_cuda_fail(nullptr, k, 1, cuda::CUDA_ERROR_UNKNOWN);
      const Status status = load_on(device).status();
      failed = fake_cuda_call(k).name;
      INFO("call " << k << ", " << failed << ": " << status.message());
      CHECK((!status.ok() || cuda::gives_back(failed) || k >= way_out));
    }
    if (failed != "cuMemFree") cuda::require_nothing_left(cuda::kept_by(failed));
  }
}

}  // namespace bsgen
