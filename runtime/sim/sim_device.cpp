#include "runtime/sim/sim_device.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <mutex>
#include <new>

#include "compiler/support/fork_fresh_mutex.h"
#include "runtime/sim/exec/memory_map.h"
#include "runtime/sim/exec/tensor_map.h"
#include "runtime/sim/exec/warp_trace.h"
#include "runtime/sim/launch.h"
#include "runtime/sim/sim_function.h"

namespace bsgen::sim {
namespace {

Status bad(std::string message) { return Status(ErrorCode::kInvalidArgument, "sim: " + std::move(message)); }

class Simulated final : public SimDevice {
 public:
  explicit Simulated(SimOptions options) : options_(options), memory_(std::make_shared<MemoryMap>()) {
    info_.kind = "sim";
    info_.name = "sim";
    info_.model = "simulated " + options.arch.name();
    info_.arch = options.arch;
    info_.num_sms = 1;
    if (!tensor_core_model(options.arch).confirmed) info_.note = "model unconfirmed";
  }

  const DeviceInfo& info() const override { return info_; }
  Status copy_in(std::uint64_t destination, std::span<const std::byte> source) override;
  Status copy_out(std::span<std::byte> destination, std::uint64_t source) override;
  Expected<std::shared_ptr<const DeviceFunction>> load(const KernelImage& image, std::uint32_t dynamic_shared_bytes) override;
  Status launch(const DeviceFunction& function, const LaunchConfig& config, std::span<const std::byte> parameters, Stream stream) override;
  Status synchronize(Stream) override { return {}; }

  void set_schedule(const Schedule& schedule) override {
    std::lock_guard lock(launch_mutex_);
    options_.timing = schedule.timing;
    options_.seed = schedule.seed;
  }
  void set_instruction_budget(std::uint64_t warp_instructions) override {
    std::lock_guard lock(launch_mutex_);
    options_.instruction_budget = warp_instructions;
  }
  void set_trace(const std::optional<TraceRequest>& request) override {
    std::lock_guard lock(launch_mutex_);
    trace_ = request;
  }
  void name_memory(std::uint64_t address, const std::string& name) override {
    std::lock_guard lock(launch_mutex_);  // launches read names
    if (const auto allocation = memory_->find_containing(address, 0); allocation && allocation->base == address) allocation->name = name;
  }
  const LaunchReport& last_report() const override { return report_; }
  void mark_uninitialized(std::uint64_t address, std::size_t bytes) override {
    if (const auto allocation = memory_->find_containing(address, bytes)) allocation->set_valid(address - allocation->base, bytes, false);
  }

 protected:
  Expected<std::uint64_t> allocate_memory(std::size_t bytes) override {
    BSGEN_ASSIGN(const auto allocation, memory_->allocate(bytes, 256, true, ""));
    return allocation->base;
  }
  void free_memory(std::uint64_t address) override { memory_->free(address); }
  Expected<TensorMap> encode_verified(const TensorMapConfig& config) override { return encode(config); }

