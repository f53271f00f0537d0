// The engine in front of a bundle, on a machine that has no compilers: cuda_dir leads nowhere.
#include "bsgen/engine.h"

#include "runtime/launch/loaded_kernel.h"
#include "tests/unit/bundle/bundle_fixture.h"

using namespace bsgen;
using namespace bsgen::test;

namespace {

// Takes every image and runs nothing.
class NoteDevice : public Device {
 public:
  explicit NoteDevice(const Arch& arch) {
    info_.kind = info_.name = "note";
    info_.arch = arch;
  }
  const DeviceInfo& info() const override { return info_; }
  Status copy_in(std::uint64_t, std::span<const std::byte>) override { return {}; }
  Status copy_out(std::span<std::byte>, std::uint64_t) override { return {}; }
  Expected<std::shared_ptr<const DeviceFunction>> load(const KernelImage&, std::uint32_t) override { return std::make_shared<const DeviceFunction>(); }
  Status launch(const DeviceFunction&, const LaunchConfig&, std::span<const std::byte>, Stream) override { return {}; }
  Status synchronize(Stream) override { return {}; }

 protected:
  Expected<std::uint64_t> allocate_memory(std::size_t) override { return std::uint64_t{4096}; }
  void free_memory(std::uint64_t) override {}

 private:
  DeviceInfo info_;
};

std::shared_ptr<Device> device(const Arch& arch) { return std::make_shared<NoteDevice>(arch); }

EngineOptions offline(const BundleFile& file, bool jit) {
  EngineOptions options;
  options.disk_cache = false;
  options.bundle = file.path();
  options.jit = jit;
  options.cuda_dir = "/nonexistent";
  return options;
}

}  // namespace

TEST_CASE("an_engine_serves_a_bundled_kernel_where_no_compiler_is_installed") {
  const BundleFile file({bundled(small_layout(), {}, sm(80), 7)});
  Engine engine(offline(file, false));
  const auto gpu = device(sm(80));
  CompileReport report;
  const auto kernel = engine.kernel(small_layout(), {}, gpu, {}, &report);
  INFO(kernel.status().message());
  REQUIRE(kernel);
  CHECK(report.origin == KernelOrigin::kBundle);
  CHECK(report.key == make_key(7).hex());
  CHECK(kernel->loaded().plan.layout_hash == small_layout().hash());
  CHECK(kernel->image().resources.registers == 47);
  REQUIRE(engine.kernel(small_layout(), {}, gpu, {}, &report));
  CHECK(report.origin == KernelOrigin::kMemory);
  const CacheStats stats = engine.stats();
  CHECK((stats.hits_bundle == 1 && stats.hits_memory == 1 && stats.compiles == 0));
}

TEST_CASE("with_jit_off_a_miss_ends_with_the_line_that_would_have_made_it") {
  const BundleFile file({bundled(small_layout(), {}, sm(80))});
  Engine engine(offline(file, false));
  Problem problem;
  problem.op = Op::kFprop;
  problem.dtype = DType::kFp16;
  problem.epilogue = "gelu(acc + bias[n])";
  const Status missing = engine.kernel(other_layout(), problem, device(sm(90, 'a'))).status();
  CHECK(missing == Status(ErrorCode::kMissing, "jit: off, and bundle " + file.path() +
                                                   " has no kernel for this request; add this line to the list that bsgen bundle compiles: "
                                                   "bits:2x2:hex=b --block 32 --dtype fp16 --epilogue 'gelu(acc + bias[n])' --arch sm_90a"));
  CHECK(exit_status(missing.code()) == 3);
  // A request that no bundle could hold is told so.
  problem.op = Op::kUpdate;
  CHECK(engine.kernel(other_layout(), problem, device(sm(80))).status().code() == ErrorCode::kInvalidArgument);
  // With jit on the same miss is the missing compiler's.
  Engine compiling(offline(file, true));
  problem.op = Op::kFprop;
  CHECK(compiling.kernel(other_layout(), problem, device(sm(80))).status().message().find("/nonexistent") != std::string::npos);
}

TEST_CASE("a_large_layout_is_named_by_the_file_that_holds_it") {
  const BundleFile file({bundled(small_layout(), {}, sm(80))});
  Engine engine(offline(file, false));
  const Layout large = *read_mask("random:128x128:density=0.05", {});
  const std::string message = engine.kernel(large, {}, device(sm(80))).status().message();
  CHECK(message.find("with the layout's text form as that file: " + large.hash().hex() + ".layout --block 32 --arch sm_80") != std::string::npos);
}

