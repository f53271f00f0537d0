// Device::open: the one place that knows every kind of device.
#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "bsgen/cpu.h"
#include "bsgen/device.h"
#include "runtime/driver/cuda_device.h"
#include "runtime/sim/sim_device.h"

namespace bsgen {
namespace {

constexpr const char* kNames = "auto, sim, sim:sm_NN, cpu, cpu:avx512, cpu:avx2, cpu:portable, cuda, cuda:N";

Expected<std::shared_ptr<Device>> open_sim(const Arch& arch) {
  return std::shared_ptr<Device>(sim::SimDevice::create({.arch = arch}));
}

// "auto": the first GPU, else native code, else (libbsgen-cpu was not built or is not here) the simulated device. What is missing is passed
// over; a device that is there but fails is something the caller should hear of.
Expected<std::shared_ptr<Device>> open_first() {
  auto gpu = cuda::open_cuda(0);
  if (gpu.ok() || gpu.status().code() != ErrorCode::kMissing) return gpu;
  auto cpu = open_cpu();
  if (cpu.ok() || cpu.status().code() != ErrorCode::kMissing) return cpu;
  return open_sim(Arch{});
}

std::optional<int> parse_ordinal(std::string_view text) {
  int ordinal = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ordinal);
  if (error != std::errc() || end != text.data() + text.size() || text.empty() || ordinal < 0) return std::nullopt;
  return ordinal;
}

}  // namespace

Expected<std::shared_ptr<Device>> Device::open(std::string_view name) {
  if (name == "auto") return open_first();
  if (name == "sim") return open_sim(Arch{});
  if (name.substr(0, 4) == "sim:") {
    BSGEN_ASSIGN(const Arch arch, Arch::parse(name.substr(4)));
    return open_sim(arch);
  }
  if (name == "cpu") return open_cpu();
  if (name.substr(0, 4) == "cpu:") return open_cpu({.threads = 0, .parallel_for = {}, .instructions = std::string(name.substr(4))});
  if (name == "cuda") return cuda::open_cuda(0);
  if (name.substr(0, 5) == "cuda:")
    if (const auto ordinal = parse_ordinal(name.substr(5))) return cuda::open_cuda(*ordinal);
  return Status(ErrorCode::kInvalidArgument, fmt::format("device: \"{}\" is none of {}", name, kNames));
}

Expected<std::shared_ptr<Device>> Device::of_context(void* context) { return cuda::open_context(static_cast<cuda::CUcontext>(context)); }

}  // namespace bsgen
