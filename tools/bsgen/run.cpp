// bsgen run: executes a kernel on reproducible random data and judges the output against a float64 reference.
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>

#include "compiler/nvrtc/compile.h"
#include "runtime/launch/loaded_kernel.h"
#include "runtime/verify/trial.h"
#include "tools/bsgen/cli.h"
#include "tools/bsgen/plan_text.h"
#include "tools/bsgen/run_report.h"
#include "tools/bsgen/stages.h"
#include "tools/bsgen/text.h"

namespace bsgen::cli {
namespace {

struct RunArguments {
  PlanArguments plan;
  std::int64_t tokens = -1;
  std::string device, cuda_file, ptx_file, save, inputs = "normal";
  bool strict = false, plant_nonfinite = false;
};

Status wrong(std::string message) { return Status(ErrorCode::kInvalidArgument, std::move(message)); }

Status check(const RunArguments& a) {
  if (a.tokens < 0 || a.tokens > std::numeric_limits<std::int32_t>::max())
    return wrong(fmt::format("run: --tokens {} is out of range; a run takes 0 to 2147483647", a.tokens));
  if (!a.cuda_file.empty() && !a.ptx_file.empty()) return wrong("run: --cuda and --ptx both replace the generated kernel; give one of them");
  return {};
}

Expected<std::string> read_source(const std::string& option, const std::string& path) {
  constexpr std::size_t kLargest = std::size_t{256} << 20;
  std::ifstream file(path, std::ios::binary);
  std::error_code error;
  if (!file || std::filesystem::is_directory(path, error))
    return Status(ErrorCode::kIo, fmt::format("run: {} {} could not be read", option, path));
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) return Status(ErrorCode::kIo, fmt::format("run: {} {} could not be read", option, path));
  if (text.size() > kLargest) return wrong(fmt::format("run: {} {} has {} bytes, at most {} are read", option, path, text.size(), kLargest));
  if (text.empty()) return wrong(fmt::format("run: {} {} is empty", option, path));
  return text;
}

// What is going on, on one line of a terminal that is erased at the end; silent elsewhere.
class Progress {
 public:
  ~Progress() { clear(); }
  void say(std::string_view what) {
    if (!terminal_) return;
    std::fprintf(stderr, "\r\033[K%.*s ...", static_cast<int>(what.size()), what.data());
    std::fflush(stderr);
    shown_ = true;
  }
  void clear() {
    if (shown_) std::fprintf(stderr, "\r\033[K");
    shown_ = false;
  }

