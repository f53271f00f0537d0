// What an Engine is made of. Internal to runtime/cache.
#pragma once

#include <chrono>
#include <optional>
#include <unordered_map>

#include "bsgen/engine.h"
#include "runtime/bundle/bundle_tier.h"
#include "runtime/cache/kernel_store.h"
#include "runtime/cache/memory_cache.h"
#include "runtime/cache/native.h"
#include "runtime/cache/prepare.h"
#include "runtime/cache/raw_request.h"
#include "runtime/cache/single_flight.h"
#include "runtime/compile/compile_service.h"
#include "runtime/compile/workers.h"
#include "runtime/launch/loaded_kernel.h"

namespace bsgen {

struct Engine::Request::Data {
  Layout layout;
  CompileOptions options;
  std::shared_ptr<Device> device;
  runtime::Prepared prepared;
  runtime::Digest id;  // of the loaded kernel: code, plan, bound layout and device
  std::optional<runtime::Native> native;  // of a cpu device; `prepared` is then its key alone
};

// Three tables: what was planned by what was asked, loaded kernels by what was planned, and, inside the store, images by code; in tier
// table many kernels share one image.
struct Engine::State {
  struct Loaded {
    Kernel kernel;
    KernelOrigin origin;
  };
  struct Planned {
    runtime::Digest id;   // Request::Data::id
    runtime::Digest key;  // of the code
  };

  State(EngineOptions given, const Expected<Environment>& variables);

  std::optional<Kernel> find(const runtime::Digest& id) {
    auto held = kernels.find(id);
    if (!held) return std::nullopt;
    store.count_memory_hit();
    return Kernel(held.release());
  }

  // From the store or the compilers onto the device, once however many threads ask. many: see CompileService.
  Expected<Loaded> get(const Request::Data& request, bool many = false) {
    return flights.run(request.id, [&] { return load(request, many); });
  }

  // Has a worker make it resident, if none does so already or failed to a moment ago.
  void get_in_background(const Request& request);

  EngineOptions options;
  Status environment;  // what is wrong with the BSGEN_* variables
  std::string template_dir;
  runtime::BundleTier bundle;
  runtime::KernelStore store;
  runtime::CompileService service;
  runtime::MemoryCache<runtime::RawRequest, Planned, runtime::RawRequestHash> planned;
  runtime::MemoryCache<runtime::Digest, runtime::LoadedKernel, runtime::DigestHash> kernels;

 private:
  Expected<Loaded> load(const Request::Data& request, bool many);
  Expected<Loaded> load_native(const Request::Data& request);
  Loaded keep(const runtime::Digest& id, Kernel kernel, const runtime::KernelStore::Result& result);

  struct Background {
    unsigned generation;  // of the process that has the thread
    std::optional<std::chrono::steady_clock::time_point> failed{};
  };
  runtime::SingleFlight<runtime::Digest, Loaded, runtime::DigestHash> flights;
  ForkSafeMutex background_mutex;
  std::unordered_map<runtime::Digest, Background, runtime::DigestHash> background;

 public:
  runtime::Workers workers;  // last, so that they end first
};

}  // namespace bsgen
