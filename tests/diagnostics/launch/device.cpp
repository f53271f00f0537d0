// What opening a GPU and loading on it say. (No driver and old drivers: tests/unit/driver.)
#include "tests/unit/driver/driver_fixture.h"

namespace bsgen::cuda {

TEST_CASE("a_gpu_that_is_not_there_is_answered_with_those_that_are") {
  fake_cuda_reset("sm_80", 0);
  const Status one = Device::open("cuda:1").status();
  CHECK(one == Status(ErrorCode::kMissing, "device: cuda:1 not found, this machine has 1 GPU (cuda:0); use one of these or --device sim"));
  CHECK(exit_status(one.code()) == 3);
  fake_cuda_reset("sm_80,sm_90,sm_120", 0);
  CHECK(Device::open("cuda:7").status().message() ==
        "device: cuda:7 not found, this machine has 3 GPUs (cuda:0 to cuda:2); use one of these or --device sim");
}

TEST_CASE("a_driver_that_cannot_start_says_why") {
  fake_cuda_reset("sm_80", 0);
  fake_cuda_fail("cuInit", 0, 1, CUDA_ERROR_NO_DEVICE);
  CHECK(Device::open("cuda:0").status() ==
        Status(ErrorCode::kMissing, "device: the NVIDIA driver finds no GPU; --device sim (or BSGEN_DEVICE=sim) runs on the CPU"));
  fake_cuda_fail("cuInit", 0, 1, 803);  // CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, of which the fake has no words
  CHECK(Device::open("cuda:0").status() ==
        Status(ErrorCode::kMissing, "device: cuInit: error 803; --device sim (or BSGEN_DEVICE=sim) runs on the CPU"));
  fake_cuda_reset("sm_80", 11080);
  CHECK(Device::open("cuda:0").status() ==
        Status(ErrorCode::kMissing,
               "device: the NVIDIA driver is for CUDA 11.8, bsgen needs 12.0 or newer (525.60); update it, or --device sim (or "
               "BSGEN_DEVICE=sim) runs on the CPU"));
}

TEST_CASE("an_image_for_another_architecture_names_both") {
  const auto device = open_fake("sm_80");
  KernelImage image = store_image("sm_90a");
  image.cubin = fake_cubin();
  CHECK(device->load(image, 0).status() ==
        Status(ErrorCode::kInvalidArgument, "device: store was compiled for sm_90a, cuda:0 is an sm_80 (fake sm_80); compile it with --arch sm_80"));
  // A cubin alone, for which the driver has no use either.
  KernelImage cubin_only = store_image();
  cubin_only.ptx.clear();
  cubin_only.cubin = fake_cubin();
  CHECK(device->load(cubin_only, 0).status().message() ==
        "device: store was compiled for sm_80, cuda:0 is an sm_80 (fake sm_80); compile it with --arch sm_80");
}

TEST_CASE("ptx_that_the_driver_does_not_take_is_explained") {
  const auto device = open_fake("sm_80");
  KernelImage broken = store_image();
  broken.ptx.replace(broken.ptx.find("st.global"), 9, "st.globul");
  const Status status = device->load(broken, 0).status();
  CHECK(status.code() == ErrorCode::kCompileFailed);
  CHECK(status.message().find("device: cuda:0: the driver does not assemble the PTX of store for sm_80: ") == 0);
  CHECK(fake_cuda_live().libraries == 0);

  fake_cuda_reset("sm_80", 12020);
  KernelImage newer = store_image();
  newer.ptx.replace(newer.ptx.find("8.0"), 3, "9.0");
  CHECK((*Device::open("cuda:0"))->load(newer, 0).status() ==
        Status(ErrorCode::kMissing,
               "device: cuda:0: the driver is for CUDA 12.2 and older than the compiler that made the PTX of store; update the driver"));
}

TEST_CASE("shared_memory_that_the_gpu_does_not_have_is_named") {
  const auto device = open_fake("sm_86");
  CHECK(device->load(store_image(), 120000).status().message() ==
        "device: cuda:0: cuKernelSetAttribute to 120000 bytes of dynamic shared memory: CUDA_ERROR_INVALID_VALUE (invalid argument)");
}

TEST_CASE("a_launch_that_the_driver_refuses_says_what_was_asked") {
  const auto device = open_fake("sm_80");
  const auto function = *device->load(store_image(), 0);
  const StoreParameters parameters;
  CHECK(device->launch(*function, {.grid_x = 7, .threads = 2048}, bytes_of(parameters), nullptr).message() ==
        "device: cuda:0: cuLaunchKernelEx of store with 7 x 1 x 1 ctas of 2048 threads and 0 bytes of shared memory: CUDA_ERROR_INVALID_VALUE "
        "(invalid argument)");
  const std::uint64_t short_by_half = 0;
  CHECK(device->launch(*function, {.threads = 1}, bytes_of(short_by_half), nullptr).message() ==
        "device: cuda:0: store takes 16 bytes of parameters, the launch has 8");
}

TEST_CASE("a_forked_childs_driver_is_explained") {
  const auto device = open_fake("sm_80");
  fake_cuda_fail("cuCtxPushCurrent", 0, 1, CUDA_ERROR_NOT_INITIALIZED);
  CHECK(device->allocate(16).status().message() ==
        "device: cuda:0: cuCtxPushCurrent: CUDA_ERROR_NOT_INITIALIZED (initialization error); a forked child cannot use its parent's driver: "
        "open the device after the fork");
}

}  // namespace bsgen::cuda
