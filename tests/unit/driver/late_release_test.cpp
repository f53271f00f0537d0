// Code and memory that are let go while streams still run: given back after the last of them, and never before.
#include <algorithm>

#include "tests/unit/driver/driver_fixture.h"

namespace bsgen::cuda {
namespace {

// An application with streams of its own on cuda:0, a kernel that it launches, and memory that the kernel writes.
struct Application {
  explicit Application(int num_streams) {
    REQUIRE(driver.cuDevicePrimaryCtxRetain(&primary, 0) == CUDA_SUCCESS);
    REQUIRE(api.cuCtxSetCurrent(primary) == CUDA_SUCCESS);
    streams.resize(static_cast<std::size_t>(num_streams));
    for (CUstream& stream : streams) REQUIRE(driver.cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING) == CUDA_SUCCESS);
    function = *device->load(store_image(), 0);
    memory = *device->allocate(4);
  }
  ~Application() {
    for (CUstream stream : streams) driver.cuStreamDestroy(stream);
    api.cuCtxSetCurrent(nullptr);
    driver.cuDevicePrimaryCtxRelease(0);
  }
  void launch(CUstream stream) { REQUIRE(launch_store(*device, *function, memory.address(), 1, stream).ok()); }
  void launch_everywhere() {
    for (CUstream stream : streams) launch(stream);
  }
  void let_go() {
    function.reset();
    memory = {};
  }
  // Everything is there until the last stream has run.
  void finish_one_by_one() {
    for (CUstream stream : streams) {
      REQUIRE(all_there());
      REQUIRE_OK(device->synchronize(stream));
    }
    CHECK(all_gone());
  }
  void forget_all() {
    for (CUstream stream : streams) device->forget(stream);
  }
  static bool all_there() { return fake_cuda_live().libraries == 1 && fake_cuda_live().allocations == 1; }
  static bool all_gone() { return fake_cuda_live().libraries == 0 && fake_cuda_live().allocations == 0 && fake_cuda_live().events == 0; }

  std::shared_ptr<Device> device = open_fake();
  const CudaApi& driver = **cuda_api();
  const ApplicationApi api = fake_cuda_application();
  CUcontext primary = nullptr;
  std::vector<CUstream> streams;
  std::shared_ptr<const DeviceFunction> function;
  DeviceBuffer memory;
};

}  // namespace

// The device's own stream is one of the 256.
TEST_CASE("of_255_streams_every_single_one_is_waited_for") {
  {
    Application app(255);
    app.launch_everywhere();
    app.let_go();
    app.finish_one_by_one();
    app.forget_all();
  }
  require_nothing_left();
}

TEST_CASE("with_more_streams_than_are_told_apart_nothing_is_given_back_though_all_have_run") {
  Application app(256);
  app.launch_everywhere();
  app.let_go();
  for (CUstream stream : app.streams) REQUIRE_OK(app.device->synchronize(stream));
  REQUIRE_OK(app.device->synchronize());
  CHECK(Application::all_there());
  // It goes on working, and so does what is asked for later.
  const auto later = *app.device->load(store_image(), 0);
  const auto buffer = *app.device->allocate(4);
  REQUIRE_OK(launch_store(*app.device, *later, buffer.address(), 77, app.streams[255]));
  REQUIRE_OK(app.device->synchronize(app.streams[255]));
  CHECK(read_u32(*app.device, buffer.address()) == 77);
  CHECK(violations() == std::vector<std::string>{});
}

TEST_CASE("a_stream_that_was_forgotten_makes_room_for_another") {
  {
    Application app(300);
    for (CUstream stream : app.streams) {
      app.launch(stream);
      REQUIRE_OK(app.device->synchronize(stream));
      app.device->forget(stream);
    }
    app.let_go();
    CHECK(Application::all_gone());
  }
  require_nothing_left();
}

