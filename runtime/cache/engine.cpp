#include "bsgen/engine.h"

#include <fmt/format.h>

#include <cstdint>
#include <sstream>

#include "runtime/cache/kernel_store.h"
#include "runtime/cache/native.h"
#include "runtime/cache/prepare.h"
#include "runtime/launch/loaded_kernel.h"

namespace bsgen {

using namespace runtime;

std::string_view name(KernelOrigin origin) {
  switch (origin) {
    case KernelOrigin::kMemory:
      return "memory";
    case KernelOrigin::kDisk:
      return "disk";
    case KernelOrigin::kCompiled:
      return "compiled";
    case KernelOrigin::kBundle:
      return "bundle";
  }
  return "?";
}

struct Engine::Request::Data {
  std::shared_ptr<Device> device;
  Prepared prepared;
  Digest id;  // of the loaded kernel: code, plan, bound layout and device
  std::optional<Native> native = {};  // of a cpu device; `prepared` is then its key alone
};

namespace {

StoreOptions options_of_store(const EngineOptions& options, const Expected<Environment>& variables) {
  StoreOptions store = store_options(variables ? *variables : Environment{}, options.cache_dir);
  store.disk = options.disk_cache;
  store.read_only_directories.insert(store.read_only_directories.begin(), options.read_only_cache_dirs.begin(), options.read_only_cache_dirs.end());
  if (options.cache_bytes) store.disk_bytes = options.cache_bytes;
  store.memory_entries = options.memory_entries;
  store.logger = options.logger;
  return store;
}

}  // namespace

// Two tables: loaded kernels by request, and, inside the store, images by code; in tier table many
// of the former share one of the latter.
struct Engine::State {
  struct Loaded {
    Kernel kernel;
    KernelOrigin origin;
  };

  EngineOptions options;
  Status environment;  // what is wrong with the BSGEN_* variables
  std::string template_dir;
  BundleTier bundle;
  KernelStore store;
  MemoryCache<Kernel> kernels;
  SingleFlight<Digest, Loaded, DigestHash> flights;

  State(EngineOptions given, const Expected<Environment>& variables)
      : options(std::move(given)),
        environment(variables.status()),
        bundle(!options.bundle.empty() || !variables ? options.bundle : variables->bundle,
               options.jit.value_or(!variables || variables->jit), options.logger),
        store(options_of_store(options, variables)),
        kernels(options.memory_entries) {
    if (!variables) return;
    if (options.cuda_dir.empty()) options.cuda_dir = variables->cuda_dir;
    template_dir = variables->template_dir;
  }

  Expected<Loaded> load_native(const std::shared_ptr<Device>& device, const Native& native, const Digest& id) {
    BSGEN_ASSIGN(const KernelStore::Result result, store.get(native.key, about(native), [&] { return compile_image(native, *device); }));
    BSGEN_ASSIGN(Kernel kernel, load_kernel(device, native, *result.image));
    kernels.insert(id, std::make_shared<const Kernel>(kernel));
    return Loaded{std::move(kernel), result.origin};
  }

