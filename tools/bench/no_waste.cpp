// No waste: what the simulated device counts against what the layout makes necessary.
#include <fmt/format.h>

#include "compiler/analysis/layout_profile.h"
#include "tools/bench/figures.h"
#include "tools/bench/sample_run.h"

namespace bsgen::bench {
namespace {

constexpr const char* kArea = "no waste";

struct Counted {
  CompiledKernel compiled;
  SampleRun run;
  Layout layout;
  double flop_per_byte() const {
    const auto& c = run.report.counters;
    return c.global_read_bytes
               ? static_cast<double>(run.useful_flops) / static_cast<double>(c.global_read_bytes)
               : 0;
  }
};

Expected<Counted> count(const std::string& mask, int block, const Problem& problem,
                        std::int64_t tokens, const std::string& cuda_dir) {
  MaskOptions options;
  options.block = {block, block};
  BSGEN_ASSIGN(Layout layout, read_mask(mask, options));
  BSGEN_ASSIGN(CompiledKernel compiled, compile(layout, problem, Arch{80}, {}, cuda_dir));
  BSGEN_ASSIGN(SampleRun run, run_sample(layout, problem, compiled, tokens));
  if (!run.passed())
    return Status(ErrorCode::kCheckFailed, fmt::format("{}: {}", mask, run.verdict.reason));
  return Counted{std::move(compiled), std::move(run), std::move(layout)};
}

Figure wavefronts(const SuiteOptions& options) {
  const std::string what = "shared wavefronts, 3 ops x 4 dtypes x 3 blocks",
                    asked = "equal to the ideal";
  std::uint64_t real = 0, ideal = 0;
  std::size_t kernels = 0, equal = 0;
  std::string first;
  for (const int block : {8, 32, 128})
    for (const Op op : {Op::kFprop, Op::kBprop, Op::kUpdate})
      for (const DType dtype : {DType::kFp32, DType::kTf32, DType::kFp16, DType::kBf16}) {
        Problem problem;
        problem.op = op;
        problem.dtype = dtype;
        const auto counted = count(
            block == 128 ? "random:4x4:density=0.4,seed=1" : "random:16x16:density=0.2,seed=1",
            block, problem, 128, options.cuda_dir);
        if (!counted) return not_measured(kArea, what, asked, counted.status().message());
        const sim::Counters& c = counted->run.report.counters;
        real += c.shared_wavefronts, ideal += c.shared_wavefronts_ideal, ++kernels;
        if (c.shared_wavefronts == c.shared_wavefronts_ideal)
          ++equal;
        else if (first.empty())
          first = fmt::format("{} {} block {}: {} against {}", name(op), name(dtype), block,
                              c.shared_wavefronts, c.shared_wavefronts_ideal);
      }
  return {kArea,
          what,
          asked,
          fmt::format("{} against {}; equal in {} of {} kernels", real, ideal, equal, kernels),
          equal == kernels ? Verdict::kOk : Verdict::kMissed,
          "counters of the simulated device, sm_80, M = 128" +
              (first.empty() ? "" : "; first: " + first),
          {{"wavefronts", static_cast<double>(real)},
           {"ideal", static_cast<double>(ideal)},
           {"equal_kernels", static_cast<double>(equal)},
           {"kernels", static_cast<double>(kernels)}}};
}

Figure dense_reuse(const SuiteOptions& options) {
  const std::string what = "full:16x16, b = 128, M = 1024, bf16: useful FLOP per global byte read",
                    asked = "at least 55";
  const auto counted = count("full:16x16", 128, {}, 1024, options.cuda_dir);
  if (!counted) return not_measured(kArea, what, asked, counted.status().message());
  const double reuse = counted->flop_per_byte();
  return {kArea,
          what,
          asked,
          fmt::format("{:.1f}", reuse),
          reuse >= 55 ? Verdict::kOk : Verdict::kMissed,
          "counters of the simulated device, sm_80",
          {{"flop_per_byte", reuse}}};
}

// DESIGN section 4: AI = 1 / (1/(r b) + 1/(BM cm)) FLOP/B for 2-byte elements; r output blocks
// share a loaded operand tile, cm = 1.
Figure random_reuse(const SuiteOptions& options) {
  const std::string what =
                        "random:32x32:density=0.1, b = 32, bf16: FLOP per global byte read over AI",
                    asked = "at least 80% of AI for the plan's tile";
  const auto counted = count("random:32x32:density=0.1", 32, {}, 1024, options.cuda_dir);
  if (!counted) return not_measured(kArea, what, asked, counted.status().message());
  const plan::Tile& tile = counted->compiled.plan.tile;
  const double r = analysis::profile(counted->layout).reuse_fprop(tile.panel);
  const double ai = 1 / (1 / (r * 32) + 1.0 / tile.tokens), reuse = counted->flop_per_byte();
  return {kArea,
          what,
          asked,
          fmt::format("{:.1f} of {:.1f}: {:.0f}%", reuse, ai, 100 * reuse / ai),
          reuse >= 0.8 * ai ? Verdict::kOk : Verdict::kMissed,
          fmt::format("counters of the simulated device, sm_80, M = 1024; tile {} tokens x {} "
                      "blocks, r = {:.2f}",
                      tile.tokens, tile.panel, r),
          {{"flop_per_byte", reuse}, {"ai", ai}, {"ratio", reuse / ai}}};
}

Figure useful_work(const SuiteOptions& options) {
  Figure figure{kArea,
                "useful over issued tensor-core work, by block size",
                "",
                "",
                Verdict::kReported,
                "random masks of density 0.1 (0.3 at b = 128), fprop bf16 sm_80, M = 256"};
  for (const int block : {8, 16, 32, 64, 128}) {
    const auto counted =
        count(block == 128 ? "random:6x6:density=0.3,seed=1"
                           : fmt::format("random:{0}x{0}:density=0.1,seed=1", 1024 / block),
              block, {}, 256, options.cuda_dir);
    if (!counted) return not_measured(kArea, figure.what, "", counted.status().message());
    const std::uint64_t issued = counted->run.report.counters.mma_flops_issued;
    const double share =
        issued ? static_cast<double>(counted->run.useful_flops) / static_cast<double>(issued) : 0;
    figure.measured +=
        fmt::format("{}{}: {:.0f}%", figure.measured.empty() ? "" : ", ", block, 100 * share);
    figure.values.emplace_back(fmt::format("block_{}", block), share);
  }
  return figure;
}

}  // namespace

std::vector<Figure> no_waste(const SuiteOptions& options) {
  return {wavefronts(options), dense_reuse(options), random_reuse(options), useful_work(options)};
}

}  // namespace bsgen::bench
