// compile() with the cache in front of it: for whoever wants a kernel's image, and no device.
//
//   CompileReport report;
//   BSGEN_ASSIGN(CompiledKernel compiled, runtime::cached_compile(layout, problem, arch, options,
//   {.directory = dir}, &report));
#pragma once

#include "bsgen/compiler.h"
#include "bsgen/engine.h"
#include "runtime/cache/entry.h"

namespace bsgen::runtime {

struct CacheOptions {
  std::string directory =
      {};               // empty: BSGEN_CACHE_DIR, then $XDG_CACHE_HOME/bsgen, then ~/.cache/bsgen
  bool enabled = true;  // false: compile, and neither read nor write a cache
  std::string cuda_dir = {};  // empty: BSGEN_CUDA_DIR, then the usual places
  // BSGEN_BUNDLE is looked up first and BSGEN_JIT=off obeyed, unless this is false: for whoever makes bundles.
  bool use_bundle = true;
  std::string mask = {};      // MASK and its options as the caller wrote them, for the message of a miss with jit off; empty: spelled out
  Logger logger = {};         // warnings about the cache; empty: silent
};

// Plan, schedule and source are always made; the image comes from the cache or, the same bytes,
// from the compilers. In `report` the times of stages that did not run are 0. (image.nvrtc_ms and
// assemble_ms say what the image once took.)
Expected<CompiledKernel> cached_compile(const Layout& layout, const Problem& problem,
                                        const Arch& arch, const CompileOptions& options,
                                        const CacheOptions& cache, CompileReport* report = nullptr);
// The same from a plan that somebody kept, which must belong to the layout (plan::check_against).
Expected<CompiledKernel> cached_compile(const Layout& layout, const plan::KernelPlan& plan,
                                        const CacheOptions& cache, CompileReport* report = nullptr);

// The same for a bundle: the kernel as the cache keeps it, which is what the bundle will hold.
struct CachedEntry {
  plan::KernelPlan plan;
  Entry entry;
  KernelOrigin origin = KernelOrigin::kCompiled;
};
Expected<CachedEntry> cached_entry(const Layout& layout, const plan::KernelPlan& plan, const CacheOptions& cache);

}  // namespace bsgen::runtime
