#include "tests/conformance/kernels/suite.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "compiler/codegen/generate.h"
#include "compiler/nvrtc/compile.h"
#include "compiler/plan/choose.h"
#include "runtime/launch/loaded_kernel.h"
#include "runtime/verify/npy.h"
#include "runtime/verify/trial.h"
#include "tests/support/catch.h"

namespace bsgen::conformance {
namespace {

std::string variable(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value && *value ? value : otherwise;
}

// Sources that compile to the same code share an image: entry and text.
std::string key_of(const codegen::KernelSource& source) { return source.entry + "\n" + source.cuda; }

// A layout that no generator makes, as a file that the repeat command can name.
std::string saved_mask(const Layout& layout) {
  std::vector<std::byte> bits(static_cast<std::size_t>(layout.heads() * layout.grid_rows() * layout.grid_cols()));
  for (std::int64_t row = 0; row < layout.heads() * layout.grid_rows(); ++row)
    for (std::int64_t i = layout.row_offsets()[row]; i < layout.row_offsets()[row + 1]; ++i)
      bits[row * layout.grid_cols() + layout.block_cols()[i]] = std::byte{1};
  std::vector<std::int64_t> shape = {layout.grid_rows(), layout.grid_cols()};
  if (layout.heads() > 1) shape.insert(shape.begin(), layout.heads());
  const std::string path = (std::filesystem::temp_directory_path() / fmt::format("bsgen-mask-{}.npy", layout.hash().short_hex())).string();
  const std::string bytes = verify::npy_bytes("|b1", shape, bits);
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return path;
}

}  // namespace

Suite& Suite::get() {
  static Suite suite(variable("BSGEN_DEVICE", "sim"));
  return suite;
}

Suite::Suite(const std::string& device) : name_(device) {
  auto opened = Device::open(device);
  if (!opened) {
    reason_ = opened.status().message();
    return;
  }
  device_ = *std::move(opened);
  if (device_->info().kind == "cpu") return;
  if (auto toolchain = nvrtc::open_toolchain(variable("BSGEN_CUDA_DIR", "")); !toolchain) reason_ = toolchain.status().message();
}

Expected<KernelImage> Suite::image(const std::string& key, const codegen::KernelSource& source) {
  if (const auto found = images_.find(key); found != images_.end()) return found->second;
  BSGEN_ASSIGN(const nvrtc::Toolchain* toolchain, nvrtc::open_toolchain(variable("BSGEN_CUDA_DIR", "")));
  const Arch arch = device_->info().arch;
  auto made = device_->info().kind == "sim" ? nvrtc::compile_ptx(*toolchain, source, arch) : nvrtc::compile(*toolchain, source, arch);
  if (made) images_.emplace(key, *made);
  return made;
}

Expected<Kernel> Suite::kernel(const Layout& layout, const Case& c, Tier& tier, std::string& plan_text) {
  CompileOptions options;
  options.tier = c.tier;
  options.assume_finite = c.assume_finite;
  if (device_->info().kind == "cpu") {
    tier = Tier::kTable;
    return runtime::load_cpu_kernel(device_, layout, c.problem, options);
  }
  BSGEN_TRY(c.problem.validate(layout, device_->info().arch));
  BSGEN_ASSIGN(const plan::KernelPlan plan, plan::choose(layout, c.problem, device_->info().arch, options));
  tier = plan.tier;
  std::ostringstream text;
  plan.dump(text);
  plan_text = text.str();
  const plan::Schedule schedule = plan::make_schedule(plan, layout);
  BSGEN_TRY(schedule.verify(plan, layout));
  BSGEN_ASSIGN(const codegen::KernelSource source, codegen::generate(plan, schedule, layout, options));
  BSGEN_ASSIGN(const KernelImage compiled, image(key_of(source), source));
  return runtime::load_kernel(device_, plan, schedule, compiled);
}

Outcome Suite::run(const Case& c) {
  Outcome outcome;
  const auto layout = c.layout ? Expected<Layout>(*c.layout) : read_mask(c.mask, c.options);
  if (!layout) {
    outcome.message = layout.status().message();
    return outcome;
  }
  std::string plan_text;
  const auto fail = [&](std::int64_t tokens, const std::string& what) {
    outcome.message = fmt::format("{}\n{}\n\n{}\n{}", what, repeat_command(c, name_, *layout, tokens), picture(*layout), plan_text);
    return outcome;
  };
  auto loaded = kernel(*layout, c, outcome.tier, plan_text);
  if (!loaded) {
    // Well-formed, but this architecture or this tier does not do it: that is an answer, not a failure.
    outcome.skipped = loaded.status().code() == ErrorCode::kUnsupported;
    if (!outcome.skipped) return fail(c.tokens.empty() ? 0 : c.tokens[0], loaded.status().message());
    outcome.message = loaded.status().message();
    return outcome;
  }
  const bool transposed = c.problem.op != Op::kUpdate && c.problem.activations == Activations::kCol;
  for (const std::int64_t tokens : c.tokens) {
    auto operands = verify::make_operands(*layout, c.problem, tokens, c.seed);
    if (!operands) return fail(tokens, operands.status().message());
    if (c.nonfinite) verify::plant_nonfinite(*layout, c.problem, *operands, c.seed);
    const auto trial = verify::run_trial(*loaded, *layout, c.problem, *operands, {.strict = true});
    if (!trial) return fail(tokens, trial.status().message());
    if (!trial->failures.empty()) {
      std::string all;
      for (const std::string& each : trial->failures) all += each + "\n";
      return fail(tokens, all);
    }
    outcome.digests.push_back(verify::output_digest(trial->result, transposed));
  }
  return outcome;
}

Outcome Suite::expect_pass(const Case& c) {
  Outcome outcome = run(c);
  if (outcome.skipped) {
    std::printf("not on %s: %s\n", name_.c_str(), outcome.message.c_str());
  } else {
    INFO(outcome.message);
    CHECK(outcome.message.empty());
  }
  return outcome;
}

std::string repeat_command(const Case& c, const std::string& device, const Layout& layout, std::int64_t tokens) {
  const Problem& p = c.problem;
  std::string text = fmt::format("bsgen run {} --block {} --device {} --op {} --dtype {} --tokens {}", c.layout ? saved_mask(layout) : c.mask,
                                 to_string(layout.block()), device, name(p.op), name(p.dtype), tokens);
  if (c.options.keep && !c.layout) text += fmt::format(" --keep {}", *c.options.keep);
  if (layout.ragged()) text += fmt::format(" --size {}x{}", layout.rows(), layout.cols());
  if (p.out_dtype) text += fmt::format(" --out-dtype {}", name(*p.out_dtype));
  if (p.activations != Activations::kRow) text += fmt::format(" --activations {}", name(p.activations));
  if (p.align != 16) text += fmt::format(" --align {}", p.align);
  if (p.accumulate) text += " --accumulate";
  if (!p.epilogue.empty()) text += fmt::format(" --epilogue \"{}\"", p.epilogue);
  if (c.tier != Tier::kAuto) text += fmt::format(" --tier {}", name(c.tier));
  if (c.assume_finite) text += " --assume-finite";
  if (c.nonfinite) text += " --plant-nonfinite";
  if (c.seed != 0) text += fmt::format(" --seed {}", c.seed);
  return text;
}

std::string picture(const Layout& layout) {
  constexpr std::int64_t kMost = 64;
  std::string text;
  for (std::int64_t head = 0; head < layout.heads(); ++head) {
    if (head > 0) text += '\n';
    for (std::int64_t i = 0; i < std::min(layout.grid_rows(), kMost); ++i) {
      for (std::int64_t j = 0; j < std::min(layout.grid_cols(), kMost); ++j) text += layout.present(head, i, j) ? '#' : '.';
      text += layout.grid_cols() > kMost ? "...\n" : "\n";
    }
    if (layout.grid_rows() > kMost) text += "...\n";
  }
  return text;
}

std::string test_data() { return variable("BSGEN_TEST_DATA", ""); }

}  // namespace bsgen::conformance