 private:
  SimOptions options_;
  DeviceInfo info_;
  std::shared_ptr<MemoryMap> memory_;
  GlobalShadow::Pool shadow_pages_;
  ForkFreshMutex launch_mutex_;  // one launch at a time, as on one stream
  std::optional<TraceRequest> trace_;
  LaunchReport report_;
};

Status Simulated::copy_in(std::uint64_t destination, std::span<const std::byte> source) {
  if (source.empty()) return {};
  const auto allocation = memory_->find_containing(destination, source.size());
  if (allocation == nullptr) return bad(fmt::format("copy of {} bytes to {}", source.size(), memory_->describe(destination)));
  std::memcpy(allocation->data.get() + (destination - allocation->base), source.data(), source.size());
  allocation->set_valid(destination - allocation->base, source.size(), true);
  return {};
}

Status Simulated::copy_out(std::span<std::byte> destination, std::uint64_t source) {
  if (destination.empty()) return {};
  const auto allocation = memory_->find_containing(source, destination.size());
  if (allocation == nullptr) return bad(fmt::format("copy of {} bytes from {}", destination.size(), memory_->describe(source)));
  std::memcpy(destination.data(), allocation->data.get() + (source - allocation->base), destination.size());
  return {};
}

Expected<std::shared_ptr<const DeviceFunction>> Simulated::load(const KernelImage& image, std::uint32_t dynamic_shared_bytes) {
  if (image.ptx.empty()) return bad("the image holds no ptx");
  BSGEN_ASSIGN(std::shared_ptr<const SimFunction> function, SimFunction::load(memory_, image.ptx, image.entry, options_.arch));
  const std::uint64_t shared = std::uint64_t{function->program.dynamic_shared_offset} + dynamic_shared_bytes;
  if (shared > static_cast<std::uint64_t>(options_.arch.max_shared_bytes()))
    return bad(fmt::format("{} needs {} bytes of shared memory per cta, {} allows {}", image.entry, shared, options_.arch.name(), options_.arch.max_shared_bytes()));
  function->max_dynamic_shared_bytes = dynamic_shared_bytes;
  return std::shared_ptr<const DeviceFunction>(function);
}

// Which ctas form a cluster: as the launch says, else as the kernel says.
Status set_cluster(const Program& program, const LaunchConfig& config, const Arch& arch, LaunchState& state) {
  const std::uint32_t asked[3] = {config.cluster_x, config.cluster_y, config.cluster_z}, grid[3] = {config.grid_x, config.grid_y, config.grid_z};
  const std::uint64_t size = std::uint64_t{asked[0]} * asked[1] * asked[2];
  const bool required = program.cluster[0] != 0;
  if (size == 1 && required)
    std::copy(std::begin(program.cluster), std::end(program.cluster), state.cluster);
  else
    std::copy(std::begin(asked), std::end(asked), state.cluster);
  if (required && !std::equal(std::begin(state.cluster), std::end(state.cluster), program.cluster))
    return bad(fmt::format("a cluster of {} x {} x {} ctas, {} requires {} x {} x {}", asked[0], asked[1], asked[2], program.entry, program.cluster[0], program.cluster[1], program.cluster[2]));
  const std::uint64_t ctas = state.cluster_ctas();
  if (ctas == 1) return {};
  if (arch.number < 90) return bad(fmt::format("a cluster of {} ctas, {} has no clusters; they need sm_90", ctas, arch.name()));
  if (ctas == 0 || ctas > 16) return bad(fmt::format("a cluster of {} ctas, 1 to 16 are possible", ctas));
  for (int i = 0; i < 3; ++i)
    if (grid[i] % state.cluster[i] != 0)
      return bad(fmt::format("a grid of {} x {} x {} ctas is not a multiple of the cluster of {} x {} x {}", grid[0], grid[1], grid[2], state.cluster[0], state.cluster[1], state.cluster[2]));
  return {};
}

// Memory that the kernel may write: where its parameters point.
void track_written(const Program& program, LaunchState& state) {
  std::vector<std::uint64_t> addresses;
  for (const std::uint32_t offset : program.written.parameters) {
    TensorMapConfig map;
    std::uint64_t word = 0;
    if (offset + sizeof word > state.parameters.size()) continue;
    std::memcpy(&word, state.parameters.data() + offset, sizeof word);
    addresses.push_back(word);
    if (offset + sizeof(TensorMap) <= state.parameters.size() && decode(state.parameters.data() + offset, map)) addresses.push_back(map.address);
  }
  for (const std::shared_ptr<Allocation>& allocation : state.memory) {
    // A pointer may stand a little beside what it is used for.
    const auto near = [&](std::uint64_t address) { return address + kGapBytes / 2 - allocation->base < allocation->bytes + kGapBytes; };
    const bool written = program.written.anything || (program.written.variables && allocation->is_variable) || std::any_of(addresses.begin(), addresses.end(), near);
    allocation->tracked = 0;
    if (!state.checks || !written || !allocation->writable || allocation->bytes == 0) continue;
    state.tracked.push_back(allocation.get());
    allocation->tracked = static_cast<std::uint32_t>(state.tracked.size());
  }
}

// How many clusters the largest GPU could hold at once, if nothing but threads and shared memory counted.
std::uint64_t resident_clusters(const LaunchState& state, const Arch& arch) {
  constexpr std::uint64_t kMultiprocessors = 192, kCtas = 32, kThreads = 2048, kReservedBytes = 1024;
  const auto shared = static_cast<std::uint64_t>(arch.max_shared_bytes_per_sm()) / (state.shared_bytes + kReservedBytes);
  return std::max<std::uint64_t>(1, kMultiprocessors * std::max<std::uint64_t>(1, std::min({kCtas, kThreads / state.config.threads, shared})) / state.cluster_ctas());
}

Status Simulated::launch(const DeviceFunction& function, const LaunchConfig& config, std::span<const std::byte> parameters, Stream) {
  std::lock_guard lock(launch_mutex_);
  report_ = LaunchReport();
  const auto* loaded = dynamic_cast<const SimFunction*>(&function);
  if (loaded == nullptr || loaded->memory != memory_) return bad("the function was not loaded on this device");
  const Program& program = loaded->program;
  const std::uint32_t max_threads = program.max_threads == 0 ? 1024 : program.max_threads;
  if (config.threads == 0 || config.threads > max_threads)
    return bad(fmt::format("{} threads per cta, {} allows 1 to {}", config.threads, program.entry, max_threads));
  if (config.grid_x == 0 || config.grid_y == 0 || config.grid_z == 0 || config.grid_x > 0x7fffffff || config.grid_y > 65535 || config.grid_z > 65535)
    return bad(fmt::format("a grid of {} x {} x {} ctas, 1 to 2147483647 x 65535 x 65535 are allowed", config.grid_x, config.grid_y, config.grid_z));
  if (config.shared_bytes > loaded->max_dynamic_shared_bytes)
    return bad(fmt::format("{} bytes of dynamic shared memory, {} was loaded for {}", config.shared_bytes, program.entry, loaded->max_dynamic_shared_bytes));
  LaunchState state;
  BSGEN_TRY(set_cluster(program, config, options_.arch, state));
  // A C++ struct of all parameters may end in padding.
  if (parameters.size() < program.parameter_bytes || parameters.size() - program.parameter_bytes >= 16)
    return bad(fmt::format("{} bytes of parameters, {} takes {}", parameters.size(), program.entry, program.parameter_bytes));

  const auto start = std::chrono::steady_clock::now();
  state.program = &program;
  state.memory_map = memory_.get();
  state.memory = memory_->snapshot();
  state.config = config;
  state.parameters.assign(parameters.begin(), parameters.begin() + program.parameter_bytes);
  state.schedule = {options_.timing, options_.seed};
  state.shared_bytes = config.shared_bytes > 0 ? program.dynamic_shared_offset + config.shared_bytes : program.static_shared_bytes;
  // Each warp of a large product's cta executes some 2^20 instructions; 2^26 take a second or two.
  constexpr std::uint64_t kBudgetPerWarp = std::uint64_t{1} << 26;
  const std::uint64_t num_warps = (config.threads + 31) / 32 * state.cluster_ctas();
  state.instruction_budget = options_.instruction_budget == 0 ? kBudgetPerWarp * num_warps : options_.instruction_budget;
  state.resident_clusters = resident_clusters(state, options_.arch);
  state.model = tensor_core_model(options_.arch);
  state.checks = options_.checks;
  state.shadow_pages = &shadow_pages_;
  track_written(program, state);
  try {
    std::optional<WarpTrace> trace;
    if (trace_) state.tracer = &trace.emplace(*trace_, state);
    report_ = run_launch(state, options_.num_threads, options_.max_diagnostics);
    if (trace) report_.trace = trace->take();
    report_.ctas = std::uint64_t{config.grid_x} * config.grid_y * config.grid_z;
    report_.threads = config.threads;
    report_.shared_bytes = state.shared_bytes;
  } catch (const std::bad_alloc&) {
    return Status(ErrorCode::kDevice, fmt::format("sim: no memory to run {} ({} threads per cta, {} bytes of local memory each)", program.entry, config.threads, program.local_bytes));
  }
  report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  for (const Diagnostic& diagnostic : report_.diagnostics)
    if (diagnostic.severity == Severity::kError) return Status(ErrorCode::kCheckFailed, diagnostic.message);
  return {};
}

}  // namespace

bool LaunchReport::failed() const {
  return std::any_of(diagnostics.begin(), diagnostics.end(), [](const Diagnostic& d) { return d.severity == Severity::kError; });
}

std::shared_ptr<SimDevice> SimDevice::create(SimOptions options) { return std::make_shared<Simulated>(options); }

}  // namespace bsgen::sim
