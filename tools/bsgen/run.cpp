// bsgen run: executes a kernel on reproducible random data and judges the output against a float64 reference.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>

#include "compiler/nvrtc/compile.h"
#include "runtime/launch/loaded_kernel.h"
#include "runtime/sim/sim_device.h"
#include "runtime/verify/trial.h"
#include "tools/bsgen/cli.h"
#include "tools/bsgen/command_line.h"
#include "tools/bsgen/plan_text.h"
#include "tools/bsgen/quotes.h"
#include "tools/bsgen/run_report.h"
#include "tools/bsgen/stages.h"
#include "tools/bsgen/text.h"

namespace bsgen::cli {
namespace {

struct RunArguments {
  PlanArguments plan;
  std::int64_t tokens = -1;
  std::optional<std::int64_t> budget;
  std::string device, cuda_file, ptx_file, save, inputs = "normal";
  std::string schedule, trace, gpu;
  bool strict = false, plant_nonfinite = false, profile = false;
};

Status wrong(std::string message) { return Status(ErrorCode::kInvalidArgument, std::move(message)); }

Status check(const RunArguments& a) {
  if (a.tokens < 0 || a.tokens > std::numeric_limits<std::int32_t>::max())
    return wrong(fmt::format("run: --tokens {} is out of range; a run takes 0 to 2147483647", a.tokens));
  if (a.budget && *a.budget < 1)
    return wrong(fmt::format("run: --budget {} is out of range; it is at least 1 warp instruction, without the option 2^26 for each warp", *a.budget));
  if (!a.cuda_file.empty() && !a.ptx_file.empty())
    return wrong("run: --cuda and --ptx both replace the generated kernel; give one of them");
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
  if (text.size() > kLargest)
    return wrong(fmt::format("run: {} {} has {} bytes, at most {} are read", option, path, text.size(), kLargest));
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

// "auto" is no cpu where what is asked for is a GPU's kernel or the simulated device's doing.
Expected<std::shared_ptr<Device>> open_device(const std::string& name, const RunArguments& a) {
  const bool for_gpus = !a.cuda_file.empty() || !a.ptx_file.empty() || !a.plan.plan_file.empty() || !a.plan.arch.empty() || !a.schedule.empty() ||
                        !a.trace.empty() || a.profile || !a.gpu.empty() || (a.plan.tier != "auto" && a.plan.tier != "table");
  if (name != "auto" || !for_gpus) return Device::open(name);
  auto gpu = Device::open("cuda:0");
  if (gpu.ok() || gpu.status().code() != ErrorCode::kMissing) return gpu;
  return Device::open("sim");
}

// The device as named; a simulated one without an architecture in its name models the one that the plan is for.
Expected<std::shared_ptr<Device>> device_for(const std::string& name, const PlanRequest& request, std::shared_ptr<Device> device) {
  const bool plain_sim = device->info().kind == "sim" && name.find(':') == std::string::npos;
  if (!plain_sim || device->info().arch == request.arch) return device;
  return Device::open("sim:" + request.arch.name());
}

struct Built {
  plan::Schedule schedule;
  codegen::KernelSource source;
  KernelImage image;
};

// The generated kernel, or the given file in its place: same plan, same entry, same schedule.
Expected<Built> build(const RunArguments& a, const PlanRequest& request, const Planned& planned, const Device& device) {
  if (a.cuda_file.empty() && a.ptx_file.empty()) {
    BSGEN_ASSIGN(Imaged imaged, make_image(a.plan, request, planned));
    return Built{std::move(imaged.sourced.schedule), std::move(imaged.sourced.source), std::move(imaged.image)};
  }
  BSGEN_ASSIGN(Sourced sourced, make_source(request, planned.plan));
  Built built{std::move(sourced.schedule), std::move(sourced.source), {}};
  if (!a.ptx_file.empty()) {
    BSGEN_ASSIGN(built.image.ptx, read_source("--ptx", a.ptx_file));
    built.image.arch = planned.plan.arch;
    built.image.entry = built.source.entry;
    if (device.info().kind != "cuda") return built;  // the simulated device reads PTX; the driver assembles where nvJitLink is missing
    auto toolchain = nvrtc::open_toolchain(environment().cuda_dir);
    if (!toolchain && toolchain.status().code() == ErrorCode::kMissing) return built;
    BSGEN_TRY(toolchain);
    BSGEN_ASSIGN(built.image, nvrtc::assemble(**toolchain, built.image.ptx, built.image.entry, planned.plan.arch));
    return built;
  }
  BSGEN_ASSIGN(built.source.cuda, read_source("--cuda", a.cuda_file));
  BSGEN_ASSIGN(const nvrtc::Toolchain* toolchain, nvrtc::open_toolchain(environment().cuda_dir));
  built.source.name = std::filesystem::path(a.cuda_file).filename().string();
  BSGEN_ASSIGN(built.image, nvrtc::compile(*toolchain, built.source, planned.plan.arch));
  return built;
}

// A kernel, and what there is to show of it.
struct Ready {
  Kernel kernel;
  plan::KernelPlan plan;
  std::string plan_text;  // of a cpu device, whose plan is of its own
  Built built;
};

Expected<Ready> make_cpu_kernel(const RunArguments& a, const PlanRequest& request, const std::shared_ptr<Device>& device) {
  const char* option = !a.cuda_file.empty() ? "--cuda" : !a.ptx_file.empty() ? "--ptx" : request.plan ? "--plan" : nullptr;
  if (option) return wrong(fmt::format("run: {} is for GPUs and sim, this device is {}; leave it out or add --device sim", option, device->info().name));
  BSGEN_ASSIGN(Kernel kernel, runtime::load_cpu_kernel(device, request.layout, request.problem, request.options));
  BSGEN_ASSIGN(const cpu::CpuPlan plan, runtime::plan_for_cpu(*device, request.layout, request.problem, request.options));
  return Ready{kernel, kernel.loaded().plan, fmt::format("tier table, {}, tile of {} x {}", name(plan.machine.isa), plan.tile_rows[0], plan.width()), {}};
}

// A refusal that names a PTX line shows the line.
Status with_quote(const Status& status, const std::string& ptx, const codegen::KernelSource& source) {
  const std::size_t at = status.message().find("ptx line ");
  if (at == std::string::npos) return status;
  const std::string lines = quote(Quotes(ptx, source), std::atoi(status.message().c_str() + at + 9), "  ");
  return Status(status.code(), fmt::format("{}\n{}", status.message(), lines.substr(0, lines.empty() ? 0 : lines.size() - 1)));
}

Expected<Ready> make_kernel(const RunArguments& a, const PlanRequest& request, const std::shared_ptr<Device>& device) {
  if (device->info().kind == "cpu") return make_cpu_kernel(a, request, device);
  BSGEN_ASSIGN(const Planned planned, make_plan(request));
  BSGEN_ASSIGN(Built built, build(a, request, planned, *device));
  const auto loaded = runtime::load_kernel(device, planned.plan, built.schedule, built.image);
  if (!loaded) return with_quote(loaded.status(), built.image.ptx, built.source);
  return Ready{*loaded, planned.plan, {}, std::move(built)};
}

// "early,late": one launch each, all of which must give the same bits.
Expected<std::vector<sim::Schedule>> parse_schedules(std::string_view text) {
  std::vector<sim::Schedule> schedules;
  for (;;) {
    const std::size_t comma = text.find(',');
    BSGEN_ASSIGN(const sim::Schedule schedule, sim::Schedule::parse(text.substr(0, comma)));
    schedules.push_back(schedule);
    if (comma == std::string_view::npos) return schedules;
    text.remove_prefix(comma + 1);
  }
}

// What only the simulated device can do.
Status check_device(const RunArguments& a, const Device& device) {
  if (device.info().kind == "sim") return {};
  const char* option = !a.schedule.empty() ? "--schedule"
                       : !a.trace.empty()  ? "--trace"
                       : a.profile         ? "--profile"
                       : a.budget          ? "--budget"
                       : !a.gpu.empty()    ? "--gpu"
                                           : nullptr;
  if (option == nullptr) return {};
  return wrong(fmt::format("run: {} is for the simulated device, this one is {}; add --device sim", option, device.info().name));
}

Expected<int> run(const RunArguments& a) {
  BSGEN_TRY(check(a));
  verify::TrialOptions options{.strict = a.strict};
  std::optional<TraceArguments> trace;
  if (!a.schedule.empty()) {
    BSGEN_ASSIGN(options.schedules, parse_schedules(a.schedule));
  }
  if (!a.trace.empty()) {
    BSGEN_ASSIGN(trace, parse_trace(a.trace));
    options.trace = trace->request;
  }
  BSGEN_ASSIGN(const verify::Inputs inputs, verify::parse_inputs(a.inputs));
  const std::string device_name = a.device.empty() ? environment().device : a.device;
  BSGEN_ASSIGN(std::shared_ptr<Device> device, open_device(device_name, a));
  BSGEN_TRY(check_device(a, *device));
  BSGEN_ASSIGN(const PlanRequest request, resolve(a.plan, device.get()));
  BSGEN_ASSIGN(device, device_for(device_name, request, device));
  if (auto* const sim = dynamic_cast<sim::SimDevice*>(device.get()); sim != nullptr) sim->set_instruction_budget(static_cast<std::uint64_t>(a.budget.value_or(0)));

  Progress progress;
  progress.say("planning and compiling");
  BSGEN_ASSIGN(const plan::Machine* machine, machine_for("run", a.gpu, request.arch));
  BSGEN_ASSIGN(const Ready ready, make_kernel(a, request, device));
  const auto& [kernel, plan, plan_text, built] = ready;

  progress.say("drawing operands");
  const std::uint64_t seed = a.plan.mask.seed.value_or(0);
  BSGEN_ASSIGN(verify::Operands operands, verify::make_operands(request.layout, request.problem, a.tokens, seed, inputs));
  if (a.plant_nonfinite) verify::plant_nonfinite(request.layout, request.problem, operands, seed);

  RunOutcome outcome;
  outcome.device = device->info();
  outcome.tokens = a.tokens;
  outcome.plan = plan_text;
  options.progress = [&](std::string_view what) { progress.say(what); };
  BSGEN_ASSIGN(outcome.trial, verify::run_trial(kernel, request.layout, request.problem, operands, options));
  progress.clear();

  const bool transposed = request.problem.op != Op::kUpdate && request.problem.activations == Activations::kCol;
  outcome.digest = verify::output_digest(outcome.trial.result, transposed);
  outcome.floor_bytes = verify::floor_bytes(request.layout, request.problem, a.tokens);
  outcome.useful_flops = verify::useful_flops(request.layout, request.problem, a.tokens);
  const Quotes quotes(built.image.ptx, built.source);
  outcome.quotes = &quotes;
  if (device->info().kind == "sim") {
    for (const sim::Schedule& schedule : options.schedules) outcome.schedules.push_back(schedule.text());
    const sim::LaunchReport& report = outcome.trial.report;
    outcome.occupancy = occupancy(Arch{machine->arch}, *machine, built.image.resources.registers, report.shared_bytes, report.threads);
    outcome.prediction =
        predict(work_of(report, outcome.floor_bytes, outcome.useful_flops, request.problem.dtype, built.image.ptx), *machine);
    outcome.trace = trace;
    if (a.profile) outcome.profile = make_profile(report, quotes, *machine, request.problem.dtype == DType::kTf32);
  }
  if (!a.save.empty()) BSGEN_TRY(save_run(a.save, request, operands, outcome));
  BSGEN_TRY(a.plan.json ? print_json(run_json(request, plan, outcome)) : print(run_text(request, plan, outcome)));
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
  group(
      verb->add_option("--device", a->device, "auto (the first GPU, else cpu), sim, sim:sm_NN, cpu or cuda:N; default BSGEN_DEVICE, then auto")->type_name("DEVICE"),
      "Run");
  group(
      verb->add_option("--cuda", a->cuda_file, "this CUDA in place of the generated one (compile --emit cuda wrote it)")->type_name("FILE"),
      "Run");
  group(verb->add_option("--ptx", a->ptx_file, "this PTX in place of the generated one (compile --emit ptx wrote it)")->type_name("FILE"),
        "Run");
  group(verb->add_option("--save", a->save, "write operands, output and layout there as .npy, with a README.txt")->type_name("DIR"), "Run");
  group(verb->add_option("--inputs", a->inputs,
                         "normal (drawn with --seed, variance 1), ones, or index (small integers that tell places); default normal")
            ->type_name("KIND"),
        "Run");
  group(verb->add_flag("--plant-nonfinite", a->plant_nonfinite,
                       "put Inf and NaN into X (dY for bprop): absent blocks must contribute nothing"),
        "Run");
  group(verb->add_option("--schedule", a->schedule,
                         "sim: early, late, seed:N or a list of them, one launch each with equal bits; default early,late")
            ->type_name("LIST"),
        "Simulated device");
  group(verb->add_flag("--profile", a->profile, "sim: what each PTX line and each CUDA line spent, hottest first"), "Simulated device");
  group(
      verb->add_option(
              "--trace", a->trace,
              "sim: cta=X[:Y[:Z]],warp=W[,from=PTXLINE][,steps=N][,lane=L][,until=finding]: what one warp did, instruction by instruction")
          ->type_name("WHAT"),
      "Simulated device");
  group(verb->add_option("--budget", a->budget,
                         "sim: warp instructions that a cta (or cluster) may execute before it counts as a live-lock; default 2^26 for each warp")
            ->type_name("N"),
        "Simulated device");
  group(
      verb->add_option("--gpu", a->gpu,
                       "sim: the GPU that the time is predicted for; default: one of the architecture; a name that is not known lists all")
          ->type_name("NAME"),
      "Simulated device");
  group(verb->add_flag("--strict", a->strict, "warnings of the simulated device fail the run too"), "Run");
  verb->footer(
      "\nExamples: on a GPU, or simulated where there is none; an edited kernel; the counters\n"
      "  bsgen run layer.smtx --block 32 --keep 0.1 --tokens 256\n"
      "  bsgen run mask.npy --tokens 77 --device sim --cuda edited.cu\n"
      "  bsgen run random:32x32:density=0.1 --tokens 128 --device sim --json\n"
      "  bsgen run mask.npy --tokens 77 --device sim --profile\n"
      "  bsgen run mask.npy --tokens 77 --device sim --ptx edited.ptx --trace cta=0,warp=1,until=finding\n\n"
      "On sim, asynchronous work lands as early and then as late as is legal, and both must give the same bits.\n"
      "Exit status 0: every output is within its bound; 1: not, or the device found a mistake; 2 and 3: it could not run.");
  verb->callback([a, &action] { action = [a] { return run(*a); }; });
}

}  // namespace bsgen::cli
