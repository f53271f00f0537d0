// Compiling out of the way: for many requests at once, in helpers, within a time, behind a kernel that serves meanwhile.
#include <chrono>
#include <cstdlib>
#include <thread>

#include "bsgen/engine.h"
#include "runtime/launch/loaded_kernel.h"
#include "tests/unit/cache/cache_fixture.h"
#include "tests/unit/cache/engine_fixture.h"

using namespace bsgen;
using namespace bsgen::test;

TEST_CASE("prewarm_makes_requests_resident_in_helpers_and_tells_the_first_error") {
  BSGEN_NEED_NVRTC();
  const auto device = std::make_shared<NoteDevice>();
  EngineOptions options;
  options.disk_cache = false;
  options.compile_workers = 2;
  options.compile_in = CompileIn::kHelper;
  Engine engine(options);
  std::vector<Engine::Request> requests;
  for (const Layout& layout : layouts(3)) requests.push_back(*engine.request(layout, {}, device, unrolled()));
  CHECK(!engine.resident(requests[1]));
  const Status status = engine.prewarm(requests);
  INFO(status.message());
  REQUIRE(status.ok());
  for (const Engine::Request& request : requests) CHECK(engine.resident(request));
  CHECK(engine.stats().compiles == 3);
  CompileReport report;
  const auto kernel = engine.kernel(requests[0], &report);
  CHECK(report.origin == KernelOrigin::kMemory);

  // What a helper makes is what this process makes.
  Engine here({.disk_cache = false, .compile_in = CompileIn::kProcess});
  const auto same = here.kernel(requests[0]);
  REQUIRE(same);
  CHECK(same->image().ptx == kernel->image().ptx);
  CHECK(same->image().cubin == kernel->image().cubin);
  CHECK(same->image().resources == kernel->image().resources);

  device->refuse = true;
  requests.push_back(*engine.request(other_layout(), {}, device, table()));
  CHECK(engine.prewarm(requests) == Status(ErrorCode::kDevice, "note: refused"));
}

TEST_CASE("a_compile_that_takes_too_long_is_given_up_and_may_be_asked_for_again") {
  BSGEN_NEED_NVRTC();
  const auto device = std::make_shared<NoteDevice>();
  EngineOptions options;
  options.disk_cache = false;
  options.compile_timeout_ms = 1;
  Engine engine(options);
  const auto request = engine.request(small_layout(), {}, device, table());
  const auto kernel = engine.kernel(*request);
  CHECK(kernel.status().code() == ErrorCode::kCompileFailed);
  CHECK(kernel.status().message().find("within 1 ms") != std::string::npos);
  options.compile_timeout_ms = 60'000;
  Engine patient(options);
  CHECK(patient.kernel(*patient.request(small_layout(), {}, device, table())));
}

TEST_CASE("a_helper_that_is_named_and_not_there_is_an_error") {
  BSGEN_NEED_NVRTC();
  EngineOptions options;
  options.disk_cache = false;
  options.helper = "/nonexistent/bsgen-compiler";
  options.compile_in = CompileIn::kHelper;
  Engine engine(options);
  CHECK(engine.kernel(small_layout(), {}, std::make_shared<NoteDevice>(), table()).status().code() == ErrorCode::kMissing);
}

// Run by the next test from a folder where no helper lies.
TEST_CASE("without_a_helper_beside_the_program", "[.alone]") {
  const auto device = std::make_shared<NoteDevice>();
  Log log;
  EngineOptions options;
  options.disk_cache = false;
  options.logger = log.logger();
  options.compile_timeout_ms = 60'000;
  Engine wishes(options);
  CHECK(wishes.kernel(small_layout(), {}, device, table()));
  CHECK(wishes.kernel(small_layout(), {}, device, unrolled()));
  CHECK(log.lines == std::vector<std::string>{
                         "compiler: bsgen-compiler not found; kernels are compiled in this process, one after the other and without a time limit"});
  options.compile_in = CompileIn::kHelper;
  Engine needs(options);
  CHECK(needs.kernel(other_layout(), {}, device, table()).status() ==
        Status(ErrorCode::kMissing,
               "compiler: bsgen-compiler not found beside this program or library, nor in ../libexec/bsgen; install it, or use CompileIn::kAuto"));
}

TEST_CASE("a_helper_that_is_not_found_costs_one_warning_where_it_is_wished_for_and_is_an_error_where_it_is_asked_for") {
  BSGEN_NEED_NVRTC();
  const CacheFolder folder;
  const fs::path program = fs::path(folder.str()) / "bin" / "alone";
  fs::create_directories(program.parent_path());
  fs::copy_file("/proc/self/exe", program);
  CHECK(std::system((program.string() + " -w NoTests without_a_helper_beside_the_program").c_str()) == 0);
}

TEST_CASE("a_request_served_at_once_gets_its_class_s_kernel_first_and_its_own_when_it_is_compiled") {
  BSGEN_NEED_NVRTC();
  const auto device = std::make_shared<NoteDevice>();
  Engine engine({.disk_cache = false});
  const Serving at_once{.at_once = true};
  REQUIRE(engine.kernel(other_layout(), {}, device, table()));  // the class is ready
  const auto request = engine.request(small_layout(), {}, device, unrolled());
  REQUIRE(request);
  const auto first = engine.kernel(*request, at_once);
  INFO(first.status().message());
  REQUIRE(first);
  CHECK(first->loaded().plan.tier == Tier::kTable);
  CHECK(first->loaded().plan.layout_hash == small_layout().hash());
  Tier tier = Tier::kTable;
  for (int i = 0; i < 2000 && tier == Tier::kTable; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    const auto next = engine.kernel(*request, at_once);
    REQUIRE(next);
    tier = next->loaded().plan.tier;
  }
  CHECK(tier == Tier::kUnrolled);
  CHECK(engine.stats().compiles == 2);  // the class's and its own, however often it was asked for meanwhile
}

TEST_CASE("a_kernel_that_does_not_compile_in_the_background_leaves_its_class_s_kernel_serving") {
  BSGEN_NEED_NVRTC();
  const auto device = std::make_shared<NoteDevice>();
  Log log;
  EngineOptions options;
  options.disk_cache = false;
  options.logger = log.logger();
  options.helper = "/bin/true";  // ends without an answer
  Engine engine(options);
  const auto request = engine.request(small_layout(), {}, device, unrolled());
  const Serving at_once{.at_once = true};
  const auto warnings = [&] {
    const std::lock_guard lock(log.mutex);
    return log.lines.size();
  };
  for (int i = 0; i < 2000 && warnings() == 0; ++i) {
    REQUIRE(engine.kernel(*request, at_once));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  for (int i = 0; i < 5; ++i) CHECK(engine.kernel(*request, at_once)->loaded().plan.tier == Tier::kTable);
  CHECK(warnings() == 1);  // not tried again at every call
}