TEST_CASE("an_event_that_the_driver_has_not_is_asked_for_again_later") {
  for (const char* call : {"cuEventCreate", "cuEventRecord", "cuStreamIsCapturing"})
    for (const std::size_t skip : {0u, 1u, 2u}) {
      INFO(call << " after " << skip);
      {
        Application app(2);
        app.launch_everywhere();
        fake_cuda_fail(call, skip, 1, CUDA_ERROR_OUT_OF_MEMORY);
        app.function.reset();
        fake_cuda_fail(nullptr, 0, 0, CUDA_SUCCESS);
        CHECK(fake_cuda_live().libraries == 1);
        for (CUstream stream : app.streams) REQUIRE_OK(app.device->synchronize(stream));
        REQUIRE_OK(app.device->synchronize());
        CHECK(fake_cuda_live().libraries == 0);
        CHECK(fake_cuda_live().events == 0);
        app.forget_all();
      }
      require_nothing_left();
    }
}

// A stream that may be under capture is left alone: an event there would become a node of somebody's graph.
TEST_CASE("where_the_driver_cannot_tell_whether_a_stream_is_captured_no_event_is_recorded") {
  {
    Application app(2);
    app.launch_everywhere();
    fake_cuda_clear_calls();
    fake_cuda_fail("cuStreamIsCapturing", 0, 1, CUDA_ERROR_OUT_OF_MEMORY);
    app.function.reset();
    fake_cuda_fail(nullptr, 0, 0, CUDA_SUCCESS);
    const std::vector<std::string> calls = call_names();
    CHECK(std::count(calls.begin(), calls.end(), "cuEventRecord") == 0);
    CHECK(fake_cuda_live().libraries == 1);
    REQUIRE_OK(app.device->synchronize());
    app.forget_all();
  }
  require_nothing_left();
}

// The handle of the per-thread stream means another stream in the thread that lets go; the legacy one is in order with all of them.
TEST_CASE("what_was_launched_on_a_per_thread_stream_is_told_by_the_legacy_one") {
  {
    Application app(0);
    app.launch(reinterpret_cast<CUstream>(2));
    app.launch(reinterpret_cast<CUstream>(1));
    fake_cuda_clear_calls();
    app.function.reset();
    const std::vector<std::string> calls = call_names();
    CHECK(std::count(calls.begin(), calls.end(), "cuEventRecord") == 2);  // on it and on the device's own
    REQUIRE_OK(app.device->synchronize(reinterpret_cast<CUstream>(1)));
    CHECK(fake_cuda_live().libraries == 0);
  }
  require_nothing_left();
}

TEST_CASE("a_stream_that_leaves_no_event_behind_is_waited_for_when_it_is_forgotten") {
  for (const char* call : {"cuEventCreate", "cuEventRecord"}) {
    INFO(call);
    {
      Application app(1);
      app.launch_everywhere();
      fake_cuda_fail(call, 0, 1, CUDA_ERROR_OUT_OF_MEMORY);
      app.forget_all();
      CHECK(fake_cuda_launches_done() == 1);
      app.let_go();
      CHECK(Application::all_gone());
    }
    require_nothing_left();
  }
}

TEST_CASE("every_stream_that_was_forgotten_keeps_what_is_let_go_until_it_has_run") {
  {
    Application app(3);
    app.launch_everywhere();
    app.forget_all();
    app.let_go();
    app.finish_one_by_one();
  }
  require_nothing_left();
}

TEST_CASE("after_a_stream_was_forgotten_under_capture_nothing_is_given_back") {
  Application app(1);
  app.launch_everywhere();
  REQUIRE(app.api.cuStreamBeginCapture(app.streams[0], CU_STREAM_CAPTURE_MODE_GLOBAL) == CUDA_SUCCESS);
  app.forget_all();
  app.let_go();
  REQUIRE_OK(app.device->synchronize());
  CHECK(Application::all_there());
  CUgraph graph = nullptr;
  REQUIRE(app.api.cuStreamEndCapture(app.streams[0], &graph) == CUDA_SUCCESS);  // it is good
  REQUIRE(app.api.cuGraphDestroy(graph) == CUDA_SUCCESS);
  CHECK(violations() == std::vector<std::string>{});
}

TEST_CASE("the_end_of_a_device_waits_for_what_was_let_go") {
  {
    Application app(2);
    app.launch_everywhere();
    app.device->forget(app.streams[1]);
    app.let_go();
    CHECK(fake_cuda_launches_done() == 0);
    app.device.reset();
    CHECK(fake_cuda_launches_done() == 2);
    CHECK(Application::all_gone());
  }
  require_nothing_left();
}

}  // namespace bsgen::cuda
