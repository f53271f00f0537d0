// Ready soon: from a request to its cubin in a fresh process, as a ratio to an empty kernel taken
// the same way.
#include <fmt/format.h>

#include "compiler/codegen/generate.h"
#include "compiler/nvrtc/compile.h"
#include "compiler/plan/choose.h"
#include "tools/bench/child_process.h"
#include "tools/bench/children.h"
#include "tools/bench/figures.h"
#include "tools/bench/samples.h"

namespace bsgen::bench {
namespace {

constexpr const char* kArea = "ready soon";
constexpr const char* kWhat = "request to cubin, cold, tier table, sm_80 bf16, blocks of 32";
constexpr const char* kAsked = "at most 3.5 times an empty kernel (aim 2.5)";
constexpr int kRuns = 7;

Expected<Layout> sample_layout() {
  MaskOptions options;
  options.block = {32, 32};
  return read_mask("random:64x64:density=0.1,seed=1", options);
}

}  // namespace

// In the child: the libraries are open (not counted), then everything from the request on is.
Expected<ChildTime> ready_soon_child(bool kernel, const std::string& cuda_dir) {
  BSGEN_ASSIGN(const nvrtc::Toolchain* toolchain, nvrtc::open_toolchain(cuda_dir));
  if (nvrtc::info(*toolchain).nvjitlink_path.empty())
    return Status(ErrorCode::kMissing, "bench: nvJitLink was not found, so no cubin can be made");
  const Arch arch{80};
  CompileOptions options;
  options.tier = Tier::kTable;
  BSGEN_ASSIGN(const Layout layout, sample_layout());
  const double cpu_start = cpu_ms();
  const auto start = std::chrono::steady_clock::now();
  codegen::KernelSource source{
      "bsgen_empty", "bsgen_empty.cu", "extern \"C\" __global__ void bsgen_empty() {}\n", {}};
  if (kernel) {
    BSGEN_ASSIGN(const plan::KernelPlan plan, plan::choose(layout, Problem{}, arch, options));
    BSGEN_ASSIGN(source,
                 codegen::generate(plan, plan::make_schedule(plan, layout), layout, options));
  }
  BSGEN_ASSIGN(const KernelImage image, nvrtc::compile(*toolchain, source, arch));
  const ChildTime time{milliseconds_since(start), cpu_ms() - cpu_start};
  if (image.cubin.empty()) return Status(ErrorCode::kMissing, "bench: no cubin was made");
  return time;
}

std::vector<Figure> ready_soon(const SuiteOptions& options) {
  std::vector<double> wall[2], cpu[2];    // of the empty kernel, of ours
  for (int run = -1; run < kRuns; ++run)  // the first pair warms the page cache and is not counted
    for (const bool full : {false, true}) {
      const auto time =
          time_in_child(options.self, {"bench", "--child", full ? "kernel" : "empty"});
      if (!time) return {not_measured(kArea, kWhat, kAsked, time.status().message())};
      if (run >= 0) wall[full].push_back(time->wall), cpu[full].push_back(time->cpu);
    }
  const Timed empty{Samples(std::move(wall[0])), Samples(std::move(cpu[0]))},
      kernel{Samples(std::move(wall[1])), Samples(std::move(cpu[1]))};
  const bool busy = empty.busy() || kernel.busy();  // one clock for both
  const Samples &e = busy ? empty.cpu : empty.wall, &k = busy ? kernel.cpu : kernel.wall;
  const double ratio = k.median() / e.median();
  return {
      {kArea,
       kWhat,
       kAsked,
       fmt::format("{} times: {} against {}", short_number(ratio), spread(k, "ms"),
                   spread(e, "ms")),
       ratio <= 3.5 ? Verdict::kOk : Verdict::kMissed,
       fmt::format(
           "medians of {} interleaved fresh processes; loading NVRTC and nvJitLink not counted{}",
           kRuns, busy ? kernel.note("ms") : ""),
       {{"ratio", ratio},
        {"kernel_ms", k.median()},
        {"empty_ms", e.median()},
        {"kernel_p10_ms", k.p10()},
        {"kernel_p90_ms", k.p90()},
        {"empty_p10_ms", e.p10()},
        {"empty_p90_ms", e.p90()},
        {"kernel_wall_ms", kernel.wall.median()},
        {"empty_wall_ms", empty.wall.median()}}}};
}

}  // namespace bsgen::bench
