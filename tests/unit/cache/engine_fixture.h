// What tests of the engine share: layouts and options, a device that runs nothing, the compilers' presence.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "bsgen/device.h"
#include "bsgen/layout.h"
#include "bsgen/options.h"
#include "compiler/nvrtc/compile.h"
#include "tests/support/catch.h"

namespace bsgen::test {

inline Layout small_layout() { return *Layout::from_bits({1, 1, 0, 1}, 2, 2, {32, 32}); }
inline Layout other_layout() { return *Layout::from_bits({1, 0, 1, 1}, 2, 2, {32, 32}); }  // of the same class

// Layouts that differ, of one class.
inline std::vector<Layout> layouts(int count) {
  std::vector<Layout> all;
  for (int n = 1; n <= count; ++n) {
    std::vector<std::uint8_t> bits(16);
    for (int i = 0; i < 16; ++i) bits[static_cast<std::size_t>(i)] = (n * 37 + i * i) % 3 != 0 || i == n % 16;
    all.push_back(*Layout::from_bits(bits, 4, 4, {32, 32}));
  }
  return all;
}

inline CompileOptions table() {
  CompileOptions options;
  options.tier = Tier::kTable;
  return options;
}
inline CompileOptions unrolled() {
  CompileOptions options;
  options.tier = Tier::kUnrolled;
  return options;
}

// A device that keeps what it is given and runs nothing.
class NoteDevice : public Device {
 public:
  NoteDevice() {
    info_.kind = info_.name = "note";
    info_.arch = {.number = 80, .suffix = '\0'};
  }
  const DeviceInfo& info() const override { return info_; }
  Status copy_in(std::uint64_t, std::span<const std::byte>) override { return {}; }
  Status copy_out(std::span<std::byte>, std::uint64_t) override { return {}; }
  Expected<std::shared_ptr<const DeviceFunction>> load(const KernelImage&, std::uint32_t) override {
    ++loads;
    if (refuse) return Status(ErrorCode::kDevice, "note: refused");
    return std::shared_ptr<const DeviceFunction>(std::make_shared<const Function>());
  }
  Status launch(const DeviceFunction&, const LaunchConfig&, std::span<const std::byte>,
                Stream) override {
    return {};
  }
  Status synchronize(Stream) override { return {}; }

  struct Function : DeviceFunction {
    Function() { ++functions; }
    ~Function() override { --functions; }
  };
  static inline std::atomic<int> functions{0};  // loaded and not let go
  std::atomic<int> loads{0};
  std::atomic<bool> refuse{false};

 protected:
  Expected<std::uint64_t> allocate_memory(std::size_t) override { return std::uint64_t{4096}; }
  void free_memory(std::uint64_t) override {}

 private:
  DeviceInfo info_;
};

inline bool have_nvrtc() {
  const auto environment = Environment::read();
  return nvrtc::open_toolchain(environment ? environment->cuda_dir : "").ok();
}
#define BSGEN_NEED_NVRTC() \
  if (!bsgen::test::have_nvrtc()) BSGEN_SKIP("NVRTC not found")

}  // namespace bsgen::test
