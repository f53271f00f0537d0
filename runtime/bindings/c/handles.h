// What stands behind the opaque handles of the C ABI.
#pragma once

#include <memory>
#include <string>

#include "bsgen/c/bsgen.h"
#include "bsgen/device.h"
#include "bsgen/engine.h"
#include "bsgen/kernel.h"
#include "bsgen/layout.h"
#include "bsgen/problem.h"
#include "runtime/bindings/c/support.h"

struct bsgen_layout {
  bsgen::Layout value;
};
struct bsgen_blob {
  std::string bytes;
};
struct bsgen_device {
  std::shared_ptr<bsgen::Device> value;
  std::string arch;
};
struct bsgen_buffer {
  std::shared_ptr<bsgen::Device> device;
  bsgen::DeviceBuffer value;
};
struct bsgen_engine {
  bsgen::Engine value;
};
struct bsgen_request {
  bsgen::Engine::Request value;
};
struct bsgen_kernel {
  bsgen::Kernel value;
  bsgen::KernelOrigin origin;
  std::string arch;
};

namespace bsgen::c {

Expected<Problem> read_problem(const bsgen_problem* given);

struct Options {
  CompileOptions compile;
  std::optional<Arch> arch;
};
Expected<Options> read_options(const bsgen_compile_options* given);

}  // namespace bsgen::c
