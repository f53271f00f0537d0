// Several GPUs, several threads.
#include <atomic>
#include <thread>

#include "tests/unit/driver/driver_fixture.h"

namespace bsgen::cuda {

TEST_CASE("two_devices_keep_their_memory_and_kernels_apart") {
  {
    const auto first = open_fake("sm_80,sm_90");
    const auto second = *Device::open("cuda:1");
    const auto a = *first->allocate(4), b = *second->allocate(4);
    const auto on_first = *first->load(store_image(), 0), on_second = *second->load(store_image(), 0);
    REQUIRE_OK(launch_store(*first, *on_first, a.address(), 1));
    REQUIRE_OK(launch_store(*second, *on_second, b.address(), 2));
    CHECK(read_u32(*first, a.address()) == 1);
    CHECK(read_u32(*second, b.address()) == 2);
    CHECK(launch_store(*second, *on_first, b.address(), 3) ==
          Status(ErrorCode::kInvalidArgument, "device: cuda:1: the function was loaded on another device; load it on this one"));
  }
  require_nothing_left();
}

TEST_CASE("a_device_may_be_opened_twice") {
  {
    const auto first = open_fake();
    auto second = *Device::open("cuda:0");
    const auto buffer = *first->allocate(4);
    const std::uint32_t six = 6;
    REQUIRE_OK(second->copy_in(buffer.address(), bytes_of(six)));
    second.reset();
    CHECK(read_u32(*first, buffer.address()) == 6);
  }
  require_nothing_left();
}

TEST_CASE("threads_share_a_device_and_its_kernels") {
  constexpr std::uint32_t kThreads = 4, kTurns = 20;
  std::atomic<std::uint32_t> wrong = 0;  // Catch2's checks are for one thread
  {
    const auto device = open_fake();
    const auto function = *device->load(store_image(), 0);
    std::vector<std::thread> threads;
    for (std::uint32_t t = 0; t < kThreads; ++t)
      threads.emplace_back([&, t] {
        for (std::uint32_t turn = 0; turn < kTurns; ++turn) {
          const auto buffer = device->allocate(4);
          const auto own = turn % 5 == 0 ? *device->load(store_image(), 0) : function;
          const std::uint32_t want = t * kTurns + turn;
          std::uint32_t got = ~0u;
          const bool ok = buffer.ok() && launch_store(*device, *own, buffer->address(), want).ok() && device->synchronize().ok() &&
                          device->copy_out(std::as_writable_bytes(std::span(&got, 1)), buffer->address()).ok();
          if (!ok || got != want) ++wrong;
        }
      });
    for (std::thread& thread : threads) thread.join();
  }
  CHECK(wrong == 0);
  require_nothing_left();
}

}  // namespace bsgen::cuda
