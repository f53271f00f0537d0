// One suite for every device: a mask, a problem and some token counts, compiled, run and judged. The device is BSGEN_DEVICE's,
// else sim.
//
//   Suite& suite = Suite::get();
//   suite.expect_pass({.mask = "banded:8x8:width=3", .options = {.block = {16, 16}}, .problem = {...}, .tokens = {0, 1, 77}});
//
// A kernel is compiled once per source text; token counts, and masks of one class in tier table, share it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bsgen/device.h"
#include "bsgen/kernel.h"
#include "bsgen/layout.h"
#include "bsgen/options.h"
#include "bsgen/problem.h"
#include "compiler/codegen/kernel_source.h"
#include "runtime/verify/verify.h"

namespace bsgen::conformance {

struct Case {
  std::string mask;             // what read_mask reads; with `layout`, only a name
  MaskOptions options = {};
  std::optional<Layout> layout = {};  // instead of reading `mask`
  Problem problem = {};
  Tier tier = Tier::kAuto;
  std::vector<std::int64_t> tokens = {1, 77};
  bool nonfinite = false;       // Inf and NaN in X
  bool assume_finite = false;
  std::uint64_t seed = 0;       // of the operands
};

// What one case came to.
struct Outcome {
  bool skipped = false;                // this device or tier does not do it, and says why in `message`
  std::string message;                 // empty: passed; else the failure, mask, plan and repeat command
  std::vector<std::string> digests;    // of the outputs, one per token count
  Tier tier = Tier::kAuto;             // the one that was used
};

class Suite {
 public:
  static Suite& get();                                  // BSGEN_DEVICE's
  explicit Suite(const std::string& device);

  Outcome run(const Case& c);
  // run(), and a failed CHECK with the message where it did not pass. Returns the outcome.
  Outcome expect_pass(const Case& c);

  bool usable() const { return device_ != nullptr && reason_.empty(); }
  const std::string& reason() const { return reason_; }  // why not: no NVRTC, no such device
  const DeviceInfo& info() const { return device_->info(); }

 private:
  Expected<Kernel> kernel(const Layout& layout, const Case& c, Tier& tier, std::string& plan_text);
  Expected<KernelImage> image(const std::string& key, const codegen::KernelSource& source);

  std::string name_;
  std::shared_ptr<Device> device_;
  std::string reason_;
  std::map<std::string, KernelImage> images_;  // by source text
};

// "bsgen run ..." that does the same.
std::string repeat_command(const Case& c, const std::string& device, const Layout& layout, std::int64_t tokens);
// '#' present, '.' absent; at most 64 x 64 of each head.
std::string picture(const Layout& layout);

// Folder of further test data, "" where there is none.
std::string test_data();

}  // namespace bsgen::conformance

// Skips the test case where the device cannot be used at all.
#define CONFORMANCE_SUITE(name)                      \
  auto& name = ::bsgen::conformance::Suite::get();   \
  if (!name.usable()) BSGEN_SKIP(name.reason())
