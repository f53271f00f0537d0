// Device: where kernels run. One interface, three implementations: cuda:N, sim and cpu.
//
//   auto device = bsgen::Device::open("auto");   // first GPU; with none, this processor
//   auto x = (*device)->allocate(bytes);          // Expected<DeviceBuffer>, freed with its last owner
//
// Every function may be called from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "bsgen/dtype.h"
#include "bsgen/kernel.h"
#include "bsgen/status.h"
#include "bsgen/tensor_map.h"

namespace bsgen {

struct DeviceInfo {
  std::string kind;        // "cuda", "sim", "cpu"
  std::string name;        // "cuda:0", "sim"
  std::string model;       // "NVIDIA H200"; "simulated sm_80"
  Arch arch;               // of the hardware, with the suffix it supports; of the model on sim
  int ordinal = -1;        // of a GPU
  int num_sms = 0;
  std::string note;        // "model unconfirmed" where no recording backs the arithmetic
};

class Device;

// Owned device memory. Keeps its device alive.
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  DeviceBuffer(std::shared_ptr<Device> device, std::uint64_t address, std::size_t bytes);
  std::uint64_t address() const { return memory_ ? memory_->address : 0; }
  std::size_t bytes() const { return memory_ ? memory_->bytes : 0; }

 private:
  struct Memory {
    std::shared_ptr<Device> device;
    std::uint64_t address;
    std::size_t bytes;
    ~Memory();
  };
  std::shared_ptr<const Memory> memory_;
};

// A function of a loaded module. The implementation derives from it.
class DeviceFunction {
 public:
  virtual ~DeviceFunction() = default;
};

struct LaunchConfig {
  std::uint32_t grid_x = 1, grid_y = 1, grid_z = 1;
  std::uint32_t threads = 128;        // one-dimensional ctas
  std::uint32_t shared_bytes = 0;     // dynamic
  std::uint32_t cluster_x = 1, cluster_y = 1, cluster_z = 1;  // ctas of a cluster (sm_90); 1 x 1 x 1 leaves it to the kernel
};

class Device : public std::enable_shared_from_this<Device> {
 public:
  // "auto" (the first GPU, else cpu, else sim), "sim", "sim:sm_90" (the architecture to model), "cpu", "cpu:avx2",
  // "cpu:portable" (code for lesser machines; include/bsgen/cpu.h has more options), "cuda", "cuda:N".
  static Expected<std::shared_ptr<Device>> open(std::string_view name);
  // The device behind a CUcontext that the caller made (null: the current one), which must outlive the device and all that is of it.
  // Where open("cuda:N") works in the GPU's primary context, this one does in that context: its streams are the ones to launch on.
  static Expected<std::shared_ptr<Device>> of_context(void* context);

  virtual ~Device() = default;
  virtual const DeviceInfo& info() const = 0;

  Expected<DeviceBuffer> allocate(std::size_t bytes);
  virtual Status copy_in(std::uint64_t destination, std::span<const std::byte> source) = 0;
  virtual Status copy_out(std::span<std::byte> destination, std::uint64_t source) = 0;

  // Loads the cubin (or the PTX, where there is none or the device wants it) and finds `image.entry`. dynamic_shared_bytes is
  // the most that launches will ask for; above 48 KiB the function is opted in here, so that launch does nothing but launch.
  virtual Expected<std::shared_ptr<const DeviceFunction>> load(const KernelImage& image, std::uint32_t dynamic_shared_bytes) = 0;

  // Queues the kernel; `parameters` is the kernel's single by-value parameter. One driver call, and on a stream of the caller's
  // one more, which asks whether the stream records.
  // Memory and functions that are let go are given back when the work that was launched before has ended.
  virtual Status launch(const DeviceFunction& function, const LaunchConfig& config, std::span<const std::byte> parameters,
                        Stream stream) = 0;
  virtual Status synchronize(Stream stream = nullptr) = 0;

  // The number of the capture that `stream` records, 0 where it records none. One driver call for a stream of the caller's.
  virtual Expected<std::uint64_t> capture_of(Stream) { return std::uint64_t{0}; }
  // The graph that `stream` records holds `resources` until it, and all that was made from it, is destroyed and has run.
  virtual Status keep_with_graph(Stream, std::shared_ptr<const void>) { return {}; }
  // Call before you destroy a stream that was launched on: the device asks every such stream when it gives memory or code back. What it was
  // given may still be running and keeps its code until it has.
  virtual void forget(Stream) {}

  // Checks the configuration, then makes this device's form of it; kUnsupported before sm_90.
  Expected<TensorMap> encode_tensor_map(const TensorMapConfig& config);

 protected:
  friend class DeviceBuffer;
  virtual Expected<std::uint64_t> allocate_memory(std::size_t bytes) = 0;  // 256-byte aligned, contents undefined
  virtual void free_memory(std::uint64_t address) = 0;
  virtual Expected<TensorMap> encode_verified(const TensorMapConfig&) {
    return Status(ErrorCode::kUnsupported, "tensor map: " + info().name + " has no tensor maps");
  }
};

}  // namespace bsgen
