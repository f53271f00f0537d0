// LoadedKernel: all that a launch needs, gathered once: plan facts, the device function and the bound schedule.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "bsgen/device.h"
#include "bsgen/kernel.h"
#include "compiler/plan/kernel_plan.h"
#include "compiler/plan/schedule.h"
#include "runtime/cpu/cpu_plan.h"
#include "runtime/launch/launch_checks.h"

namespace bsgen::runtime {

// Goes when its last Kernel does, which must be after the work that it launched, and the graphs that captured a launch.
struct LoadedKernel {
  plan::KernelPlan plan;
  KernelImage image;
  std::shared_ptr<Device> device;
  std::shared_ptr<const DeviceFunction> function;
  LaunchSpec spec;     // what launch checks arguments against
  DeviceBuffer table;  // tier table: the schedule; else empty
};

// Loads an image on a device and binds the schedule to it. The plan's architecture must fit the device.
Expected<Kernel> load_kernel(std::shared_ptr<Device> device, const plan::KernelPlan& plan, const plan::Schedule& schedule,
                             const KernelImage& image);

// The same on a cpu device, which plans, compiles and binds by itself.
// `object`: what compiling its plan came to, where somebody kept it.
Expected<Kernel> load_cpu_kernel(std::shared_ptr<Device> device, const Layout& layout, const Problem& problem,
                                 const CompileOptions& options = {}, std::span<const std::byte> object = {});
// Its plan, or why there is none. The device is a cpu device.
Expected<cpu::CpuPlan> plan_for_cpu(const Device& device, const Layout& layout, const Problem& problem, const CompileOptions& options);

}  // namespace bsgen::runtime
