// One GPU, used as intended.
#include "tests/unit/driver/driver_fixture.h"

namespace bsgen::cuda {

TEST_CASE("cuda_device_says_what_it_is") {
  const auto device = open_fake("sm_80,sm_90", "cuda:1");
  CHECK(device->info().kind == "cuda");
  CHECK(device->info().name == "cuda:1");
  CHECK(device->info().ordinal == 1);
  CHECK(device->info().arch == *Arch::parse("sm_90a"));
  CHECK(device->info().model == "fake sm_90");
  CHECK(device->info().num_sms == 2);
}

TEST_CASE("auto_is_the_first_gpu_and_cuda_is_cuda_0") {
  CHECK(open_fake("sm_80", "auto")->info().name == "cuda:0");
  CHECK(open_fake("sm_80", "cuda")->info().name == "cuda:0");
}

TEST_CASE("auto_is_cpu_or_without_llvm_sim_where_no_gpu_is_new_enough") {
  fake_cuda_reset("sm_80", 0);
  fake_cuda_fail("cuInit", 0, 1, CUDA_ERROR_NO_DEVICE);
  const auto device = Device::open("auto");
  REQUIRE(device.ok());
  CHECK((*device)->info().kind == (Device::open("cpu").ok() ? "cpu" : "sim"));
}

TEST_CASE("auto_reports_a_gpu_that_is_there_but_fails") {
  fake_cuda_reset("sm_80", 0);
  fake_cuda_fail("cuDevicePrimaryCtxRetain", 0, 1, CUDA_ERROR_OUT_OF_MEMORY);
  CHECK(Device::open("auto").status().code() == ErrorCode::kDevice);
}

TEST_CASE("cuda_memory_round_trips") {
  {
    const auto device = open_fake();
    const auto buffer = device->allocate(1000);
    REQUIRE(buffer.ok());
    CHECK(buffer->address() % 256 == 0);
    CHECK(buffer->bytes() == 1000);
    std::vector<std::byte> in(1000), out(1000);
    for (std::size_t i = 0; i < in.size(); ++i) in[i] = static_cast<std::byte>(i * 7);
    REQUIRE_OK(device->copy_in(buffer->address(), in));
    REQUIRE_OK(device->copy_out(out, buffer->address()));
    CHECK(in == out);
    const auto nothing = device->allocate(0);
    REQUIRE(nothing.ok());
    CHECK(nothing->address() == 0);
    REQUIRE_OK(device->copy_in(0, {}));
  }
  require_nothing_left();
}

TEST_CASE("cuda_launch_runs_the_ptx") {
  {
    const auto device = open_fake();
    const auto buffer = device->allocate(4);
    const auto function = device->load(store_image(), 0);
    REQUIRE(function.ok());
    REQUIRE_OK(launch_store(*device, **function, buffer->address(), 4711));
    CHECK(read_u32(*device, buffer->address()) == 4711);
  }
  require_nothing_left();
}

TEST_CASE("cuda_launch_is_one_driver_call") {
  const auto device = open_fake();
  const auto buffer = device->allocate(4);
  const auto function = device->load(store_image(), 0);
  fake_cuda_clear_calls();
  REQUIRE_OK(launch_store(*device, **function, buffer->address(), 1));
  CHECK(call_names() == std::vector<std::string>{"cuLaunchKernelEx"});
  CHECK(fake_cuda_launches_done() == 0);  // queued: nothing waited for it
}

TEST_CASE("cuda_launch_needs_no_current_context_and_changes_none") {
  const ApplicationApi app = fake_cuda_application();
  const auto device = open_fake("sm_80,sm_80");
  CHECK(current_context() == nullptr);
  CUcontext other = nullptr;
  REQUIRE(app.cuCtxCreate(&other, 0, 1) == CUDA_SUCCESS);
  const auto buffer = device->allocate(4);
  const auto function = device->load(store_image(), 0);
  REQUIRE_OK(launch_store(*device, **function, buffer->address(), 9));
  REQUIRE_OK(device->synchronize());
  CHECK(read_u32(*device, buffer->address()) == 9);
  CHECK(current_context() == other);
  app.cuCtxDestroy(other);
}

TEST_CASE("cuda_launch_goes_to_the_callers_stream") {
  const ApplicationApi app = fake_cuda_application();
  const auto device = open_fake();
  const auto buffer = device->allocate(4);
  const auto function = device->load(store_image(), 0);
  const std::uint32_t zero = 0;
  REQUIRE_OK(device->copy_in(buffer->address(), bytes_of(zero)));
  CUcontext primary = nullptr;
  const auto& api = **cuda_api();
  REQUIRE(api.cuDevicePrimaryCtxRetain(&primary, 0) == CUDA_SUCCESS);
  REQUIRE(app.cuCtxSetCurrent(primary) == CUDA_SUCCESS);
  CUstream stream = nullptr;
  REQUIRE(api.cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING) == CUDA_SUCCESS);

