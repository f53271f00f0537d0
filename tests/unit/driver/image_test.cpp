// Which image a GPU is given.
#include "runtime/driver/image_fit.h"
#include "tests/unit/driver/driver_fixture.h"

namespace bsgen::cuda {
namespace {

Arch arch(const char* text) { return *Arch::parse(text); }

std::size_t loads() {
  std::size_t count = 0;
  for (const std::string& name : call_names()) count += name == "cuLibraryLoadData";
  return count;
}

}  // namespace

TEST_CASE("cubins_run_on_the_same_major_number_and_ptx_on_every_newer_gpu") {
  CHECK(cubin_fits(arch("sm_80"), arch("sm_80")));
  CHECK(cubin_fits(arch("sm_80"), arch("sm_89")));
  CHECK_FALSE(cubin_fits(arch("sm_86"), arch("sm_80")));
  CHECK_FALSE(cubin_fits(arch("sm_80"), arch("sm_90a")));
  CHECK(cubin_fits(arch("sm_90"), arch("sm_90a")));
  CHECK(cubin_fits(arch("sm_90a"), arch("sm_90a")));
  CHECK_FALSE(cubin_fits(arch("sm_100a"), arch("sm_103a")));
  CHECK(cubin_fits(arch("sm_100f"), arch("sm_103a")));
  CHECK_FALSE(cubin_fits(arch("sm_103f"), arch("sm_100a")));
  CHECK_FALSE(cubin_fits(arch("sm_100f"), arch("sm_120a")));

  CHECK(ptx_fits(arch("sm_80"), arch("sm_90a")));
  CHECK_FALSE(ptx_fits(arch("sm_90"), arch("sm_89")));
  CHECK_FALSE(ptx_fits(arch("sm_90a"), arch("sm_100a")));
  CHECK(ptx_fits(arch("sm_120f"), arch("sm_121a")));
}

TEST_CASE("the_cubin_is_loaded_where_it_fits") {
  const auto device = open_fake();
  KernelImage image = store_image();
  image.cubin = fake_cubin();
  fake_cuda_register_cubin(image.cubin.data(), image.cubin.size(), image.ptx.c_str(), "sm_80");
  const auto buffer = device->allocate(4);
  const auto function = device->load(image, 0);
  REQUIRE(function.ok());
  CHECK(loads() == 1);
  REQUIRE_OK(launch_store(*device, **function, buffer->address(), 12));
  CHECK(read_u32(*device, buffer->address()) == 12);
}

TEST_CASE("the_ptx_serves_where_the_driver_declines_the_cubin") {
  const CUresult declined = GENERATE(CUDA_ERROR_NO_BINARY_FOR_GPU, CUDA_ERROR_INVALID_IMAGE);
  const std::string at = GENERATE("cuLibraryLoadData", "cuKernelGetFunction");  // at once, or when it is made resident
  {
    const auto device = open_fake();
    KernelImage image = store_image();
    image.cubin = fake_cubin();
    fake_cuda_register_cubin(image.cubin.data(), image.cubin.size(), image.ptx.c_str(), "sm_80");
    fake_cuda_fail(at.c_str(), 0, 1, declined);
    const auto function = device->load(image, 0);
    REQUIRE(function.ok());
    CHECK(loads() == 2);
    CHECK(fake_cuda_live().libraries == 1);
  }
  require_nothing_left();
}

TEST_CASE("a_gpu_newer_than_the_cubin_gets_the_ptx") {
  const auto device = open_fake("sm_90");
  KernelImage image = store_image("sm_80");
  image.cubin = fake_cubin();
  REQUIRE(device->load(image, 0).ok());
  CHECK(loads() == 1);  // the cubin is not even tried
}

TEST_CASE("a_failure_that_is_no_refusal_is_not_tried_again") {
  const auto device = open_fake();
  KernelImage image = store_image();
  image.cubin = fake_cubin();
  fake_cuda_fail("cuLibraryLoadData", 0, 1, CUDA_ERROR_OUT_OF_MEMORY);
  CHECK(device->load(image, 0).status().code() == ErrorCode::kDevice);
  CHECK(loads() == 1);
}

TEST_CASE("an_entry_that_the_image_does_not_hold_is_named") {
  const auto device = open_fake();
  KernelImage image = store_image();
  image.entry = "stone";
  CHECK(device->load(image, 0).status().message() == "device: cuda:0: cuLibraryGetKernel of stone: CUDA_ERROR_NOT_FOUND (named symbol not found)");
  CHECK(fake_cuda_live().libraries == 0);
}

}  // namespace bsgen::cuda
