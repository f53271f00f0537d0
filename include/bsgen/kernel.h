// KernelImage: what the compilers made. Kernel: an image loaded on a device, launchable.
//
//   auto kernel = engine.kernel(layout, problem, device);       // Expected<Kernel>
//   bsgen::LaunchArguments a{.tokens = m};
//   a.x = {x, bsgen::DType::kBf16, 1, m, k, ldx};  a.w = {w, ...};  a.y = {y, ...};
//   bsgen::Status s = kernel->launch(a, stream);                 // one driver call: no allocation, no synchronisation
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <map>
#include <memory>
#include <string>
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
using Stream = void*;

namespace runtime {
struct LoadedKernel;  // runtime/launch: plan facts, function handle, bound table
}

// Copyable handle; keeps the module and the bound schedule alive. Launch from any thread.
class Kernel {
 public:
  explicit Kernel(std::shared_ptr<const runtime::LoadedKernel> loaded) : loaded_(std::move(loaded)) {}

  std::size_t workspace_bytes(std::int64_t tokens) const;
  // Checks shapes, dtypes, alignment and device of every argument, then calls the driver once.
  Status launch(const LaunchArguments& arguments, Stream stream = nullptr) const;

  const KernelImage& image() const;
  const runtime::LoadedKernel& loaded() const { return *loaded_; }

 private:
  std::shared_ptr<const runtime::LoadedKernel> loaded_;
};

}  // namespace bsgen
