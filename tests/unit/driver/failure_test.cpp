// What the driver answers when things go wrong.
#include "tests/unit/driver/driver_fixture.h"

namespace bsgen::cuda {
namespace {

// A whole life: open, allocate, copy, load, launch, wait, read back, let go.
Status live_once() {
  BSGEN_ASSIGN(const auto device, Device::open("cuda:0"));
  BSGEN_ASSIGN(const DeviceBuffer buffer, device->allocate(64));
  const std::uint32_t zero = 0;
  BSGEN_TRY(device->copy_in(buffer.address(), bytes_of(zero)));
  BSGEN_ASSIGN(const auto function, device->load(store_image(), 64 * 1024));
  BSGEN_TRY(launch_store(*device, *function, buffer.address(), 77));
  BSGEN_TRY(device->synchronize());
  std::uint32_t value = 0;
  BSGEN_TRY(device->copy_out(std::as_writable_bytes(std::span(&value, 1)), buffer.address()));
  return value == 77 ? Status() : Status(ErrorCode::kCheckFailed, "wrong value");
}

}  // namespace

TEST_CASE("every_driver_call_may_fail_without_a_leak") {
  REQUIRE_OK(live_once());  // what is looked up once per process is not counted below
  fake_cuda_reset("sm_80", 0);
  REQUIRE_OK(live_once());
  const std::vector<std::string> calls = call_names();
  require_nothing_left();
  REQUIRE(calls.size() > 30);
  // Two calls after the last copy was queued, its wait is over and everything is let go.
  const auto way_out = static_cast<std::size_t>(std::find(calls.rbegin(), calls.rend(), "cuMemcpyDtoHAsync").base() - calls.begin()) + 1;

  for (std::size_t k = 0; k < calls.size(); ++k) {
    INFO("call " << k << ", " << calls[k]);
    fake_cuda_reset("sm_80", 0);
    fake_cuda_fail(nullptr, k, 1, CUDA_ERROR_UNKNOWN);
    const Status status = live_once();
    if (status.ok()) {  // only what is called on the way out may fail unheard
      CHECK((gives_back(calls[k]) || k >= way_out));
    } else {
      CHECK(status.message().substr(0, 8) == "device: ");
      CHECK(status.message().find(calls[k]) != std::string::npos);
      if (calls[k] != "cuDriverGetVersion") CHECK(status.message().find("CUDA_ERROR_UNKNOWN (unknown error)") != std::string::npos);
    }
    CHECK(fake_cuda_call(k).result == CUDA_ERROR_UNKNOWN);
    // A driver that does not even make a context current cannot be made to free what is in it.
    const bool freeing_without_context = status.ok() && calls[k] == "cuCtxPushCurrent" && !violations().empty();
    if (freeing_without_context) {
      CHECK(violations() == std::vector<std::string>{"the primary context of device 0 ended with 1 allocations in it"});
      CHECK(fake_cuda_live().contexts == 0);
    } else {
      require_nothing_left(kept_by(calls[k]));
    }
  }
}

TEST_CASE("after_a_kernel_failed_every_call_says_so") {
  {
    const auto device = open_fake();
    const auto function = device->load(store_image(), 0);
    const auto buffer = device->allocate(4);
    REQUIRE_OK(launch_store(*device, **function, 0x10, 1));  // accepted: a launch reports what came before it
    const Status first = device->synchronize();
    CHECK(first.code() == ErrorCode::kDevice);
    CHECK(first.message().find("cuStreamSynchronize: CUDA_ERROR_ILLEGAL_ADDRESS") != std::string::npos);
    CHECK(first.message().find("this process cannot use the device any more") != std::string::npos);
    CHECK(launch_store(*device, **function, buffer->address(), 1).message().find("CUDA_ERROR_ILLEGAL_ADDRESS") != std::string::npos);
    CHECK(device->allocate(16).status().message().find("CUDA_ERROR_ILLEGAL_ADDRESS") != std::string::npos);
    CHECK(std::string(fake_cuda_last_failure()).find("sim: ") == 0);
  }
  require_nothing_left();
}

TEST_CASE("out_of_memory_says_what_is_free") {
  const auto device = open_fake();
  fake_cuda_set_memory(1 << 20);
  const auto half = device->allocate(1 << 19);
  REQUIRE(half.ok());
  const auto refused = device->allocate((1 << 19) + 1);
  CHECK(refused.status() == Status(ErrorCode::kDevice,
                                   "device: cuda:0: cuMemAlloc of 524289 bytes: CUDA_ERROR_OUT_OF_MEMORY (out of memory), 524288 of 1048576 "
                                   "bytes are free; free some or use fewer tokens"));
  CHECK(device->allocate(1 << 19).ok());
}

}  // namespace bsgen::cuda
