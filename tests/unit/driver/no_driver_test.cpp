// A machine as it is, most likely without a GPU. The fake is not linked here.
#include <dlfcn.h>

#include "bsgen/device.h"
#include "tests/support/catch.h"

namespace bsgen {
namespace {

bool has_driver() {
  void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  return library != nullptr;
}

}  // namespace

TEST_CASE("without_a_driver_cuda_is_missing_and_auto_is_cpu_or_without_llvm_sim") {
  if (has_driver()) BSGEN_SKIP("this machine has a CUDA driver");
  const auto gpu = Device::open("cuda:0");
  CHECK(gpu.status() == Status(ErrorCode::kMissing, "device: libcuda.so.1 not found; --device sim (or BSGEN_DEVICE=sim) runs on the CPU"));
  CHECK(exit_status(gpu.status().code()) == 3);
  const auto first = Device::open("auto");
  REQUIRE(first.ok());
  CHECK((*first)->info().kind == (Device::open("cpu").ok() ? "cpu" : "sim"));
}

TEST_CASE("sim_models_the_architecture_that_its_name_gives") {
  CHECK((*Device::open("sim"))->info().arch == *Arch::parse("sm_80"));
  CHECK((*Device::open("sim:sm_90"))->info().arch == *Arch::parse("sm_90"));
}

TEST_CASE("names_of_devices_that_do_not_exist_are_refused") {
  for (const char* name : {"", "gpu", "cuda:", "cuda:-1", "cuda:x", "cuda:1 ", "cuda:99999999999", "simulator", "CUDA:0"}) {
    const Status status = Device::open(name).status();
    CHECK(status == Status(ErrorCode::kInvalidArgument,
                           "device: \"" + std::string(name) + "\" is none of auto, sim, sim:sm_NN, cpu, cpu:avx512, cpu:avx2, cpu:portable, cuda, cuda:N"));
  }
  CHECK(Device::open("sim:sm_x").status().code() == ErrorCode::kInvalidArgument);
}

}  // namespace bsgen
