// Correct: masks and generators x operations x dtypes x tokens on the simulated device, judged
// against the float64 reference.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "tools/bench/figures.h"
#include "tools/bench/sample_run.h"

namespace bsgen::bench {
namespace {

constexpr const char* kArea = "correct";

struct Mask {
  std::string name;
  MaskOptions options;
};

std::vector<Mask> generator_masks(bool full) {
  std::vector<Mask> masks;
  for (const char* generator :
       {"random:12x16:density=0.2,seed=3", "banded:16x16:width=3", "blockdiag:16x16:size=4",
        "causal:12x12", "strided:16x16:stride=4", "butterfly:16x16",
        "bigbird:16x16:window=3,global=1,random=1,seed=2", "longformer:16x16:window=3,global=1",
        "smallworld:16x16:degree=4,seed=5", "scalefree:16x16:edges=2,seed=6", "full:6x6",
        "empty:6x6"})
    for (const int block : full ? std::vector<int>{8, 16, 32} : std::vector<int>{16})
      masks.push_back({generator, {.block = {block, block}}});
  return masks;
}

std::vector<Mask> recorded_masks(const SuiteOptions& options) {
  std::vector<Mask> masks;
  std::error_code ignored;
  const std::filesystem::path folder = std::filesystem::path(options.test_data) / "masks";
  if (options.test_data.empty() || !std::filesystem::is_directory(folder, ignored)) return masks;
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored))
    if (entry.path().extension() == ".smtx") paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  for (const std::string& path : paths)
    for (const int block : options.full ? std::vector<int>{8, 16, 32} : std::vector<int>{32})
      for (const double keep :
           options.full ? std::vector<double>{0.1, 0.3} : std::vector<double>{0.1})
        masks.push_back({path, {.block = {block, block}, .keep = keep}});
  return masks;
}

struct Count {
  std::size_t passed = 0, all = 0;
  double worst_error = 0;
  std::string first_failure;
};

Status run_mask(const Mask& mask, const std::vector<std::int64_t>& tokens, bool nonfinite,
                const std::string& cuda_dir, Count& count) {
  BSGEN_ASSIGN(const Layout layout, read_mask(mask.name, mask.options));
  for (const Op op : {Op::kFprop, Op::kBprop, Op::kUpdate})
    for (const DType dtype : {DType::kFp32, DType::kTf32, DType::kFp16, DType::kBf16}) {
      Problem problem;
      problem.op = op;
      problem.dtype = dtype;
      BSGEN_ASSIGN(const CompiledKernel compiled, compile(layout, problem, Arch{80}, {}, cuda_dir));
      for (const std::int64_t m : tokens) {
        const auto run = run_sample(layout, problem, compiled, m, 0, nonfinite);
        ++count.all;
        if (run && run->passed()) {
          ++count.passed;
          count.worst_error = std::max(count.worst_error, run->verdict.worst_error);
        } else if (count.first_failure.empty()) {
          count.first_failure = fmt::format("{} block {} {} {} M {}: {}", mask.name,
                                            to_string(mask.options.block), name(op), name(dtype), m,
                                            run ? run->verdict.reason : run.status().message());
        }
      }
    }
  return {};
}

Figure count_figure(const std::string& what, const std::vector<Mask>& masks,
                    const std::vector<std::int64_t>& tokens, bool nonfinite,
                    const SuiteOptions& options) {
  Count count;
  for (const Mask& mask : masks)
    if (const Status status = run_mask(mask, tokens, nonfinite, options.cuda_dir, count);
        !status.ok())
      return not_measured(kArea, what, "all pass", status.message());
  std::string how = fmt::format("{} masks x 3 ops x 4 dtypes x M in {{{}}}, sm_80 model, tier auto",
                                masks.size(), fmt::join(tokens, ", "));
  if (!options.full) how += "; --full takes every block, keep and M of the issue";
  if (!count.first_failure.empty()) how += "; first failure: " + count.first_failure;
  return {kArea,
          what,
          "all pass",
          fmt::format("{} of {} pass, largest error {} of its bound", count.passed, count.all,
                      fmt::format("{:.2f}", count.worst_error)),
          count.passed == count.all ? Verdict::kOk : Verdict::kMissed,
          how,
          {{"passed", static_cast<double>(count.passed)},
           {"runs", static_cast<double>(count.all)},
           {"worst_error", count.worst_error}}};
}

}  // namespace

std::vector<Figure> correct(const SuiteOptions& options) {
  const std::vector<std::int64_t> tokens =
      options.full ? std::vector<std::int64_t>{0, 1, 77, 256} : std::vector<std::int64_t>{0, 77};
  std::vector<Figure> figures;
  const std::vector<Mask> recorded = recorded_masks(options);
  if (recorded.empty())
    figures.push_back(
        not_measured(kArea, "masks of pruned networks on sim", "all pass",
                     "the masks are not here; BSGEN_TEST_DATA names the folder that holds masks"));
  else
    figures.push_back(
        count_figure("masks of pruned networks on sim", recorded, tokens, false, options));
  const std::vector<Mask> generated = generator_masks(options.full);
  figures.push_back(count_figure("every generator on sim", generated, tokens, false, options));
  std::vector<Mask> few(
      generated.begin(),
      generated.begin() + (options.full ? static_cast<std::ptrdiff_t>(generated.size()) : 3));
  figures.push_back(count_figure("with Inf and NaN in the activations", few, {77}, true, options));
  return figures;
}

}  // namespace bsgen::bench
