#include "runtime/cpu/cpu_device.h"

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "compiler/support/fork_fresh_mutex.h"
#include "compiler/support/fork_safe_mutex.h"
#include "runtime/cpu/library.h"
#include "runtime/cpu/thread_pool.h"
#include "runtime/launch/kernel_arguments.h"

namespace bsgen {
namespace cpu {
namespace {

class Native final : public CpuDevice {
 public:
  Native(const BsgenCpuApi& api, Machine machine, const CpuOptions& options)
      : api_(api), machine_(std::move(machine)), pool_(options.threads > 0 ? options.threads : available_threads()) {
    parallel_.threads = pool_.size();
    parallel_.run = options.parallel_for ? options.parallel_for : [this](int tasks, const CpuTask& task) { pool_.run(tasks, task); };
    info_.kind = "cpu";
    info_.name = options.instructions.empty() ? "cpu" : "cpu:" + options.instructions;
    info_.model = fmt::format("{}, {}, {} {}", machine_.cpu, name(machine_.isa), pool_.size(), pool_.size() == 1 ? "thread" : "threads");
    info_.num_sms = pool_.size();
  }

  const DeviceInfo& info() const override { return info_; }
  const Machine& machine() const override { return machine_; }

  Status copy_in(std::uint64_t destination, std::span<const std::byte> source) override {
    if (!source.empty()) std::memcpy(reinterpret_cast<void*>(destination), source.data(), source.size());
    return {};
  }
  Status copy_out(std::span<std::byte> destination, std::uint64_t source) override {
    if (!destination.empty()) std::memcpy(destination.data(), reinterpret_cast<const void*>(source), destination.size());
    return {};
  }
  Status synchronize(Stream) override { return {}; }
  std::string compiler() const override { return fmt::format("LLVM {}", api_.llvm_version); }

  Expected<std::shared_ptr<const DeviceFunction>> load(const KernelImage& image, std::uint32_t) override {
    return Status(ErrorCode::kUnsupported, fmt::format("cpu: {} is a GPU's kernel; --device sim executes it", image.entry));
  }

  Expected<std::string> compile(const CpuPlan& plan, BsgenCpuForm form) const override { return cpu::compile(api_, plan, form); }

  Expected<std::shared_ptr<const DeviceFunction>> function(const CpuPlan& plan, const Layout& layout, std::string_view object) override {
    auto made = std::make_shared<CpuFunction>();
    BSGEN_ASSIGN(made->code, code(plan, object));
    made->plan = plan;
    made->lists = make_lists(plan, layout);
    made->order = order_by_storage(plan, layout, made->lists, parallel_.threads);
    return std::shared_ptr<const DeviceFunction>(std::move(made));
  }

  Status launch(const DeviceFunction& function, const LaunchConfig&, std::span<const std::byte> parameters, Stream) override {
    const auto* ours = dynamic_cast<const CpuFunction*>(&function);
    if (!ours) return {ErrorCode::kInvalidArgument, "cpu: the function was loaded on another device"};
    runtime::KernelArguments arguments;
    std::memcpy(&arguments, parameters.data(), sizeof arguments);
    std::lock_guard lock(launch_mutex_);  // the threads do one launch at a time
    return cpu::launch(*ours, parameters.data(), arguments.tokens, parallel_, scratch_);
  }

 protected:
  Expected<std::uint64_t> allocate_memory(std::size_t bytes) override {
    void* memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
    if (!memory) return Status(ErrorCode::kDevice, fmt::format("cpu: no memory for {} bytes; use fewer tokens", bytes));
    return reinterpret_cast<std::uint64_t>(memory);
  }
  void free_memory(std::uint64_t address) override { std::free(reinterpret_cast<void*>(address)); }

 private:
  Expected<std::shared_ptr<const Code>> code(const CpuPlan& plan, std::string_view object) {
    std::lock_guard lock(code_mutex_);
    std::weak_ptr<const Code>& kept = codes_[plan.code_key()];
    if (auto found = kept.lock()) return found;
    std::string compiled;
    if (object.empty()) {
      BSGEN_ASSIGN(compiled, compile(plan, kBsgenCpuObject));
      object = compiled;
    }
    BSGEN_ASSIGN(auto loaded, Code::load(api_, object));
    kept = loaded;
    return loaded;
  }

  const BsgenCpuApi& api_;
  const Machine machine_;
  DeviceInfo info_;
  ThreadPool pool_;
  Parallel parallel_;
  Scratch scratch_;
  ForkFreshMutex launch_mutex_;
  ForkSafeMutex code_mutex_;
  std::map<std::string, std::weak_ptr<const Code>> codes_;  // by CpuPlan::code_key
};

}  // namespace
}  // namespace cpu

Expected<std::shared_ptr<Device>> open_cpu(const CpuOptions& options) {
  BSGEN_ASSIGN(const BsgenCpuApi* api, cpu::open_library());
  BSGEN_ASSIGN(cpu::Machine machine, cpu::host_machine(*api, options.instructions));
  return std::shared_ptr<Device>(std::make_shared<cpu::Native>(*api, std::move(machine), options));
}

}  // namespace bsgen
