// How fast the simulated device executes tensor-core kernels, per core.
#include <fmt/format.h>

#include "runtime/sim/exec/tensor_core.h"
#include "tools/bench/figures.h"
#include "tools/bench/host_cpu.h"
#include "tools/bench/sample_run.h"
#include "tools/bench/samples.h"
#include "tools/bench/simulation_speed.h"

namespace bsgen::bench {
namespace {

constexpr const char* kArea = "simulation";
constexpr std::int64_t kTokens = 1024;

struct Speed {
  Samples gflops;
  std::string note;
};
// Useful GFLOP/s on one core, one value per run.
Expected<Speed> speed(Op op, DType dtype, int runs, const std::string& cuda_dir) {
  MaskOptions mask;
  BSGEN_ASSIGN(const Layout layout, read_mask("random:32x32:density=0.25,seed=1", mask));
  Problem problem;
  problem.op = op;
  problem.dtype = dtype;
  BSGEN_ASSIGN(const CompiledKernel compiled, compile(layout, problem, Arch{80}, {}, cuda_dir));
  std::vector<double> wall, cpu;
  double gflop = 0;
  for (int run = -1; run < runs; ++run) {
    BSGEN_ASSIGN(const SampleRun sample, run_sample(layout, problem, compiled, kTokens, 1));
    if (!sample.passed())
      return Status(ErrorCode::kCheckFailed,
                    "bench: the simulated result is wrong: " + sample.verdict.reason);
    gflop = static_cast<double>(sample.useful_flops) * 1e-9;
    if (run >= 0) wall.push_back(sample.wall_ms), cpu.push_back(sample.cpu_ms);
  }
  const Timed timed{Samples(std::move(wall)), Samples(std::move(cpu))};
  std::vector<double> values;
  for (const double ms : timed.quoted().values) values.push_back(gflop / ms * 1e3);
  return Speed{Samples(std::move(values)), timed.note("ms a launch")};
}

}  // namespace

Figure operation_speed(Op op, DType dtype, int runs, const std::string& asked, double least,
                       const SuiteOptions& options) {
  const std::string what =
      fmt::format("{} {}, useful GFLOP/s on one core, exact", name(op), name(dtype));
  const auto made = speed(op, dtype, runs, options.cuda_dir);
  if (!made) return not_measured(kArea, what, asked, made.status().message());
  const Samples* samples = &made->gflops;
  const Verdict verdict = asked.empty()                ? Verdict::kReported
                          : samples->median() >= least ? Verdict::kOk
                                                       : Verdict::kMissed;
  return {kArea,
          what,
          asked,
          spread(*samples, "GFLOP/s"),
          verdict,
          fmt::format("random:32x32:density=0.25, b = 32, M = {}, sm_80 model; median of {} after "
                      "a warm-up; {}{}",
                      kTokens, runs, cpu_name(), made->note),
          {{"gflops_median", samples->median()},
           {"gflops_p10", samples->p10()},
           {"gflops_p90", samples->p90()}}};
}

std::vector<Figure> simulation_speed(const SuiteOptions& options) {
  const sim::Isa isa = sim::best_isa();
  const double least = isa == sim::Isa::kAvx512 ? 5 : 2.5;
  const std::string asked =
      isa == sim::Isa::kBaseline ? "" : fmt::format("at least {} ({})", least, sim::name(isa));
  return {operation_speed(Op::kFprop, DType::kBf16, 5, asked, least, options)};
}

}  // namespace bsgen::bench
