// A request taken up to its key: plan, schedule, source. What Engine and cached_compile share.
#pragma once

#include "bsgen/compiler.h"
#include "compiler/nvrtc/compile.h"
#include "runtime/bundle/bundle_tier.h"
#include "runtime/cache/kernel_key.h"

namespace bsgen::runtime {

struct Prepared {
  plan::KernelPlan plan;
  plan::Schedule schedule;
  codegen::KernelSource source;
  std::string cuda_dir;
  ToolchainIdentity toolchain;  // of its files: nothing is opened until something is compiled
  KernelKey key;
  double plan_ms = 0, codegen_ms = 0;
  // Of a bundle's kernel: nothing is left to compile, the key is that of whoever compiled it, and source is its entry's name alone.
  std::shared_ptr<const KernelImage> bundled = {};
  Status may_compile = {};  // with jit off the error that names the request
};

// bundle, if not null, is asked before anything is planned.
Expected<Prepared> prepare(const Layout& layout, const Problem& problem, const Arch& arch,
                           const CompileOptions& options, const std::string& cuda_dir,
                           BundleTier* bundle = nullptr);
// From a plan that somebody kept; plan_ms is the schedule's alone. options: the template folder,
// which no plan names.
Expected<Prepared> prepare(const Layout& layout, plan::KernelPlan plan,
                           const CompileOptions& options, const std::string& cuda_dir);

// The image of what was prepared, from the compilers.
Expected<KernelImage> compile_image(const Prepared& prepared);

// What `cache list` says of an entry: op, dtype, tier, layout.
Record about(const plan::KernelPlan& plan);

}  // namespace bsgen::runtime
