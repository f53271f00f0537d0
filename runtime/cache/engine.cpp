#include "bsgen/engine.h"

#include <fmt/format.h>

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <sstream>

#include "runtime/cache/engine_state.h"

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

// Asked on a miss alone: a hit makes no driver call.
Status refuse_while_captured(const Engine::Request::Data& request, Stream stream) {
  BSGEN_ASSIGN(const std::uint64_t capture, request.device->capture_of(stream));
  if (capture == 0) return {};
  return {ErrorCode::kDevice,
          fmt::format("engine: {}: the stream is being captured and {} is not resident; prewarm it before the capture begins, or leave "
                      "Serving::stream out to load it meanwhile",
                      request.device->info().name, request.prepared.source.entry)};
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
  return Engine::Request(std::make_shared<const Engine::Request::Data>(
      Engine::Request::Data{layout, options, std::move(device), std::move(prepared), id, std::move(native)}));
}

}  // namespace

Engine::Engine(EngineOptions options) : state_(std::make_unique<State>(std::move(options), Environment::read())) {}
Engine::~Engine() = default;

Expected<Engine::Request> Engine::request(const Layout& layout, const Problem& problem, std::shared_ptr<Device> device,
                                          const CompileOptions& options, std::optional<Arch> arch) {
  BSGEN_TRY(state_->environment);
  if (!device) return Status(ErrorCode::kInvalidArgument, "engine: the device is null; Device::open(\"auto\") opens one");
  if (device->info().kind == "cpu") return native_request(layout, problem, std::move(device), options);
  CompileOptions completed = options;
  if (completed.template_dir.empty()) completed.template_dir = state_->template_dir;
  BSGEN_ASSIGN(Prepared prepared,
               prepare(layout, problem, arch.value_or(device->info().arch), completed, state_->options.cuda_dir, &state_->bundle));
  const Digest id = request_id(prepared, *device);
  return Request(std::make_shared<const Request::Data>(Request::Data{layout, completed, std::move(device), std::move(prepared), id, std::nullopt}));
}

Expected<Kernel> Engine::kernel(const Request& request, CompileReport* report) { return kernel(request, Serving{}, report); }

Expected<Kernel> Engine::kernel(const Request& request, const Serving& serving, CompileReport* report) {
  const Request::Data& data = request.data();
  const Prepared& prepared = data.prepared;
  if (report) *report = {KernelOrigin::kMemory, prepared.key.hex(), prepared.plan_ms, prepared.codegen_ms};
  if (auto kernel = state_->find(data.id)) return *std::move(kernel);
  if (serving.stream) BSGEN_TRY(refuse_while_captured(data, *serving.stream));
  if (serving.at_once && !data.native && !prepared.bundled && prepared.plan.tier != Tier::kTable) {
    CompileOptions of_class = data.options;
    of_class.tier = Tier::kTable;
    state_->get_in_background(request);
    // Some requests have no kernel of that tier; they wait like others.
    if (auto stand_in = find_or_make(data.layout, prepared.plan.problem, data.device, of_class, prepared.plan.arch, report)) return stand_in;
  }
  BSGEN_ASSIGN(State::Loaded loaded, state_->get(data));
  if (report) {
    *report = {loaded.origin, prepared.key.hex(), prepared.plan_ms, prepared.codegen_ms};
    if (loaded.origin == KernelOrigin::kCompiled) {
      report->nvrtc_ms = loaded.kernel.image().nvrtc_ms;
      report->assemble_ms = loaded.kernel.image().assemble_ms;
    }
  }
  return std::move(loaded.kernel);
}

Expected<Kernel> Engine::kernel(const Layout& layout, const Problem& problem, const std::shared_ptr<Device>& device,
                                const CompileOptions& options, CompileReport* report) {
  return find_or_make(layout, problem, device, options, device ? device->info().arch : Arch{}, report);
}

Expected<Kernel> Engine::find_or_make(const Layout& layout, const Problem& problem, const std::shared_ptr<Device>& device,
                                      const CompileOptions& options, const Arch& arch, CompileReport* report) {
  const bool fixed = device && options.template_dir.empty() && state_->template_dir.empty();
  const Hash128 hash = layout.hash();
  const RawRequestView raw{hash, problem, options, arch, device.get()};
  if (fixed)
    if (const auto planned = state_->planned.find(raw))
      if (auto kernel = state_->find(planned->id)) {
        if (report) *report = {KernelOrigin::kMemory, planned->key.hex()};
        return *std::move(kernel);
      }
  BSGEN_ASSIGN(const Request made, request(layout, problem, device, options, arch));
  BSGEN_ASSIGN(Kernel kernel, this->kernel(made, report));
  if (fixed) {
    const State::Planned planned{made.data().id, made.data().prepared.key.digest};
    state_->planned.insert(raw.copy(), decltype(state_->planned)::Handle::make(planned));
  }
  return kernel;
}

Status Engine::prewarm(std::span<const Request> requests) {
  std::mutex mutex;
  std::condition_variable all_done;
  std::size_t remaining = requests.size();
  Status first;
  for (const Request& request : requests)
    state_->workers.post([&, request] {
      const Status status = state_->find(request.data().id) ? Status() : state_->get(request.data(), true).status();
      const std::lock_guard lock(mutex);
      if (!status.ok() && first.ok()) first = status;
      if (--remaining == 0) all_done.notify_one();
    });
  std::unique_lock lock(mutex);
  all_done.wait(lock, [&] { return remaining == 0; });
  return first;
}

bool Engine::resident(const Request& request) const { return static_cast<bool>(state_->kernels.find(request.data().id)); }

CacheStats Engine::stats() const {
  return state_->store.stats();
}

}  // namespace bsgen
