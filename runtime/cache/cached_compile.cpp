#include "runtime/cache/cached_compile.h"

#include <chrono>
#include <sstream>

#include "compiler/codegen/generate.h"
#include "compiler/plan/choose.h"
#include "runtime/bundle/bundle_tier.h"
#include "runtime/cache/kernel_store.h"
#include "runtime/cache/prepare.h"

namespace bsgen::runtime {
namespace {

// Options and environment put together. The store is made first: it recalls the builds of the compilers, which the key needs.
struct Where {
  CacheOptions cache;
  CompileOptions options;
  std::optional<BundleTier> bundle{};
  std::optional<KernelStore> store{};
};

Status complete(Where& where) {
  BSGEN_ASSIGN(const Environment environment, Environment::read());
  if (where.cache.cuda_dir.empty()) where.cache.cuda_dir = environment.cuda_dir;
  if (where.options.template_dir.empty()) where.options.template_dir = environment.template_dir;
  if (where.cache.use_bundle) where.bundle.emplace(environment.bundle, environment.jit, where.cache.logger);
  StoreOptions store = store_options(environment, where.cache.directory);
  store.memory = false;
  store.disk = where.cache.enabled;
  store.logger = where.cache.logger;
  where.store.emplace(std::move(store));
  return {};
}

Expected<KernelStore::Result> image_of(const Prepared& prepared, Where& where) {
  return where.store->get(prepared.key, about(prepared.plan), [&] { return compile_image(prepared); });
}

std::string text_of(const plan::KernelPlan& plan) {
  std::ostringstream out;
  plan.dump(out);
  return out.str();
}

// The bundle's kernel of this very plan. Its source is written again, for whoever wants to read it.
Expected<std::optional<CompiledKernel>> from_bundle(const Layout& layout, const plan::KernelPlan& plan, Where& where, CompileReport* report) {
  BSGEN_ASSIGN(std::optional<BundledKernel> found, where.bundle->find(layout, plan.problem, where.options, plan.arch, BundleFit::kExact));
  if (!found) return std::optional<CompiledKernel>();
  found->plan.problem = plan.problem;  // the same problem, or it would not have been found; its epilogue may be spelled another way
  if (text_of(found->plan) != text_of(plan)) return std::optional<CompiledKernel>();
  plan::Schedule schedule = plan::make_schedule(plan, layout);
  BSGEN_ASSIGN(codegen::KernelSource source, codegen::generate(plan, schedule, layout, where.options));
  where.store->count_bundle_hit();
  if (report) *report = {KernelOrigin::kBundle, KernelKey(found->entry.key).hex()};
  return std::optional(CompiledKernel{plan, std::move(schedule), std::move(source), std::move(found->entry.image)});
}

Expected<CompiledKernel> compile_planned(const Layout& layout, plan::KernelPlan plan, Where& where, CompileReport* report) {
  Status may_compile;
  if (where.bundle) {
    BSGEN_ASSIGN(std::optional<CompiledKernel> found, from_bundle(layout, plan, where, report));
    if (found) return *std::move(found);
    may_compile = where.bundle->may_compile(layout, plan.problem, where.options, plan.arch, where.cache.mask);
  }
  auto prepared = prepare(layout, std::move(plan), where.options, where.cache.cuda_dir);
  if (!prepared && prepared.status().code() == ErrorCode::kMissing) BSGEN_TRY(may_compile);
  BSGEN_TRY(prepared);
  prepared->may_compile = std::move(may_compile);
  BSGEN_ASSIGN(const KernelStore::Result result, image_of(*prepared, where));
  const bool compiled = result.origin == KernelOrigin::kCompiled;
  if (report) {
    *report = {result.origin, prepared->key.hex(), prepared->plan_ms, prepared->codegen_ms};
    report->nvrtc_ms = compiled ? result.image->nvrtc_ms : 0;
    report->assemble_ms = compiled ? result.image->assemble_ms : 0;
  }
  return CompiledKernel{std::move(prepared->plan),   std::move(prepared->schedule),
                        std::move(prepared->source), *result.image,
                        prepared->plan_ms,           prepared->codegen_ms};
}

}  // namespace

Expected<CompiledKernel> cached_compile(const Layout& layout, const Problem& problem, const Arch& arch, const CompileOptions& options,
                                        const CacheOptions& cache, CompileReport* report) {
  Where where{cache, options};
  BSGEN_TRY(complete(where));
  const auto begin = std::chrono::steady_clock::now();
  BSGEN_TRY(problem.validate(layout, arch));
  BSGEN_ASSIGN(plan::KernelPlan plan, plan::choose(layout, problem, arch, where.options));
  const double choose_ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  auto compiled = compile_planned(layout, std::move(plan), where, report);
  if (!compiled) return compiled;
  compiled->plan_ms += choose_ms;
  if (report) report->plan_ms += choose_ms;
  return compiled;
}

Expected<CompiledKernel> cached_compile(const Layout& layout, const plan::KernelPlan& plan,
                                        const CacheOptions& cache, CompileReport* report) {
  Where where{cache, plan.options};
  BSGEN_TRY(complete(where));
  return compile_planned(layout, plan, where, report);
}

Expected<CachedEntry> cached_entry(const Layout& layout, const plan::KernelPlan& plan, const CacheOptions& cache) {
  Where where{cache, plan.options};
  BSGEN_TRY(complete(where));
  BSGEN_ASSIGN(const Prepared prepared, prepare(layout, plan, where.options, where.cache.cuda_dir));
  BSGEN_ASSIGN(const KernelStore::Result result, image_of(prepared, where));
  return CachedEntry{plan, {prepared.key.record, *result.image, about(plan)}, result.origin};
}

}  // namespace bsgen::runtime