 private:
  const bool terminal_ = isatty(2);
  bool shown_ = false;
};

// The device as named; a simulated one without an architecture in its name models the one that the plan is for.
Expected<std::shared_ptr<Device>> device_for(const std::string& name, const PlanRequest& request, std::shared_ptr<Device> device) {
  const bool plain_sim = device->info().kind == "sim" && name.find(':') == std::string::npos;
  if (!plain_sim || device->info().arch == request.arch) return device;
  return Device::open("sim:" + request.arch.name());
}

struct Built {
  plan::Schedule schedule;
  KernelImage image;
};

// The generated kernel, or the given file in its place: same plan, same entry, same schedule.
Expected<Built> build(const RunArguments& a, const PlanRequest& request, const Planned& planned, const Device& device) {
  if (a.cuda_file.empty() && a.ptx_file.empty()) {
    BSGEN_ASSIGN(Imaged imaged, make_image(a.plan, request, planned));
    return Built{std::move(imaged.sourced.schedule), std::move(imaged.image)};
  }
  BSGEN_ASSIGN(Sourced sourced, make_source(request, planned.plan));
  Built built{std::move(sourced.schedule), {}};
  if (!a.ptx_file.empty()) {
    BSGEN_ASSIGN(built.image.ptx, read_source("--ptx", a.ptx_file));
    built.image.arch = planned.plan.arch;
    built.image.entry = sourced.source.entry;
    if (device.info().kind != "cuda") return built;  // the simulated device reads PTX; the driver assembles where nvJitLink is missing
    auto toolchain = nvrtc::open_toolchain(environment().cuda_dir);
    if (!toolchain && toolchain.status().code() == ErrorCode::kMissing) return built;
    BSGEN_TRY(toolchain);
    BSGEN_ASSIGN(built.image, nvrtc::assemble(**toolchain, built.image.ptx, built.image.entry, planned.plan.arch));
    return built;
  }
  BSGEN_ASSIGN(sourced.source.cuda, read_source("--cuda", a.cuda_file));
  BSGEN_ASSIGN(const nvrtc::Toolchain* toolchain, nvrtc::open_toolchain(environment().cuda_dir));
  sourced.source.name = std::filesystem::path(a.cuda_file).filename().string();
  BSGEN_ASSIGN(built.image, nvrtc::compile(*toolchain, sourced.source, planned.plan.arch));
  return built;
}

Expected<int> run(const RunArguments& a) {
  BSGEN_TRY(check(a));
  BSGEN_ASSIGN(const verify::Inputs inputs, verify::parse_inputs(a.inputs));
  const std::string device_name = a.device.empty() ? environment().device : a.device;
  BSGEN_ASSIGN(std::shared_ptr<Device> device, Device::open(device_name));
  BSGEN_ASSIGN(const PlanRequest request, resolve(a.plan, device.get()));
  BSGEN_ASSIGN(device, device_for(device_name, request, device));

  Progress progress;
  progress.say("planning and compiling");
  BSGEN_ASSIGN(const Planned planned, make_plan(request));
  BSGEN_ASSIGN(const Built built, build(a, request, planned, *device));
  BSGEN_ASSIGN(const Kernel kernel, runtime::load_kernel(device, planned.plan, built.schedule, built.image));

  progress.say("drawing operands");
  const std::uint64_t seed = a.plan.mask.seed.value_or(0);
  BSGEN_ASSIGN(verify::Operands operands, verify::make_operands(request.layout, request.problem, a.tokens, seed, inputs));
  if (a.plant_nonfinite) verify::plant_nonfinite(request.layout, request.problem, operands, seed);

  RunOutcome outcome;
  outcome.device = device->info();
  outcome.tokens = a.tokens;
  const verify::TrialOptions options{.strict = a.strict, .progress = [&](std::string_view what) { progress.say(what); }};
  BSGEN_ASSIGN(outcome.trial, verify::run_trial(kernel, request.layout, request.problem, operands, options));
  progress.clear();

  const bool transposed = request.problem.op != Op::kUpdate && request.problem.activations == Activations::kCol;
  outcome.digest = verify::output_digest(outcome.trial.result, transposed);
  outcome.floor_bytes = verify::floor_bytes(request.layout, request.problem, a.tokens);
  outcome.useful_flops = verify::useful_flops(request.layout, request.problem, a.tokens);
  if (!a.save.empty()) BSGEN_TRY(save_run(a.save, request, operands, outcome));
  BSGEN_TRY(a.plan.json ? print_json(run_json(request, planned.plan, outcome)) : print(run_text(request, planned.plan, outcome)));
  if (a.plan.json)
    for (const std::string& failure : outcome.trial.failures) std::fprintf(stderr, "bsgen: run: %s\n", failure.c_str());
  return outcome.trial.failures.empty() ? 0 : 1;
}

}  // namespace

void add_run(CLI::App& app, Action& action) {
  auto* verb = app.add_subcommand("run", "execute on reproducible random data and judge against a float64 reference");
  auto a = std::make_shared<RunArguments>();
  add_plan_arguments(*verb, a->plan);
  const auto group = [](CLI::Option* option, const char* name) { return option->group(name); };
  group(verb->add_option("--tokens", a->tokens, "M, the rows of X; 0 or more")->type_name("M")->required(), "Run");
  group(verb->add_option("--device", a->device, "auto, sim, sim:sm_NN, cpu or cuda:N; default BSGEN_DEVICE, then auto")->type_name("DEVICE"), "Run");
  group(verb->add_option("--cuda", a->cuda_file, "this CUDA in place of the generated one (compile --emit cuda wrote it)")->type_name("FILE"), "Run");
  group(verb->add_option("--ptx", a->ptx_file, "this PTX in place of the generated one (compile --emit ptx wrote it)")->type_name("FILE"), "Run");
  group(verb->add_option("--save", a->save, "write operands, output and layout there as .npy, with a README.txt")->type_name("DIR"), "Run");
  group(verb->add_option("--inputs", a->inputs, "normal (drawn with --seed, variance 1), ones, or index (small integers that tell places); default normal")->type_name("KIND"), "Run");
  group(verb->add_flag("--plant-nonfinite", a->plant_nonfinite, "put Inf and NaN into X (dY for bprop): absent blocks must contribute nothing"), "Run");
  group(verb->add_flag("--strict", a->strict, "warnings of the simulated device fail the run too"), "Run");
  verb->footer("\nExamples: on a GPU, or simulated where there is none; an edited kernel; the counters\n"
               "  bsgen run layer.smtx --block 32 --keep 0.1 --tokens 256\n"
               "  bsgen run mask.npy --tokens 77 --device sim --cuda edited.cu\n"
               "  bsgen run random:32x32:density=0.1 --tokens 128 --device sim --json\n\n"
               "On sim, asynchronous copies land as early and then as late as is legal, and both must give the same output.\n"
               "Exit status 0: every output is within its bound; 1: not, or the device found a mistake; 2 and 3: it could not run.");
  verb->callback([a, &action] { action = [a] { return run(*a); }; });
}

}  // namespace bsgen::cli
