#include "runtime/cache/cached_compile.h"

#include "runtime/cache/kernel_store.h"
#include "runtime/cache/prepare.h"

namespace bsgen::runtime {
namespace {

// What was left open in the options, filled in from the environment.
Status complete(CacheOptions& cache, CompileOptions& options) {
  BSGEN_ASSIGN(const Environment environment, Environment::read());
  if (cache.directory.empty()) cache.directory = environment.cache_dir;
  if (cache.cuda_dir.empty()) cache.cuda_dir = environment.cuda_dir;
  if (options.template_dir.empty()) options.template_dir = environment.template_dir;
  return {};
}

Expected<CompiledKernel> finish(Prepared prepared, const CacheOptions& cache,
                                CompileReport* report) {
  KernelStore store({.memory = false,
                     .disk = cache.enabled,
                     .directory = cache_directory(cache.directory),
                     .logger = cache.logger});
  BSGEN_ASSIGN(const KernelStore::Result result, store.get(prepared.key, about(prepared.plan), [&] {
    return compile_image(prepared);
  }));
  const bool compiled = result.origin == KernelOrigin::kCompiled;
  if (report) {
    *report = {result.origin, prepared.key.hex(), prepared.plan_ms, prepared.codegen_ms};
    report->nvrtc_ms = compiled ? result.image->nvrtc_ms : 0;
    report->assemble_ms = compiled ? result.image->assemble_ms : 0;
  }
  return CompiledKernel{std::move(prepared.plan),   std::move(prepared.schedule),
                        std::move(prepared.source), *result.image,
                        prepared.plan_ms,           prepared.codegen_ms};
}

}  // namespace

Expected<CompiledKernel> cached_compile(const Layout& layout, const Problem& problem,
                                        const Arch& arch, const CompileOptions& options,
                                        const CacheOptions& cache, CompileReport* report) {
  CacheOptions where = cache;
  CompileOptions how = options;
  BSGEN_TRY(complete(where, how));
  BSGEN_ASSIGN(Prepared prepared, prepare(layout, problem, arch, how, where.cuda_dir));
  return finish(std::move(prepared), where, report);
}

Expected<CompiledKernel> cached_compile(const Layout& layout, const plan::KernelPlan& plan,
                                        const CacheOptions& cache, CompileReport* report) {
  CacheOptions where = cache;
  CompileOptions how = plan.options;
  BSGEN_TRY(complete(where, how));
  BSGEN_ASSIGN(Prepared prepared, prepare(layout, plan, how, where.cuda_dir));
  return finish(std::move(prepared), where, report);
}

}  // namespace bsgen::runtime
