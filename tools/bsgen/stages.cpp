#include "tools/bsgen/stages.h"

#include <chrono>
#include <cstdio>

#include "compiler/codegen/generate.h"
#include "compiler/plan/choose.h"
#include "runtime/cache/cached_compile.h"

namespace bsgen::cli {
namespace {

double milliseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

}  // namespace

Expected<Planned> make_plan(const PlanRequest& request) {
  const auto start = std::chrono::steady_clock::now();
  analysis::LayoutProfile profile = analysis::profile(request.layout);
  if (request.plan) return Planned{std::move(profile), *request.plan, milliseconds_since(start)};
  BSGEN_ASSIGN(plan::KernelPlan plan, plan::choose(request.layout, profile, request.problem,
                                                   request.arch, request.options));
  return Planned{std::move(profile), std::move(plan), milliseconds_since(start)};
}

Expected<Sourced> make_source(const PlanRequest& request, const plan::KernelPlan& plan) {
  const auto start = std::chrono::steady_clock::now();
  plan::Schedule schedule = plan::make_schedule(plan, request.layout);
  BSGEN_ASSIGN(codegen::KernelSource source,
               codegen::generate(plan, schedule, request.layout, request.options));
  return Sourced{std::move(schedule), std::move(source), milliseconds_since(start)};
}

Expected<Imaged> make_image(const PlanArguments& arguments, const PlanRequest& request,
                            const Planned& planned) {
  runtime::CacheOptions cache;
  cache.directory = arguments.cache_dir;
  cache.enabled = !arguments.no_cache;
  cache.cuda_dir = environment().cuda_dir;
  cache.logger = standard_error_logger();
  cache.mask = mask_words(arguments);
  Imaged imaged;
  BSGEN_ASSIGN(CompiledKernel compiled,
               runtime::cached_compile(request.layout, planned.plan, cache, &imaged.report));
  imaged.report.plan_ms = planned.plan_ms;  // choosing was done here
  imaged.sourced = {std::move(compiled.schedule), std::move(compiled.source), compiled.codegen_ms};
  imaged.image = std::move(compiled.image);
  return imaged;
}

Logger standard_error_logger() {
  return [](LogLevel level, std::string_view message) {
    if (level > environment().log) return;
    std::fprintf(stderr, "bsgen: %s%.*s\n", level == LogLevel::kWarning ? "warning: " : "",
                 static_cast<int>(message.size()), message.data());
  };
}

}  // namespace bsgen::cli
