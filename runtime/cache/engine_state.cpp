#include "runtime/cache/engine_state.h"

namespace bsgen {

using namespace runtime;

namespace {

// What did not compile in the background is not tried again at every call.
constexpr std::chrono::seconds kRetryAfter(30);
constexpr std::size_t kMostFailures = 4096;

EngineOptions completed(EngineOptions options, const Expected<Environment>& variables) {
  if (!variables) return options;
  if (options.cuda_dir.empty()) options.cuda_dir = variables->cuda_dir;
  return options;
}

StoreOptions options_of_store(const EngineOptions& options, const Expected<Environment>& variables) {
  StoreOptions store = store_options(variables ? *variables : Environment{}, options.cache_dir);
  store.disk = options.disk_cache;
  store.read_only_directories.insert(store.read_only_directories.begin(), options.read_only_cache_dirs.begin(), options.read_only_cache_dirs.end());
  if (options.cache_bytes) store.disk_bytes = options.cache_bytes;
  store.memory_entries = options.memory_entries;
  store.memory_bytes = options.memory_bytes;
  store.logger = options.logger;
  return store;
}

}  // namespace

Engine::State::State(EngineOptions given, const Expected<Environment>& variables)
    : options(completed(std::move(given), variables)),
      environment(variables.status()),
      template_dir(variables ? variables->template_dir : std::string()),
      bundle(!options.bundle.empty() || !variables ? options.bundle : variables->bundle, options.jit.value_or(!variables || variables->jit),
             options.logger),
      store(options_of_store(options, variables)),
      service(options),
      planned(options.memory_entries),
      kernels(options.memory_entries, options.memory_bytes),
      workers(service.num_workers()) {}

Expected<Engine::State::Loaded> Engine::State::load(const Request::Data& request, bool many) {
  if (auto held = kernels.find_settled(request.id)) {  // landed while we took off
    store.count_memory_hit();
    return Loaded{Kernel(held.release()), KernelOrigin::kMemory};
  }
  if (request.native) return load_native(request);
  const Prepared& prepared = request.prepared;
  KernelStore::Result result{prepared.bundled, KernelOrigin::kBundle};
  if (prepared.bundled) {
    store.count_bundle_hit();
  } else {
    BSGEN_ASSIGN(result, store.get(prepared.key, about(prepared.plan), [&]() -> Expected<KernelImage> {
      BSGEN_TRY(prepared.may_compile);
      return service.compile({prepared.source, prepared.plan.arch, prepared.cuda_dir, prepared.toolchain}, many);
    }));
  }
  BSGEN_ASSIGN(Kernel kernel, load_kernel(request.device, prepared.plan, prepared.schedule, result.image));
  return keep(request.id, std::move(kernel), result);
}

Expected<Engine::State::Loaded> Engine::State::load_native(const Request::Data& request) {
  const Native& native = *request.native;
  BSGEN_ASSIGN(const KernelStore::Result result, store.get(native.key, about(native), [&] { return compile_image(native, *request.device); }));
  BSGEN_ASSIGN(Kernel kernel, load_kernel(request.device, native, *result.image));
  return keep(request.id, std::move(kernel), result);
}

Engine::State::Loaded Engine::State::keep(const Digest& id, Kernel kernel, const KernelStore::Result& result) {
  const std::uint64_t bytes = result.image->ptx.size() + result.image->cubin.size() + kernel.loaded().table.bytes();
  kernels.insert(id, HeldKernel::adopt(Kernel(kernel).release()), bytes);
  return {std::move(kernel), result.origin};
}

void Engine::State::get_in_background(const Request& request) {
  const Digest& id = request.data().id;
  const auto now = std::chrono::steady_clock::now();
  {
    const std::lock_guard lock(background_mutex);
    if (const auto found = background.find(id); found != background.end()) {
      const Background& known = found->second;
      const bool running = !known.failed && known.generation == fork_generation();
      if (running || (known.failed && now - *known.failed < kRetryAfter)) return;
    }
    if (background.size() >= kMostFailures) std::erase_if(background, [](const auto& one) { return one.second.failed.has_value(); });
    background.insert_or_assign(id, Background{fork_generation()});
  }
  workers.post([this, request, id] {
    const auto loaded = get(request.data(), true);
    if (!loaded && options.logger)
      options.logger(LogLevel::kWarning, "engine: the kernel of tier table serves on: " + loaded.status().message());
    const std::lock_guard lock(background_mutex);
    if (loaded) background.erase(id);
    else background.insert_or_assign(id, Background{fork_generation(), std::chrono::steady_clock::now()});
  });
}

}  // namespace bsgen
