// Clean code: every op x dtype x block x architecture assembles without spills and without local
// memory.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "compiler/codegen/generate.h"
#include "compiler/nvrtc/compile.h"
#include "compiler/plan/choose.h"
#include "tools/bench/figures.h"

namespace bsgen::bench {
namespace {

constexpr const char* kArea = "clean code";
constexpr const char* kAsked = "0 spill bytes and 0 local bytes";

struct Case {
  Op op;
  DType dtype;
  BlockShape block;
  Arch arch;
  std::string name() const {
    return fmt::format("{} {} block {} {}", bsgen::name(op), bsgen::name(dtype), to_string(block),
                       arch.name());
  }
};

std::vector<Case> cases(const std::vector<Arch>& archs, const std::vector<BlockShape>& blocks) {
  std::vector<Case> all;
  for (const Arch& arch : archs)
    for (const BlockShape block : blocks)
      for (const Op op : {Op::kFprop, Op::kBprop, Op::kUpdate})
        for (const DType dtype : {DType::kFp32, DType::kTf32, DType::kFp16, DType::kBf16})
          if (arch.has_bf16() || dtype == DType::kFp32 || dtype == DType::kFp16)
            all.push_back({op, dtype, block, arch});
  return all;
}

Expected<ResourceReport> resources_of(const nvrtc::Toolchain& toolchain, const Case& c) {
  MaskOptions mask;
  mask.block = c.block;
  BSGEN_ASSIGN(const Layout layout, read_mask("random:24x24:density=0.2,seed=1", mask));
  Problem problem;
  problem.op = c.op;
  problem.dtype = c.dtype;
  CompileOptions options;
  options.tier = Tier::kTable;
  BSGEN_ASSIGN(const plan::KernelPlan plan, plan::choose(layout, problem, c.arch, options));
  BSGEN_ASSIGN(const codegen::KernelSource source,
               codegen::generate(plan, plan::make_schedule(plan, layout), layout, options));
  BSGEN_ASSIGN(const KernelImage image, nvrtc::compile(toolchain, source, c.arch));
  if (image.cubin.empty()) return Status(ErrorCode::kMissing, "nvJitLink was not found");
  return image.resources;
}

}  // namespace

std::vector<Figure> clean_code(const SuiteOptions& options) {
  auto toolchain = nvrtc::open_toolchain(options.cuda_dir);
  if (!toolchain)
    return {not_measured(kArea, "spills and local memory", kAsked, toolchain.status().message())};
  std::vector<Arch> archs;
  for (const int number : nvrtc::info(**toolchain).architectures)
    if (number >= 75 &&
        (options.full || number == 75 || number == 80 || number == 90 || number == 120))
      archs.push_back(Arch{number});
  std::vector<BlockShape> blocks = {{8, 8}, {32, 32}, {128, 128}};
  if (options.full)
    blocks = {{8, 8},   {16, 16}, {32, 32}, {64, 64}, {128, 128},
              {16, 32}, {32, 16}, {8, 64},  {128, 32}};
  const std::vector<Case> all = cases(archs, blocks);

  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::size_t clean = 0;
  int most_registers = 0;
  std::string first_dirty, first_error;
  const auto work = [&] {
    for (std::size_t i; (i = next++) < all.size();) {
      const auto resources = resources_of(**toolchain, all[i]);
      const std::lock_guard lock(mutex);
      if (!resources) {
        if (first_error.empty()) first_error = all[i].name() + ": " + resources.status().message();
      } else if (resources->spill_bytes == 0 && resources->local_bytes == 0) {
        ++clean;
        most_registers = std::max(most_registers, resources->registers);
      } else if (first_dirty.empty()) {
        first_dirty = fmt::format("{}: {} spill bytes, {} local bytes", all[i].name(),
                                  resources->spill_bytes, resources->local_bytes);
      }
    }
  };
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < std::max(1u, std::thread::hardware_concurrency()); ++t)
    threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();

  std::string how =
      fmt::format("op x dtype x {} blocks x {} architectures, tier table, assembled by nvJitLink",
                  blocks.size(), archs.size());
  if (!options.full) how += "; --full takes every block and architecture";
  if (!first_dirty.empty()) how += "; first: " + first_dirty;
  if (!first_error.empty()) how += "; first error: " + first_error;
  return {{kArea,
           "kernels without spills and local memory",
           kAsked,
           fmt::format("{} of {} kernels, at most {} registers", clean, all.size(), most_registers),
           clean == all.size() ? Verdict::kOk : Verdict::kMissed,
           how,
           {{"clean", static_cast<double>(clean)},
            {"kernels", static_cast<double>(all.size())},
            {"most_registers", static_cast<double>(most_registers)}}}};
}

}  // namespace bsgen::bench
