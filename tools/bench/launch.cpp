// A launch: what Kernel::launch costs before and after the driver's own work, on the fake driver.
#include <dlfcn.h>
#include <fmt/format.h>

#include <filesystem>

#include "bsgen/engine.h"
#include "runtime/verify/execution.h"
#include "tools/bench/child_process.h"
#include "tools/bench/children.h"
#include "tools/bench/figures.h"
#include "tools/bench/samples.h"

namespace bsgen::bench {
namespace {

constexpr const char* kArea = "a launch";
constexpr const char* kWhat = "Kernel::launch on the fake driver, its call included";
constexpr const char* kAsked = "at most 300 ns of our own";

}  // namespace

// In the child, whose LD_LIBRARY_PATH leads to the fake libcuda.so.1: nanoseconds of one launch,
// the median of batches. Launches are checked and recorded by the driver but not executed.
Expected<ChildTime> launch_child(const std::string& cuda_dir) {
  EngineOptions options;
  options.disk_cache = false;
  options.cuda_dir = cuda_dir;
  Engine engine(options);
  BSGEN_ASSIGN(const std::shared_ptr<Device> device, Device::open("cuda:0"));
  void* driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
  const auto set_execute =
      driver ? reinterpret_cast<void (*)(int)>(dlsym(driver, "fake_cuda_set_execute")) : nullptr;
  const auto clear_calls =
      driver ? reinterpret_cast<void (*)()>(dlsym(driver, "fake_cuda_clear_calls")) : nullptr;
  if (!set_execute || !clear_calls)
    return Status(ErrorCode::kMissing, "bench: libcuda.so.1 is not the fake driver");
  const Problem problem;
  BSGEN_ASSIGN(const Layout layout, read_mask("random:16x16:density=0.2,seed=1", {}));
  BSGEN_ASSIGN(const Kernel kernel, engine.kernel(layout, problem, device));
  BSGEN_ASSIGN(const verify::Operands operands, verify::make_operands(layout, problem, 256, 1));
  BSGEN_ASSIGN(const verify::StagedOperands staged,
               verify::StagedOperands::stage(device, problem, operands));
  const LaunchArguments arguments = staged.arguments();
  set_execute(0);
  bool failed = false;
  std::vector<double> wall, cpu;
  for (int batch = 0; batch < 31; ++batch) {
    const Timed timed =
        time_batches_ns(1, 2000, [&] { failed = failed || !kernel.launch(arguments).ok(); });
    wall.push_back(timed.wall.median()), cpu.push_back(timed.cpu.median());
    failed = failed || !device->synchronize().ok();
    clear_calls();
  }
  if (failed) return Status(ErrorCode::kDevice, "bench: a launch on the fake driver failed");
  return ChildTime{Samples(std::move(wall)).median(), Samples(std::move(cpu)).median()};
}

std::vector<Figure> launch(const SuiteOptions& options) {
  const std::filesystem::path folder =
      std::filesystem::path(options.self).parent_path().parent_path() / "fake";
  std::error_code ignored;
  if (!std::filesystem::exists(folder / "libcuda.so.1", ignored))
    return {not_measured(kArea, kWhat, kAsked,
                         fmt::format("{} is not there; it is built with the tests",
                                     (folder / "libcuda.so.1").string()))};
  const auto time =
      time_in_child(options.self, {"bench", "--child", "launch"},
                    {{"LD_LIBRARY_PATH", folder.string()}, {"FAKE_CUDA_DEVICES", "sm_80"}});
  if (!time) return {not_measured(kArea, kWhat, kAsked, time.status().message())};
  const Timed timed{Samples({time->wall}), Samples({time->cpu})};
  const double ns = timed.quoted().median();
  return {{kArea,
           kWhat,
           kAsked,
           fmt::format("{} ns", short_number(ns)),
           ns <= 300 ? Verdict::kOk : Verdict::kMissed,
           "median of 31 batches of 2000 launches in a process of its own; includes the fake "
           "driver's checks and records" +
               timed.note("ns"),
           {{"ns", ns}}}};
}

}  // namespace bsgen::bench
