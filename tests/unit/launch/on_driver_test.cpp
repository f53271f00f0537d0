// A Kernel on the driver interface, from loading to the one call of a launch.
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

}  // namespace

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
  std::size_t num_calls = 0;
  {
    const auto device = cuda::open_fake();
    fake_cuda_clear_calls();
    REQUIRE(load_on(device).ok());
    num_calls = fake_cuda_num_calls();
  }
  for (std::size_t k = 0; k < num_calls; ++k) {
    {
      const auto device = cuda::open_fake();
      fake_cuda_clear_calls();
      fake_cuda_fail(nullptr, k, 1, cuda::CUDA_ERROR_UNKNOWN);
      const Status status = load_on(device).status();
      const std::string failed = fake_cuda_call(k).name;
      INFO("call " << k << ", " << failed << ": " << status.message());
      CHECK((!status.ok() || cuda::gives_back(failed)));
    }
    if (cuda::violations() != std::vector<std::string>{"the primary context of device 0 ended with 1 allocations in it"}) cuda::require_nothing_left();
  }
}

}  // namespace bsgen
