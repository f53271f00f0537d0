#include "bsgen/engine.h"

#include <vector>

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

Expected<Engine::Request> make_request(std::string_view function, bsgen_engine* engine, const bsgen_layout* layout, const bsgen_problem* problem,
                                       const bsgen_compile_options* options, bsgen_device* device) {
  BSGEN_TRY(require(engine, function, "engine"));
  BSGEN_TRY(require(layout, function, "layout"));
  BSGEN_TRY(require(device, function, "device"));
  BSGEN_ASSIGN(const Problem asked, read_problem(problem));
  BSGEN_ASSIGN(const Options how, read_options(options));
  return engine->value.request(layout->value, asked, device->value, how.compile, how.arch);
}

Expected<bsgen_kernel*> get_kernel(Engine& engine, const Engine::Request& request, const Serving& serving) {
  CompileReport report;
  BSGEN_ASSIGN(Kernel made, engine.kernel(request, serving, &report));
  std::string arch = made.image().arch.name();
  return new bsgen_kernel{std::move(made), report.origin, std::move(arch)};
}

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
    constexpr CompileIn kPlaces[] = {CompileIn::kAuto, CompileIn::kProcess, CompileIn::kHelper};
    BSGEN_ASSIGN(how.compile_in, choose(kPlaces, given.compile_in, "bsgen_compile_in"));
    if (given.compile_workers < 0 || !(given.compile_timeout_ms >= 0))
      return invalid("bsgen_engine_options: compile_workers is " + std::to_string(given.compile_workers) + " and compile_timeout_ms " +
                     std::to_string(given.compile_timeout_ms) + "; neither is negative");
    how.compile_workers = static_cast<unsigned>(given.compile_workers);
    how.compile_timeout_ms = given.compile_timeout_ms;
    how.helper = text(given.helper);
    if (given.memory_bytes != 0) how.memory_bytes = given.memory_bytes;
    how.cache_bytes = given.cache_bytes;
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

bsgen_status bsgen_engine_get_stats_json(const bsgen_engine* engine, bsgen_blob** json) {
  return guard([&]() -> Status {
    BSGEN_TRY(require(engine, "bsgen_engine_get_stats_json", "engine"));
    BSGEN_TRY(require(json, "bsgen_engine_get_stats_json", "json"));
    *json = new bsgen_blob{to_json(engine->value.stats())};
    return {};
  });
}

bsgen_status bsgen_engine_get_kernel(bsgen_engine* engine, const bsgen_layout* layout, const bsgen_problem* problem,
                                     const bsgen_compile_options* options, bsgen_device* device, bsgen_kernel** kernel) {
  return guard([&]() -> Status {
    BSGEN_TRY(require(engine, "bsgen_engine_get_kernel", "engine"));
    BSGEN_TRY(require(kernel, "bsgen_engine_get_kernel", "kernel"));
    BSGEN_ASSIGN(const Engine::Request request, make_request("bsgen_engine_get_kernel", engine, layout, problem, options, device));
    BSGEN_ASSIGN(*kernel, get_kernel(engine->value, request, {}));
    return {};
  });
}

bsgen_status bsgen_request_create(bsgen_engine* engine, const bsgen_layout* layout, const bsgen_problem* problem,
                                  const bsgen_compile_options* options, bsgen_device* device, bsgen_request** request) {
  return guard([&]() -> Status {
    BSGEN_TRY(require(request, "bsgen_request_create", "request"));
    BSGEN_ASSIGN(Engine::Request made, make_request("bsgen_request_create", engine, layout, problem, options, device));
    *request = new bsgen_request{std::move(made)};
    return {};
  });
}

void bsgen_request_release(bsgen_request* request) { delete request; }

bsgen_status bsgen_request_get_kernel(bsgen_engine* engine, const bsgen_request* request, const bsgen_serving* serving, bsgen_kernel** kernel) {
  return guard([&]() -> Status {
    BSGEN_TRY(require(engine, "bsgen_request_get_kernel", "engine"));
    BSGEN_TRY(require(request, "bsgen_request_get_kernel", "request"));
    BSGEN_TRY(require(kernel, "bsgen_request_get_kernel", "kernel"));
    BSGEN_ASSIGN(const bsgen_serving given, read_struct(serving, "bsgen_serving"));
    Serving how;
    how.at_once = given.at_once != 0;
    if (given.has_stream) how.stream = given.stream;
    BSGEN_ASSIGN(*kernel, get_kernel(engine->value, request->value, how));
    return {};
  });
}

bsgen_status bsgen_engine_prewarm(bsgen_engine* engine, const bsgen_request* const* requests, std::size_t num_requests) {
  return guard([&]() -> Status {
    BSGEN_TRY(require(engine, "bsgen_engine_prewarm", "engine"));
    if (num_requests > 0) BSGEN_TRY(require(requests, "bsgen_engine_prewarm", "requests"));
    std::vector<Engine::Request> all;
    for (std::size_t i = 0; i < num_requests; ++i) {
      BSGEN_TRY(require(requests[i], "bsgen_engine_prewarm", "requests[" + std::to_string(i) + "]"));
      all.push_back(requests[i]->value);
    }
    return engine->value.prewarm(all);
  });
}

std::int32_t bsgen_request_is_resident(const bsgen_engine* engine, const bsgen_request* request) {
  return engine && request && engine->value.resident(request->value);
}

}  // extern "C"
