// The suite `sim`: what the simulated device promises, and how fast it runs every operation and type.
//
// Runs with and without checks take turns, so that what other programs do to the machine hits both alike; the ratio is the median of
// neighbours' ratios. Times are processor time, but those of two threads where the machine was free.
#include <fmt/format.h>

#include <thread>
#include <tuple>

#include "bsgen/compiler.h"
#include "runtime/launch/loaded_kernel.h"
#include "runtime/sim/exec/tensor_core.h"
#include "runtime/sim/exec/tensor_core_bench.h"
#include "runtime/sim/sim_device.h"
#include "runtime/verify/execution.h"
#include "runtime/verify/verify.h"
#include "tools/bench/figures.h"
#include "tools/bench/host_cpu.h"
#include "tools/bench/samples.h"
#include "tools/bench/simulation_speed.h"

namespace bsgen::bench {
namespace {

constexpr const char* kArea = "simulation";
constexpr const char* kMask = "random:32x32:density=0.25,seed=1";
constexpr std::int64_t kTokens = 1024;
constexpr int kRounds = 9;

// A GEMM-like kernel with its operands, launched again and again.
struct Workload {
  Layout layout;
  Problem problem;
  CompiledKernel compiled;
  verify::Operands operands;
  double gflop = 0;

  static Expected<Workload> make(const Arch& arch, const std::string& cuda_dir) {
    MaskOptions mask;
    BSGEN_ASSIGN(Layout layout, read_mask(kMask, mask));
    Problem problem;
    problem.op = Op::kFprop;
    problem.dtype = DType::kBf16;
    BSGEN_ASSIGN(CompiledKernel compiled, compile(layout, problem, arch, {}, cuda_dir));
    BSGEN_ASSIGN(verify::Operands operands, verify::make_operands(layout, problem, kTokens, 1));
    const double gflop = static_cast<double>(verify::useful_flops(layout, problem, kTokens)) * 1e-9;
    return Workload{std::move(layout), problem, std::move(compiled), std::move(operands), gflop};
  }

  // Operands staged on a device of its own, ready to be launched.
  struct Ready {
    std::shared_ptr<sim::SimDevice> device;
    Kernel kernel;
    verify::StagedOperands staged;
  };
  Expected<Ready> prepare(bool checks, int threads) const {
    const auto device = sim::SimDevice::create({.arch = compiled.plan.arch, .num_threads = threads, .checks = checks});
    BSGEN_ASSIGN(Kernel kernel, runtime::load_kernel(device, compiled.plan, compiled.schedule, compiled.image));
    BSGEN_ASSIGN(verify::StagedOperands staged, verify::StagedOperands::stage(device, problem, operands));
    return Ready{device, std::move(kernel), std::move(staged)};
  }

  struct Run { double wall_ms = 0, cpu_ms = 0; std::size_t num_instructions = 0; };
  Expected<Run> launch(bool checks, int threads) const {
    BSGEN_ASSIGN(Ready ready, prepare(checks, threads));
    const double cpu_start = cpu_ms();
    const auto start = std::chrono::steady_clock::now();
    BSGEN_TRY(ready.kernel.launch(ready.staged.arguments()));
    const double cpu = cpu_ms() - cpu_start;
    return Run{milliseconds_since(start), cpu, ready.device->last_report().instructions.size()};
  }

