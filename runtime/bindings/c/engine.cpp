#include "bsgen/engine.h"

#include "runtime/bindings/c/handles.h"

using namespace bsgen;
using namespace bsgen::c;

namespace {

Expected<bool> is_on(bsgen_switch given, bool standard) {
  const bool values[] = {standard, true, false};
  return choose(values, given, "bsgen_switch");
}

Logger logger(void (*log)(void*, bsgen_log_level, const char*), void* user) {
  if (!log) return {};
  return [log, user](LogLevel level, std::string_view message) {
    log(user, static_cast<bsgen_log_level>(level), std::string(message).c_str());
  };
}
static_assert(static_cast<int>(LogLevel::kError) == BSGEN_LOG_ERROR && static_cast<int>(LogLevel::kDebug) == BSGEN_LOG_DEBUG);

}  // namespace

extern "C" {

bsgen_status bsgen_engine_create(const bsgen_engine_options* options, bsgen_engine** engine) {
  return guard([&]() -> Status {
    BSGEN_TRY(require(engine, "bsgen_engine_create", "engine"));
    BSGEN_ASSIGN(const bsgen_engine_options given, read_struct(options, "bsgen_engine_options"));
    EngineOptions how;
    how.cache_dir = text(given.cache_dir);
    BSGEN_ASSIGN(how.disk_cache, is_on(given.disk_cache, true));
    how.cuda_dir = text(given.cuda_dir);
    if (given.memory_entries != 0) how.memory_entries = given.memory_entries;
    how.bundle = text(given.bundle);
    if (given.jit != BSGEN_SWITCH_DEFAULT) {
      BSGEN_ASSIGN(how.jit, is_on(given.jit, true));
    }
    how.logger = logger(given.log, given.log_user);
    *engine = new bsgen_engine{Engine(std::move(how))};
    return {};
  });
}

void bsgen_engine_release(bsgen_engine* engine) { delete engine; }

bsgen_status bsgen_engine_get_stats(const bsgen_engine* engine, bsgen_engine_stats* stats) {
  return guard([&]() -> Status {
    BSGEN_TRY(require(engine, "bsgen_engine_get_stats", "engine"));
    const CacheStats counted = engine->value.stats();
    bsgen_engine_stats facts{};
    facts.entries = counted.entries;
    facts.bytes = counted.bytes;
    facts.hits_memory = counted.hits_memory;
    facts.hits_disk = counted.hits_disk;
    facts.misses = counted.misses;
    facts.compiles = counted.compiles;
    facts.corrupt = counted.corrupt;
    facts.hits_bundle = counted.hits_bundle;
    return write_struct(stats, facts, "bsgen_engine_stats");
  });
}

bsgen_status bsgen_engine_get_kernel(bsgen_engine* engine, const bsgen_layout* layout, const bsgen_problem* problem,
                                     const bsgen_compile_options* options, bsgen_device* device, bsgen_kernel** kernel) {
  return guard([&]() -> Status {
    BSGEN_TRY(require(engine, "bsgen_engine_get_kernel", "engine"));
    BSGEN_TRY(require(layout, "bsgen_engine_get_kernel", "layout"));
    BSGEN_TRY(require(device, "bsgen_engine_get_kernel", "device"));
    BSGEN_TRY(require(kernel, "bsgen_engine_get_kernel", "kernel"));
    BSGEN_ASSIGN(const Problem asked, read_problem(problem));
    BSGEN_ASSIGN(const Options how, read_options(options));
    BSGEN_ASSIGN(const Engine::Request request, engine->value.request(layout->value, asked, device->value, how.compile, how.arch));
    CompileReport report;
    BSGEN_ASSIGN(Kernel made, engine->value.kernel(request, &report));
    std::string arch = made.image().arch.name();
    *kernel = new bsgen_kernel{std::move(made), report.origin, std::move(arch)};
    return {};
  });
}

}  // extern "C"
