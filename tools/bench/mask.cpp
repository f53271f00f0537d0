#include "tools/bench/mask.h"

#include <fmt/format.h>

#include "compiler/codegen/generate.h"
#include "compiler/nvrtc/compile.h"
#include "compiler/plan/choose.h"
#include "tools/bench/host_cpu.h"
#include "tools/bench/sample_run.h"
#include "tools/bench/samples.h"

namespace bsgen::bench {
namespace {

Figure timed(const std::string& stage, const Samples& samples, int runs,
             const std::string& note = "") {
  return {"compile",
          stage,
          "",
          spread(samples, "ms"),
          Verdict::kReported,
          fmt::format("median of {} after a warm-up{}", runs, note),
          {{"median_ms", samples.median()}, {"p10_ms", samples.p10()}, {"p90_ms", samples.p90()}}};
}

Status simulate(const MaskBench& request, const CompiledKernel& compiled, Suite& suite) {
  std::vector<double> seconds;
  SampleRun last;
  for (int run = -1; run < 3; ++run) {
    BSGEN_ASSIGN(last, run_sample(request.layout, request.problem, compiled, request.tokens));
    if (!last.passed())
      return Status(ErrorCode::kCheckFailed,
                    "bench: the simulated result is wrong: " + last.verdict.reason);
    if (run >= 0) seconds.push_back(last.report.seconds * 1e3);
  }
  const Samples samples(std::move(seconds));
  const double gflops =
      samples.median() > 0 ? static_cast<double>(last.useful_flops) / samples.median() * 1e-6 : 0;
  Figure figure = timed(fmt::format("simulate, M = {}", request.tokens), samples, 3,
                        fmt::format("; all cores; {}", cpu_name()));
  figure.area = "simulate";
  figure.measured += fmt::format(", {} useful GFLOP/s", short_number(gflops));
  figure.values.emplace_back("gflops", gflops);
  suite.figures.push_back(std::move(figure));
  return {};
}

}  // namespace

Expected<Suite> bench_mask(const MaskBench& request) {
  Suite suite{"mask", {}};
  const Layout& layout = request.layout;
  const auto stage = [&](const std::string& name, auto&& run, const std::string& note = "") {
    const Timed both = time_ms(1, request.runs, run);
    suite.figures.push_back(timed(name, both.quoted(), request.runs, note + both.note("ms")));
  };
  const analysis::LayoutProfile profile = analysis::profile(layout);
  const auto choose = [&] {
    return request.plan
               ? Expected<plan::KernelPlan>(*request.plan)
               : plan::choose(layout, profile, request.problem, request.arch, request.options);
  };
  BSGEN_ASSIGN(const plan::KernelPlan plan, choose());
  const plan::Schedule schedule = plan::make_schedule(plan, layout);
  BSGEN_ASSIGN(const codegen::KernelSource source,
               codegen::generate(plan, schedule, layout, request.options));

  stage(
      "hash", [&] { (void)layout.hash(); }, "; a layout may keep its hash");
  stage("profile", [&] { (void)analysis::profile(layout); });
  if (!request.plan) stage("plan", [&] { (void)choose(); });
  stage("schedule", [&] { (void)plan::make_schedule(plan, layout); });
  stage("codegen", [&] { (void)codegen::generate(plan, schedule, layout, request.options); });

  auto toolchain = nvrtc::open_toolchain(request.cuda_dir);
  if (!toolchain) {
    suite.figures.push_back(not_measured("compile", "NVRTC", "", toolchain.status().message()));
    return suite;
  }
  std::vector<double> nvrtc_ms, assemble_ms;
  CompiledKernel compiled{plan, schedule, source, {}};
  for (int run = -1; run < request.runs; ++run) {
    BSGEN_ASSIGN(compiled.image, nvrtc::compile(**toolchain, source, plan.arch));
    if (run >= 0)
      nvrtc_ms.push_back(compiled.image.nvrtc_ms),
          assemble_ms.push_back(compiled.image.assemble_ms);
  }
  suite.figures.push_back(timed("NVRTC", Samples(std::move(nvrtc_ms)), request.runs));
  if (compiled.image.cubin.empty())
    suite.figures.push_back(not_measured("compile", "assemble", "", "nvJitLink was not found"));
  else
    suite.figures.push_back(timed("assemble", Samples(std::move(assemble_ms)), request.runs));
  BSGEN_TRY(simulate(request, compiled, suite));
  return suite;
}

}  // namespace bsgen::bench