  // Two launches of one thread each, on two devices that share nothing: what the host's two processors can do at once. Times until both have ended.
  Expected<Run> launch_two() const {
    BSGEN_ASSIGN(Ready one, prepare(true, 1));
    BSGEN_ASSIGN(Ready other, prepare(true, 1));
    const double cpu_start = cpu_ms();
    const auto start = std::chrono::steady_clock::now();
    Status beside;
    std::thread second([&] { beside = other.kernel.launch(other.staged.arguments()); });
    const Status here = one.kernel.launch(one.staged.arguments());
    second.join();
    const Run both{milliseconds_since(start), cpu_ms() - cpu_start, 0};
    BSGEN_TRY(here);
    BSGEN_TRY(beside);
    return both;
  }
};

Verdict at_least(double measured, double asked) { return measured >= asked ? Verdict::kOk : Verdict::kMissed; }

bool had_both_cores(const Workload::Run& run) { return run.cpu_ms > 1.8 * run.wall_ms; }

// How much more two threads get done in a time than one, where theirs is `work` times one's. Where other programs had the second core, the
// wall tells of them; then what the threads cost each other is asked of processor time.
double times_one(const Workload::Run& one, const Workload::Run& two, double work) {
  return work * (had_both_cores(two) ? one.wall_ms / two.wall_ms : 2 * one.cpu_ms / two.cpu_ms);
}

// Speed without and with checks, their ratio, and what a second thread is worth.
std::vector<Figure> promises(const Arch& arch, double asked_off, double asked_on, const SuiteOptions& options) {
  const bool avx512 = sim::best_isa() == sim::Isa::kAvx512;
  const std::string model = arch.name() + " model";
  const std::string how = fmt::format("fprop bf16, {}, b = 32, M = {}; median of {} rounds; {}", kMask, kTokens, kRounds, cpu_name());
  const auto workload = Workload::make(arch, options.cuda_dir);
  if (!workload) return {not_measured(kArea, model, "", workload.status().message())};
  std::vector<double> off, on, ratio, second, ceiling, share;
  int by_wall = 0;
  for (int round = -1; round < kRounds; ++round) {
    double cpu[2] = {};
    for (const bool checks : {false, true}) {
      const auto time = workload->launch(checks, 1);
      if (!time) return {not_measured(kArea, model, "", time.status().message())};
      cpu[checks] = time->cpu_ms;
    }
    const auto alone = workload->launch(true, 1), together = workload->launch(true, 2);
    const auto two = workload->launch_two();
    if (!alone || !together || !two) return {not_measured(kArea, model, "", "a launch failed")};
    if (round < 0) continue;
    off.push_back(workload->gflop / cpu[0] * 1e3);
    on.push_back(workload->gflop / cpu[1] * 1e3);
    ratio.push_back(cpu[1] / cpu[0]);
    second.push_back(times_one(*alone, *together, 1));
    by_wall += had_both_cores(*together);
    ceiling.push_back(times_one(*alone, *two, 2));
    share.push_back(second.back() / ceiling.back());
  }
  const Samples s_off(off), s_on(on), s_ratio(ratio), s_second(second), s_ceiling(ceiling), s_share(share);
  const auto speed = [&](const char* checks, const Samples& samples, double asked) {
    return Figure{kArea, fmt::format("{}, checks {}, useful GFLOP/s on one core, exact", model, checks),
                  avx512 ? fmt::format("at least {} (avx512)", asked) : "", spread(samples, "GFLOP/s"),
                  avx512 ? at_least(samples.median(), asked) : Verdict::kReported, how, {{"gflops_median", samples.median()}}};
  };
  return {speed("off", s_off, asked_off), speed("on", s_on, asked_on),
          Figure{kArea, model + ", all checks on over off", "at most 1.5", spread(s_ratio, "times"), at_least(1.5, s_ratio.median()),
                 how + "; each ratio of two launches one after the other", {{"ratio_median", s_ratio.median()}}},
          Figure{kArea, model + ", two threads over one", "at least 1.8", spread(s_second, "times"), at_least(s_second.median(), 1.8),
                 fmt::format("{}; {} rounds by the clock on the wall, the others, with a busy machine, twice the processor time of one over that of two; the host's own ceiling in the same rounds, two "
                             "launches of one thread that share nothing over one: {}; of what these two get done in a time, one launch with two threads does {}",
                             how, by_wall, spread(s_ceiling, "times"), spread(s_share, "times")),
                 {{"ratio_median", s_second.median()}, {"host_ceiling_median", s_ceiling.median()}, {"share_of_ceiling_median", s_share.median()}}}};
}

Figure load_time(const SuiteOptions& options) {
  const std::string what = "parse and decode, for 1,000 instructions", asked = "at most 3 ms";
  const auto workload = Workload::make(Arch{90}, options.cuda_dir);
  if (!workload) return not_measured(kArea, what, asked, workload.status().message());
  const auto device = sim::SimDevice::create({.arch = Arch{90}});
  const auto once = workload->launch(false, 1);
  if (!once) return not_measured(kArea, what, asked, once.status().message());
  const Timed timed = time_ms(2, 25, [&] { (void)device->load(workload->compiled.image, 0); });
  const double scaled = timed.cpu.median() * 1000 / static_cast<double>(once->num_instructions);
  return {kArea, what, asked, spread(timed.cpu, "ms"), at_least(3, scaled),
          fmt::format("a kernel of {} instructions from NVRTC (sm_90), {} ms scaled to 1,000; median of 25 loads", once->num_instructions, short_number(scaled)),
          {{"ms_per_1000", scaled}, {"instructions", static_cast<double>(once->num_instructions)}}};
}

Figure tensor_core(const Arch& arch) {
  const sim::MmaShape shape;
  const double gflops = sim::mma_gflops(shape, sim::best_isa(), sim::tensor_core_model(arch));
  return {kArea, fmt::format("{} model, mma.m16n8k16 bf16 alone", arch.name()), "", fmt::format("{} GFLOP/s", short_number(gflops)), Verdict::kReported,
          fmt::format("{} ns each with {}; the best of 10 short runs", short_number(4096 / gflops), sim::name(sim::best_isa())), {{"gflops", gflops}}};
}

}  // namespace

Suite simulation(const SuiteOptions& options, const Progress& progress) {
  Suite suite{"sim", {}};
  for (const auto& [number, off, on] : {std::tuple{80, 7.0, 5.0}, std::tuple{90, 9.0, 6.0}}) {
    if (progress) progress(fmt::format("sm_{} model", number));
    for (Figure& figure : promises(Arch{number}, off, on, options)) suite.figures.push_back(std::move(figure));
    suite.figures.push_back(tensor_core(Arch{number}));
  }
  if (progress) progress("parse and decode");
  suite.figures.push_back(load_time(options));
  for (const Op op : {Op::kFprop, Op::kBprop, Op::kUpdate})
    for (const DType dtype : {DType::kBf16, DType::kFp16, DType::kTf32, DType::kFp32}) {
      if (progress) progress(fmt::format("{} {}", name(op), name(dtype)));
      suite.figures.push_back(operation_speed(op, dtype, 3, "", 0, options));
    }
  return suite;
}

}  // namespace bsgen::bench
