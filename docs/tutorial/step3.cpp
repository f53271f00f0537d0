// Step 3: an Engine turns requests into kernels that are loaded on a device, and remembers them.
#include <bsgen/bsgen.h>

#include <cstdio>
#include <string>

int main() {
  auto device = bsgen::Device::open("auto");  // the first GPU; with none, this processor
  auto layout = bsgen::read_mask("tests/data/demo/fashion_mlp_fc1.txt", {.block = {32, 32}});
  if (!device || !layout) return 1;
  std::printf("on %s (%s)\n", (*device)->info().name.c_str(), (*device)->info().model.c_str());

  // Without options an engine also keeps kernels on disk, in ~/.cache/bsgen.
  bsgen::Engine engine({.disk_cache = false});
  bsgen::CompileReport first, second;
  bsgen::Problem problem{.op = bsgen::Op::kFprop, .dtype = bsgen::DType::kBf16};
  auto kernel = engine.kernel(*layout, problem, *device, {}, &first);
  auto again = engine.kernel(*layout, problem, *device, {}, &second);
  if (!kernel || !again) return std::fputs(kernel.status().message().c_str(), stderr), 1;
  std::printf("first: %s, second: %s\n", std::string(name(first.origin)).c_str(),
              std::string(name(second.origin)).c_str());

  // In a hot loop: check, plan and hash once, then ask with the request.
  auto request = engine.request(*layout, problem, *device);
  return request && engine.kernel(*request) && second.origin == bsgen::KernelOrigin::kMemory ? 0 : 1;
}
