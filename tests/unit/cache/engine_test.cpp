#include "bsgen/engine.h"

#include <atomic>
#include <barrier>
#include <fstream>
#include <thread>

#include "runtime/cache/cached_compile.h"
#include "runtime/launch/loaded_kernel.h"
#include "tests/support/rounds.h"
#include "tests/unit/cache/cache_fixture.h"
#include "tests/unit/cache/engine_fixture.h"

using namespace bsgen;
using namespace bsgen::test;

TEST_CASE("an_engine_s_kernel_comes_from_the_compiler_then_memory_then_disk") {
  BSGEN_NEED_NVRTC();
  const CacheFolder folder;
  const auto device = std::make_shared<NoteDevice>();
  CompileReport report;
  Engine engine({.cache_dir = folder.str()});
  const auto kernel = engine.kernel(small_layout(), {}, device, table(), &report);
  INFO(kernel.status().message());
  REQUIRE(kernel);
  CHECK(report.origin == KernelOrigin::kCompiled);
  CHECK(report.nvrtc_ms > 0);
  CHECK(report.key.size() == 64);
  CHECK(kernel->image().verify() == Status());
  const auto again = engine.kernel(small_layout(), {}, device, table(), &report);
  REQUIRE(again);
  CHECK(report.origin == KernelOrigin::kMemory);
  CHECK(report.nvrtc_ms == 0);
  CHECK(&again->loaded() == &kernel->loaded());
  CHECK(device->loads == 1);

  Engine later({.cache_dir = folder.str()});
  const auto third = later.kernel(small_layout(), {}, device, table(), &report);
  REQUIRE(third);
  CHECK(report.origin == KernelOrigin::kDisk);
  CHECK(third->image() == kernel->image());
  const CacheStats stats = later.stats();
  CHECK((stats.entries == 1 && stats.hits_disk == 1 && stats.compiles == 0));
}

TEST_CASE("layouts_of_one_class_share_one_compile_in_tier_table") {
  BSGEN_NEED_NVRTC();
  const CacheFolder folder;
  const auto device = std::make_shared<NoteDevice>();
  Engine engine({.cache_dir = folder.str()});
  CompileReport first, second;
  const auto a = engine.kernel(small_layout(), {}, device, table(), &first);
  const auto b = engine.kernel(other_layout(), {}, device, table(), &second);
  REQUIRE(a);
  REQUIRE(b);
  CHECK(first.key == second.key);
  CHECK(second.origin == KernelOrigin::kMemory);
  CHECK(a->loaded().plan.layout_hash !=
        b->loaded().plan.layout_hash);  // each bound to its own schedule
  CHECK(engine.stats().compiles == 1);
  CHECK(device->loads == 2);
}

TEST_CASE("each_device_gets_its_own_loaded_kernel_from_one_image") {
  BSGEN_NEED_NVRTC();
  const CacheFolder folder;
  const auto one = std::make_shared<NoteDevice>(), two = std::make_shared<NoteDevice>();
  Engine engine({.cache_dir = folder.str()});
  const auto a = engine.kernel(small_layout(), {}, one, table());
  const auto b = engine.kernel(small_layout(), {}, two, table());
  REQUIRE(a);
  REQUIRE(b);
  CHECK(a->loaded().device == one);
  CHECK(b->loaded().device == two);
  CHECK(engine.stats().compiles == 1);
}

TEST_CASE("threads_that_ask_an_engine_for_one_kernel_compile_and_load_it_once") {
  BSGEN_NEED_NVRTC();
  constexpr int kThreads = 8;
  const CacheFolder folder;
  const auto device = std::make_shared<NoteDevice>();
  Engine engine({.cache_dir = folder.str()});
  std::barrier start(kThreads);
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&] {
      const auto request = engine.request(small_layout(), {}, device, table());
      start.arrive_and_wait();
      if (!request || !engine.kernel(*request)) ++failed;
    });
  for (auto& thread : threads) thread.join();
  CHECK(failed == 0);
  CHECK(engine.stats().compiles == 1);
  CHECK(device->loads == 1);
}

TEST_CASE("a_device_that_refuses_a_kernel_is_asked_again") {
  BSGEN_NEED_NVRTC();
  const CacheFolder folder;
  const auto device = std::make_shared<NoteDevice>();
  Engine engine({.cache_dir = folder.str()});
  device->refuse = true;
  CHECK(engine.kernel(small_layout(), {}, device, table()).status() ==
        Status(ErrorCode::kDevice, "note: refused"));
  device->refuse = false;
  CHECK(engine.kernel(small_layout(), {}, device, table()));
  CHECK(engine.stats().compiles == 1);
}

TEST_CASE("a_null_device_is_refused_by_the_engine") {
  Engine engine({.disk_cache = false});
  CHECK(engine.request(small_layout(), {}, nullptr).status().code() == ErrorCode::kInvalidArgument);
}

