// The suite `gpu`: time and useful TFLOP/s of kernels on cuda:0, each result judged first.
#include <fmt/format.h>

#include "bsgen/engine.h"
#include "runtime/verify/execution.h"
#include "runtime/verify/verify.h"
#include "tools/bench/figures.h"
#include "tools/bench/samples.h"

namespace bsgen::bench {
namespace {

struct Cell {
  const char* mask;
  int block;
  std::int64_t tokens;
};

Expected<Figure> measure(Engine& engine, const std::shared_ptr<Device>& device, const Cell& cell,
                         Op op) {
  MaskOptions mask;
  mask.block = {cell.block, cell.block};
  BSGEN_ASSIGN(const Layout layout, read_mask(cell.mask, mask));
  Problem problem;
  problem.op = op;
  BSGEN_ASSIGN(const Kernel kernel, engine.kernel(layout, problem, device));
  BSGEN_ASSIGN(const verify::Operands operands,
               verify::make_operands(layout, problem, cell.tokens, 1));
  BSGEN_ASSIGN(const verify::StagedOperands staged,
               verify::StagedOperands::stage(device, problem, operands));
  const LaunchArguments arguments = staged.arguments();
  BSGEN_TRY(kernel.launch(arguments));
  BSGEN_ASSIGN(const verify::HostTensor result, staged.result());
  BSGEN_ASSIGN(const verify::Verdict verdict, verify::judge(layout, problem, operands, result));
  if (!verdict.passed)
    return Status(ErrorCode::kCheckFailed, "bench: the result is wrong: " + verdict.reason);

  constexpr int kLaunches = 100, kBatches = 15;
  bool failed = false;
  std::vector<double> us;
  for (int batch = -2; batch < kBatches; ++batch) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < kLaunches; ++i) failed = failed || !kernel.launch(arguments).ok();
    failed = failed || !device->synchronize().ok();
    if (batch >= 0) us.push_back(milliseconds_since(start) * 1e3 / kLaunches);
  }
  if (failed) return Status(ErrorCode::kDevice, "bench: a launch failed");
  const Samples samples(std::move(us));
  const double tflops = static_cast<double>(verify::useful_flops(layout, problem, cell.tokens)) /
                        samples.median() * 1e-6;
  return Figure{std::string(name(op)),
                fmt::format("{}, b = {}, M = {}, bf16", cell.mask, cell.block, cell.tokens),
                "",
                fmt::format("{}, {} useful TFLOP/s", spread(samples, "us"), short_number(tflops)),
                Verdict::kReported,
                fmt::format("{}; wall time of {} launches in a row, median of {} such batches "
                            "after 2; one operand set, so the L2 is warm; result judged",
                            device->info().model, kLaunches, kBatches),
                {{"us_median", samples.median()},
                 {"us_p10", samples.p10()},
                 {"us_p90", samples.p90()},
                 {"tflops", tflops}}};
}

}  // namespace

Expected<Suite> gpu(const SuiteOptions& options, const Progress& progress) {
  auto device = Device::open("cuda:0");
  if (!device) return device.status().with_context("opening the device of bench --suite gpu");
  Suite suite{"gpu", {}};
  EngineOptions engine_options;
  engine_options.cuda_dir = options.cuda_dir;
  Engine engine(engine_options);
  // Small enough that the float64 reference on the host takes seconds.
  const Cell cells[] = {{"random:64x64:density=0.1", 32, 2048},
                        {"random:32x32:density=0.1", 64, 2048},
                        {"random:16x16:density=0.25", 128, 2048},
                        {"banded:64x64:width=3", 32, 4096},
                        {"full:16x16", 128, 1024}};
  for (const Cell& cell : cells)
    for (const Op op : {Op::kFprop, Op::kBprop, Op::kUpdate}) {
      if (progress) progress(fmt::format("{} {}", name(op), cell.mask));
      auto figure = measure(engine, *device, cell, op);
      suite.figures.push_back(
          figure ? *std::move(figure)
                 : not_measured(std::string(name(op)), cell.mask, "", figure.status().message()));
    }
  return suite;
}

}  // namespace bsgen::bench
