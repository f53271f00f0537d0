// A request to a cpu device, taken up to its key. The image of such a kernel is the object in `cubin`.
#pragma once

#include <memory>

#include "bsgen/device.h"
#include "bsgen/kernel.h"
#include "bsgen/options.h"
#include "runtime/cache/kernel_key.h"
#include "runtime/cpu/cpu_plan.h"

namespace bsgen::runtime {

struct Native {
  Layout layout;
  Problem problem;
  CompileOptions options;
  cpu::CpuPlan plan;
  KernelKey key;  // of the plan, which names the processor and its features, and of the compiler
};

Expected<Native> prepare_native(const Layout& layout, const Problem& problem, const Device& device, const CompileOptions& options);
Expected<KernelImage> compile_image(const Native& native, const Device& device);
Expected<Kernel> load_kernel(std::shared_ptr<Device> device, const Native& native, const KernelImage& image);
Record about(const Native& native);  // as about(KernelPlan)

}  // namespace bsgen::runtime