TEST_CASE("a_held_request_is_compiled_once_and_answered_by_the_memory_tier") {
  BSGEN_NEED_NVRTC();
  const auto device = std::make_shared<NoteDevice>();
  Engine engine({.disk_cache = false});
  const auto request = engine.request(small_layout(), {}, device, table());
  REQUIRE(request);
  const auto first = engine.kernel(*request);
  REQUIRE(first);
  constexpr int kHits = 1000;
  int same = 0;
  for (int i = 0; i < kHits; ++i) {
    const auto again = engine.kernel(*request);
    same += again && &again->loaded() == &first->loaded();
  }
  CHECK(same == kHits);
  const CacheStats stats = engine.stats();
  CHECK(stats.compiles == 1);
  CHECK(stats.hits_memory == kHits);
}

TEST_CASE("cached_compile_and_the_engine_share_entries") {
  BSGEN_NEED_NVRTC();
  const CacheFolder folder;
  CompileReport report;
  runtime::CacheOptions cache;
  cache.directory = folder.str();
  const Arch arch{.number = 80, .suffix = '\0'};
  const auto first = runtime::cached_compile(small_layout(), {}, arch, table(), cache, &report);
  INFO(first.status().message());
  REQUIRE(first);
  CHECK(report.origin == KernelOrigin::kCompiled);
  const auto from_plan = runtime::cached_compile(small_layout(), first->plan, cache, &report);
  REQUIRE(from_plan);
  CHECK(report.origin == KernelOrigin::kDisk);
  CHECK(from_plan->image == first->image);
  CHECK(from_plan->source == first->source);
  CHECK(from_plan->schedule == first->schedule);

  Engine engine({.cache_dir = folder.str()});
  REQUIRE(engine.kernel(small_layout(), {}, std::make_shared<NoteDevice>(), table(), &report));
  CHECK(report.origin == KernelOrigin::kDisk);

  cache.enabled = false;
  const auto uncached = runtime::cached_compile(small_layout(), {}, arch, table(), cache, &report);
  REQUIRE(uncached);
  CHECK(report.origin == KernelOrigin::kCompiled);
  CHECK(uncached->image.ptx == first->image.ptx);
  CHECK(uncached->image.cubin == first->image.cubin);
}

TEST_CASE("a_raw_layout_is_planned_once") {
  BSGEN_NEED_NVRTC();
  const auto device = std::make_shared<NoteDevice>();
  Engine engine({.disk_cache = false});
  CompileReport first, again;
  const auto kernel = engine.kernel(small_layout(), {}, device, table(), &first);
  INFO(kernel.status().message());
  REQUIRE(kernel);
  CHECK(first.plan_ms > 0);
  const auto same = engine.kernel(small_layout(), {}, device, table(), &again);
  REQUIRE(same);
  CHECK(&same->loaded() == &kernel->loaded());
  CHECK((again.plan_ms == 0 && again.origin == KernelOrigin::kMemory && again.key == first.key));
  // Everything that a request is made of tells requests apart.
  Problem align;
  align.align = 4;
  const auto differs = [&](const Expected<Kernel>& other) {
    INFO(other.status().message());
    REQUIRE(other);
    return &other->loaded() != &kernel->loaded();
  };
  CHECK(differs(engine.kernel(other_layout(), {}, device, table())));
  CHECK(differs(engine.kernel(small_layout(), align, device, table())));
  CHECK(differs(engine.kernel(small_layout(), {}, device, unrolled())));
  CHECK(differs(engine.kernel(small_layout(), {}, std::make_shared<NoteDevice>(), table())));
}

TEST_CASE("a_hundred_kernels_pass_through_an_engine_that_holds_four") {
  BSGEN_NEED_NVRTC();
  const auto device = std::make_shared<NoteDevice>();
  EngineOptions options;
  options.disk_cache = false;
  options.memory_entries = 4;
  Engine engine(options);
  for (const Layout& layout : layouts(100)) {
    const auto kernel = engine.kernel(layout, {}, device, table());
    REQUIRE(kernel);
  }
  CHECK(NoteDevice::functions <= 4);
}

// A new layout each time, as a training run that prunes asks for.
TEST_CASE("a_hundred_thousand_layouts_leave_the_process_no_larger_than_ten_thousand", "[.full]") {
  BSGEN_NEED_NVRTC();
  const auto resident_kib = [] {
    std::size_t all = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> all >> resident;
    return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) / 1024;
  };
  const auto device = std::make_shared<NoteDevice>();
  EngineOptions options;
  options.disk_cache = false;
  options.memory_entries = 256;
  Engine engine(options);
  std::size_t early = 0;
  Rounds rounds(100'000);
  while (rounds.next()) {
    std::vector<std::uint8_t> bits(36);
    for (int i = 0; i < 36; ++i) bits[static_cast<std::size_t>(i)] = i < 17 ? rounds.begun() >> i & 1 : i % 7 == 0;
    REQUIRE(engine.kernel(*Layout::from_bits(bits, 6, 6, {32, 32}), {}, device, table()));
    if (rounds.begun() <= 10'000) early = resident_kib();
  }
  const std::size_t late = resident_kib();
  std::printf("%d layouts, %llu compiles: %zu KiB resident after the first 10000, %zu at the end\n", rounds.begun(),
              static_cast<unsigned long long>(engine.stats().compiles), early, late);
  CHECK(NoteDevice::functions <= 256);
  CHECK(late < early + 2048);
}
