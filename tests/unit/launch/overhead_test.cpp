// What bsgen itself adds to a launch.
#include <algorithm>
#include <chrono>

#include "tests/unit/launch/launch_fixture.h"

namespace bsgen {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kInstrumented = true;
#elif defined(__has_feature)
constexpr bool kInstrumented = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kInstrumented = false;
#endif

// The quickest of many batches: what the work takes when nobody else has the core.
double quickest_ns(const Loaded& loaded, const LaunchArguments& arguments) {
  constexpr int kBatches = 200, kLaunches = 500;
  double best = 1e9;
  for (int batch = 0; batch < kBatches; ++batch) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < kLaunches; ++i)
      if (!loaded.kernel.launch(arguments).ok()) return 1e9;
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
    best = std::min(best, took.count() / kLaunches);
  }
  return best;
}

}  // namespace

TEST_CASE("a_launch_adds_at_most_300_ns") {
#ifndef NDEBUG
  BSGEN_SKIP("not an optimised build");
#endif
  if (kInstrumented) BSGEN_SKIP("a sanitizer is built in");
  auto device = std::make_shared<RecordingDevice>();
  device->keep = false;
  const Loaded plain = load(example_layout(), {}, device);
  const double plain_ns = quickest_ns(plain, fitting(plain.plan, 4096));

  const Loaded fused = load(example_layout(), {.epilogue = "gelu(acc + bias[n]) * scale + residual[m,n]"}, device);
  LaunchArguments arguments = fitting(fused.plan, 4096);
  arguments.scalars["scale"] = 0.5f;
  arguments.tensors["bias"] = {.data = 0x400000, .rows = 1, .cols = 128, .leading_dimension = 128};
  arguments.tensors["residual"] = activation(fused.plan, 0x600000, DType::kBf16, 4096, 128);
  const double fused_ns = quickest_ns(fused, arguments);

  std::printf("launch: %.0f ns of our own, %.0f ns with three epilogue arguments\n", plain_ns, fused_ns);
  CHECK(plain_ns <= 300);
  CHECK(fused_ns <= 300);
}

}  // namespace bsgen