  REQUIRE_OK(launch_store(*device, **function, buffer->address(), 5, stream));
  CHECK(read_u32(*device, buffer->address()) == 0);  // another stream's work is not waited for
  REQUIRE_OK(device->synchronize(stream));
  CHECK(read_u32(*device, buffer->address()) == 5);

  api.cuStreamDestroy(stream);
  app.cuCtxSetCurrent(nullptr);
  api.cuDevicePrimaryCtxRelease(0);
}

TEST_CASE("launches_without_a_stream_keep_the_order_with_the_legacy_stream") {
  const ApplicationApi app = fake_cuda_application();
  const auto device = open_fake();
  const auto& api = **cuda_api();
  const auto buffer = device->allocate(4);
  const auto function = device->load(store_image(), 0);
  CUcontext primary = nullptr;
  REQUIRE(api.cuDevicePrimaryCtxRetain(&primary, 0) == CUDA_SUCCESS);
  REQUIRE(app.cuCtxSetCurrent(primary) == CUDA_SUCCESS);
  const std::uint32_t before = 1;
  REQUIRE(api.cuMemcpyHtoDAsync(buffer->address(), &before, 4, nullptr) == CUDA_SUCCESS);
  REQUIRE_OK(launch_store(*device, **function, buffer->address(), 2));
  std::uint32_t after = 0;
  REQUIRE(api.cuMemcpyDtoHAsync(&after, buffer->address(), 4, nullptr) == CUDA_SUCCESS);
  REQUIRE(api.cuStreamSynchronize(nullptr) == CUDA_SUCCESS);
  CHECK(after == 2);
  CHECK(read_u32(*device, buffer->address()) == 2);  // not 1: the earlier copy came first
  app.cuCtxSetCurrent(nullptr);
  api.cuDevicePrimaryCtxRelease(0);
}

TEST_CASE("shared_memory_above_48_KiB_is_opted_in_at_load") {
  const auto device = open_fake();
  const auto buffer = device->allocate(4);
  const auto small = device->load(store_image(), 0);
  const auto large = device->load(store_image(), 100000);
  const StoreParameters parameters{buffer->address(), 3, 0};
  const LaunchConfig config{.threads = 1, .shared_bytes = 100000};
  CHECK(device->launch(**small, config, bytes_of(parameters), nullptr).code() == ErrorCode::kDevice);
  fake_cuda_clear_calls();
  REQUIRE_OK(device->launch(**large, config, bytes_of(parameters), nullptr));
  CHECK(fake_cuda_num_calls() == 1);
  CHECK(read_u32(*device, buffer->address()) == 3);
  CHECK_FALSE(device->load(store_image(), 200000).ok());  // sm_80 has 163 KiB
}

TEST_CASE("a_kernel_that_takes_more_than_it_is_given_is_not_launched") {
  const auto device = open_fake();
  const auto function = device->load(store_image(), 0);
  const std::uint64_t short_by_half = 0;
  CHECK(device->launch(**function, {.threads = 1}, bytes_of(short_by_half), nullptr).code() == ErrorCode::kInvalidArgument);
  CHECK(fake_cuda_launches_queued() == 0);
}

TEST_CASE("a_function_keeps_its_device_alive") {
  auto device = open_fake();
  auto function = *device->load(store_image(), 0);
  auto buffer = *device->allocate(16);
  device.reset();
  CHECK(fake_cuda_live().contexts == 1);
  function.reset();
  CHECK(fake_cuda_live().libraries == 0);
  buffer = {};
  require_nothing_left();
}

}  // namespace bsgen::cuda
