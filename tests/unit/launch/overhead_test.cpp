// What bsgen itself adds to a launch: `bsgen bench` measures its time; here, that it asks nothing of the heap.
#include <atomic>
#include <cstdlib>
#include <new>

#include "tests/support/sanitizers.h"
#include "tests/unit/launch/launch_fixture.h"

#if BSGEN_THREAD_SANITIZER
TEST_CASE("a_launch_allocates_nothing") { BSGEN_SKIP("the thread sanitizer's own operator new cannot be replaced"); }
#else

namespace {
std::atomic<long> allocations{0};

void* counted(std::size_t bytes) {
  ++allocations;
  return std::malloc(bytes ? bytes : 1);
}
}  // namespace

void* operator new(std::size_t bytes) {
  if (void* memory = counted(bytes)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return counted(bytes); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }

namespace bsgen {

TEST_CASE("a_launch_allocates_nothing") {
  auto device = std::make_shared<RecordingDevice>();
  device->keep = false;
  const Loaded plain = load(example_layout(), {}, device);
  const Loaded fused = load(example_layout(), {.epilogue = "gelu(acc + bias[n]) * scale + residual[m,n]"}, device);
  const LaunchArguments of_plain = fitting(plain.plan, 4096);
  LaunchArguments of_fused = fitting(fused.plan, 4096);
  of_fused.scalars["scale"] = 0.5f;
  of_fused.tensors["bias"] = {.data = 0x400000, .rows = 1, .cols = 128, .leading_dimension = 128};
  of_fused.tensors["residual"] = activation(fused.plan, 0x600000, DType::kBf16, 4096, 128);

  const long before = allocations;
  bool launched = true;
  for (int i = 0; i < 10; ++i) launched = plain.kernel.launch(of_plain).ok() && fused.kernel.launch(of_fused).ok() && launched;
  const long during = allocations - before;
  CHECK(launched);
  CHECK(during == 0);
  CHECK(before > 0);  // the count counts
}

}  // namespace bsgen

#endif