  Expected<Loaded> load(const Request::Data& request) {
    if (const auto kernel = kernels.find(request.id)) {  // landed while we took off
      store.count_memory_hit();
      return Loaded{*kernel, KernelOrigin::kMemory};
    }
    if (request.native) return load_native(request.device, *request.native, request.id);
    const Prepared& prepared = request.prepared;
    KernelStore::Result result{prepared.bundled, KernelOrigin::kBundle};
    if (prepared.bundled) {
      store.count_bundle_hit();
    } else {
      BSGEN_ASSIGN(
          result,
          store.get(prepared.key, about(prepared.plan), [&] { return compile_image(prepared); }));
    }
    BSGEN_ASSIGN(Kernel kernel,
                 load_kernel(request.device, prepared.plan, prepared.schedule, *result.image));
    kernels.insert(request.id, std::make_shared<const Kernel>(kernel));
    return Loaded{std::move(kernel), result.origin};
  }
};

namespace {

// The kernel of a request holds its device, so an address in the table belongs to one device for as
// long as it is there.
Digest request_id(const Prepared& prepared, const Device& device) {
  Record record;
  record.add("key", prepared.key.digest.view());
  record.add("layout", prepared.plan.layout_hash.hex());
  std::ostringstream plan;
  prepared.plan.dump(plan);
  record.add("plan", plan.str());
  record.add("device", fmt::format("{}", reinterpret_cast<std::uintptr_t>(&device)));
  return sha256(record.bytes());
}

}  // namespace

namespace {

Expected<Engine::Request> native_request(const Layout& layout, const Problem& problem, std::shared_ptr<Device> device, const CompileOptions& options) {
  BSGEN_ASSIGN(Native native, prepare_native(layout, problem, *device, options));
  Record record;
  record.add("key", native.key.digest.view());
  record.add("layout", layout.hash().hex());
  record.add("align", problem.align);
  record.add("device", fmt::format("{}", reinterpret_cast<std::uintptr_t>(device.get())));
  const Digest id = sha256(record.bytes());
  Prepared prepared{{}, {}, {}, {}, {}, native.key};
  return Engine::Request(std::make_shared<const Engine::Request::Data>(Engine::Request::Data{std::move(device), std::move(prepared), id, std::move(native)}));
}

}  // namespace

Engine::Engine(EngineOptions options)
    : state_(std::make_unique<State>(std::move(options), Environment::read())) {}
Engine::~Engine() = default;

Expected<Engine::Request> Engine::request(const Layout& layout, const Problem& problem,
                                          std::shared_ptr<Device> device,
                                          const CompileOptions& options, std::optional<Arch> arch) {
  BSGEN_TRY(state_->environment);
  if (!device)
    return Status(ErrorCode::kInvalidArgument,
                  "engine: the device is null; Device::open(\"auto\") opens one");
  if (device->info().kind == "cpu") return native_request(layout, problem, std::move(device), options);
  CompileOptions completed = options;
  if (completed.template_dir.empty()) completed.template_dir = state_->template_dir;
  BSGEN_ASSIGN(Prepared prepared, prepare(layout, problem, arch.value_or(device->info().arch),
                                          completed, state_->options.cuda_dir, &state_->bundle));
  const Digest id = request_id(prepared, *device);
  return Request(std::make_shared<const Request::Data>(
      Request::Data{std::move(device), std::move(prepared), id, std::nullopt}));
}

Expected<Kernel> Engine::kernel(const Request& request, CompileReport* report) {
  const Request::Data& data = request.data();
  KernelOrigin origin = KernelOrigin::kMemory;
  std::shared_ptr<const Kernel> kernel = state_->kernels.find(data.id);
  if (kernel) {
    state_->store.count_memory_hit();
  } else {
    BSGEN_ASSIGN(const State::Loaded loaded,
                 state_->flights.run(data.id, [&] { return state_->load(data); }));
    kernel = std::make_shared<const Kernel>(loaded.kernel);
    origin = loaded.origin;
  }
  if (report) {
    *report = {origin, data.prepared.key.hex(), data.prepared.plan_ms, data.prepared.codegen_ms};
    if (origin == KernelOrigin::kCompiled) {
      report->nvrtc_ms = kernel->image().nvrtc_ms;
      report->assemble_ms = kernel->image().assemble_ms;
    }
  }
  return *kernel;
}

Expected<Kernel> Engine::kernel(const Layout& layout, const Problem& problem,
                                std::shared_ptr<Device> device, const CompileOptions& options,
                                CompileReport* report) {
  BSGEN_ASSIGN(const Request planned, request(layout, problem, std::move(device), options));
  return kernel(planned, report);
}

CacheStats Engine::stats() const {
  return state_->store.stats();
}

}  // namespace bsgen