TEST_CASE("a_device_takes_the_kernel_of_an_older_architecture_that_it_can_run_and_no_other") {
  std::vector<BundleKernelText> kernels = {bundled(small_layout(), {}, sm(80), 1), bundled(other_layout(), {}, sm(80), 2),
                                           bundled(other_layout(), {}, sm(86), 3)};
  const BundleFile file(kernels);
  Engine engine(offline(file, false));
  const auto runs = [&](const Layout& layout, const Arch& arch) {
    const auto kernel = engine.kernel(layout, {}, device(arch));
    return kernel ? kernel->image().arch.number : 0;
  };
  CHECK(runs(small_layout(), sm(80)) == 80);
  CHECK(runs(small_layout(), sm(86)) == 80);
  CHECK(runs(other_layout(), sm(89)) == 86);
  CHECK(runs(small_layout(), sm(75)) == 0);
  CHECK(runs(small_layout(), sm(90)) == 0);
}

TEST_CASE("a_kernel_that_needs_more_shared_memory_than_the_device_has_is_none") {
  const Layout large = *Layout::from_bits(std::vector<std::uint8_t>(64, 1), 8, 8, {128, 128});
  const BundleKernelText kernel = bundled(large, {}, sm(80));
  REQUIRE(plan::KernelPlan::parse(kernel.plan)->shared_bytes > sm(86).max_shared_bytes());
  const BundleFile file({kernel});
  Engine engine(offline(file, false));
  CHECK(engine.kernel(large, {}, device(sm(87))).ok());
  CHECK(engine.kernel(large, {}, device(sm(86))).status().code() == ErrorCode::kMissing);

  // The newest that fits is taken, not only the newest looked at.
  BundleKernelText greedy = bundled(large, {}, sm(87));
  greedy.plan = kernel.plan;
  const BundleFile several({kernel, bundled(large, {}, sm(86)), greedy});
  Engine newer(offline(several, false));
  const auto served = newer.kernel(large, {}, device(sm(89)));
  REQUIRE(served);
  CHECK(served->image().arch.number == 86);
}

TEST_CASE("a_kernel_whose_plan_is_for_another_layout_is_an_error") {
  BundleKernelText kernel = bundled(small_layout(), {}, sm(80));
  kernel.plan = bundled(other_layout(), {}, sm(80)).plan;
  const BundleFile file({kernel});
  Engine engine(offline(file, false));
  CHECK(engine.kernel(small_layout(), {}, device(sm(80))).status().message() ==
        "bundle: " + file.path() + ": the kernel of \"bits:2x2:hex=d --block 32 --arch sm_80\" is for another layout; make it anew with bsgen bundle");
}

TEST_CASE("a_damaged_kernel_is_an_error_with_jit_off_and_one_warning_with_jit_on") {
  const BundleFile file({bundled(small_layout(), {}, sm(80))});
  std::string bytes = file.bytes();
  bytes[bytes.size() - 40] ^= 1;
  file.write(bytes);
  Engine engine(offline(file, false));
  const Status damaged = engine.kernel(small_layout(), {}, device(sm(80))).status();
  CHECK(damaged.code() == ErrorCode::kCheckFailed);
  CHECK(damaged.message().find("the kernel of \"bits:2x2:hex=d --block 32 --arch sm_80\": its SHA-256 does not match; make it anew") != std::string::npos);
  Log log;
  EngineOptions options = offline(file, true);
  options.logger = log.logger();
  Engine compiling(options);
  for (int i = 0; i < 2; ++i) CHECK(compiling.kernel(small_layout(), {}, device(sm(80))).status().message().find("/nonexistent") != std::string::npos);
  CHECK(log.lines.size() == 1);
}

TEST_CASE("a_bundle_that_cannot_be_opened_is_an_error_with_jit_off_and_one_warning_with_jit_on") {
  const BundleFile file({bundled(small_layout(), {}, sm(80))});
  fs::remove(file.path());
  Engine engine(offline(file, false));
  CHECK(engine.kernel(small_layout(), {}, device(sm(80))).status().message() ==
        "bundle: " + file.path() + " cannot be opened: No such file or directory");
  Log log;
  EngineOptions options = offline(file, true);
  options.logger = log.logger();
  Engine compiling(options);
  CHECK(log.lines == std::vector<std::string>{"bundle: " + file.path() + " cannot be opened: No such file or directory; kernels are compiled instead"});
}

TEST_CASE("whoever_brings_his_own_templates_is_not_served_from_a_bundle") {
  const BundleFile file({bundled(small_layout(), {}, sm(80))});
  Engine engine(offline(file, false));
  CompileOptions options;
  options.template_dir = "/nonexistent";
  CHECK(engine.kernel(small_layout(), {}, device(sm(80)), options).status().message().find("/nonexistent/bsgen") != std::string::npos);
}
