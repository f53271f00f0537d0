// KernelImage: what the compilers made. Kernel: an image loaded on a device, launchable.
//
//   auto kernel = engine.kernel(layout, problem, device);       // Expected<Kernel>
//   bsgen::LaunchArguments a{.tokens = m};
//   a.x = {x, bsgen::DType::kBf16, 1, m, k, ldx};  a.w = {w, ...};  a.y = {y, ...};
//   bsgen::Status s = kernel->launch(a, stream);                 // no allocation, no synchronisation
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bsgen/dtype.h"
#include "bsgen/problem.h"
#include "bsgen/status.h"
#include "bsgen/tensor.h"

namespace bsgen {

// What the assembler reported; all in bytes but `registers` (per thread).
struct ResourceReport {
  int registers = 0;
  int shared_bytes = 0;  // static; dynamic shared memory stands in the plan
  int spill_bytes = 0;   // stores plus loads
  int local_bytes = 0;
  int code_bytes = 0;
  bool operator==(const ResourceReport&) const = default;
};

// One compiled kernel: PTX that `sim` executes and the cubin assembled from that very PTX. Immutable.
struct KernelImage {
  Arch arch;
  std::string entry;                  // the extern "C" name
  std::string ptx;                    // no trailing NUL
  std::vector<std::byte> cubin;       // empty where nvJitLink is missing: the driver assembles the PTX. Of a cpu device: the object, and no PTX
  ResourceReport resources;           // zeros where nothing was assembled
  double nvrtc_ms = 0, assemble_ms = 0;

  Status verify() const;              // names its entry, holds PTX, the cubin (if any) is an ELF for CUDA
  void dump(std::ostream& out) const;
  bool operator==(const KernelImage&) const = default;
};

// What one launch is given. Operands by role: fprop reads x, w and writes y; bprop reads y (dY), w and writes x (dX);
// update reads x, y (dY) and writes w (dW). w is the values: heads x blocks in BSR order, whole blocks, so rows = blocks of
// all heads and cols = elements of a block, leading dimension = elements of a block.
struct LaunchArguments {
  std::int64_t tokens = 0;  // M
  TensorView x{}, w{}, y{};
  // What the epilogue names: scalars by value, vectors and matrices as tensors.
  std::map<std::string, float> scalars{};
  std::map<std::string, TensorView> tensors{};
  void* workspace = nullptr;  // at least workspace_bytes(tokens); nullptr when that is 0
};

// A CUstream as a void*. nullptr is a stream of the device's own, in order with the legacy default stream in both directions; 1 and
// 2 are the driver's legacy and per-thread streams of the caller's current context. The simulated device has one stream and ignores it.
// Before a stream that was launched on is destroyed, tell the device: Device::forget.
using Stream = void*;

namespace runtime {
struct Digest;
struct LoadedKernel;  // runtime/launch: plan facts, function handle, bound table
template <class Key, class Value>
struct Cell;
}

// Copyable handle; keeps the module and the bound schedule alive. Launch from any thread. Copying writes to memory of the calling thread
// alone, so threads that share a kernel do not slow one another down. One that was moved from may only be assigned to or destroyed.
class Kernel {
 public:
  using Cell = runtime::Cell<runtime::Digest, runtime::LoadedKernel>;
  explicit Kernel(Cell* counted) : cell_(counted) {}
  Kernel(const Kernel& other);
  Kernel(Kernel&& other) noexcept : cell_(std::exchange(other.cell_, nullptr)) {}
  Kernel& operator=(Kernel other) noexcept {
    std::swap(cell_, other.cell_);
    return *this;
  }
  ~Kernel() {
    if (cell_) leave();
  }

  std::size_t workspace_bytes(std::int64_t tokens) const;
  // Checks shapes, dtypes, alignment and device of every argument, then launches: one driver call, and on a stream of the caller's one
  // before it, whether the stream is being captured. A graph that captures the launch keeps the kernel. The kernel may be let go at
  // any time: what it has on the device stays until the launch has run.
  Status launch(const LaunchArguments& arguments, Stream stream = nullptr) const;

  const KernelImage& image() const;
  const runtime::LoadedKernel& loaded() const;
  Cell* release() { return std::exchange(cell_, nullptr); }  // still counted: for who keeps it by other means

 private:
  void leave();

  Cell* cell_;
};

}  // namespace bsgen
