#include "runtime/cache/native.h"

#include <chrono>

#include "runtime/cpu/cpu_device.h"
#include "runtime/launch/loaded_kernel.h"

namespace bsgen::runtime {
namespace {

// Raised when the code of an unchanged plan changes, which the version of bsgen between two releases does not tell.
constexpr int kEmitterVersion = 7;

KernelKey key_of(const cpu::CpuPlan& plan, const std::string& compiler) {
  Record record;
  record.add("schema", kKeySchema);
  record.add("bsgen", BSGEN_VERSION);
  record.add("emitter", kEmitterVersion);
  record.add("compiler", compiler);
  record.add("cpu plan", plan.code_key());
  return KernelKey(std::move(record));
}

}  // namespace

Expected<Native> prepare_native(const Layout& layout, const Problem& problem, const Device& device, const CompileOptions& options) {
  BSGEN_ASSIGN(cpu::CpuPlan plan, plan_for_cpu(device, layout, problem, options));
  KernelKey key = key_of(plan, dynamic_cast<const cpu::CpuDevice&>(device).compiler());
  return Native{layout, problem, options, std::move(plan), std::move(key)};
}

Expected<KernelImage> compile_image(const Native& native, const Device& device) {
  const auto start = std::chrono::steady_clock::now();
  BSGEN_ASSIGN(const std::string object, dynamic_cast<const cpu::CpuDevice&>(device).compile(native.plan, kBsgenCpuObject));
  KernelImage image;
  image.entry = "bsgen_cpu_main";
  const auto bytes = std::as_bytes(std::span(object));
  image.cubin.assign(bytes.begin(), bytes.end());
  image.assemble_ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  return image;
}

Expected<Kernel> load_kernel(std::shared_ptr<Device> device, const Native& native, const KernelImage& image) {
  return load_cpu_kernel(std::move(device), native.layout, native.problem, native.options, image.cubin);
}

Record about(const Native& native) {
  Record record;
  record.add("op", name(native.problem.op));
  record.add("dtype", name(native.problem.dtype));
  record.add("tier", name(Tier::kTable));
  record.add("block", to_string(native.plan.block));
  record.add("cpu", native.plan.machine.cpu);
  return record;
}

}  // namespace bsgen::runtime
