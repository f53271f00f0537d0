// LoadedKernel: all that a launch needs, gathered once: plan facts, the device function and the bound schedule.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "bsgen/device.h"
#include "bsgen/kernel.h"
#include "compiler/plan/kernel_plan.h"
#include "compiler/plan/schedule.h"
#include "runtime/cache/sha256.h"
#include "runtime/cpu/cpu_plan.h"
#include "runtime/launch/launch_checks.h"
#include "runtime/support/held.h"

namespace bsgen::runtime {

// Goes when its last Kernel does; a graph that captured a launch holds one. What it has on the device is given back when the work that
// was launched has ended.
struct LoadedKernel {
  plan::KernelPlan plan;
  std::shared_ptr<const KernelImage> image;
  std::shared_ptr<Device> device;
  std::shared_ptr<const DeviceFunction> function;
  LaunchSpec spec;     // what launch checks arguments against
  DeviceBuffer table;  // tier table: the schedule; else empty
  // The number of the capture that was last given a share of this kernel.
  std::unique_ptr<std::atomic<std::uint64_t>> last_capture = std::make_unique<std::atomic<std::uint64_t>>(0);
};

// What a Kernel holds; the key is the engine's, for its memory tier.
using HeldKernel = Held<Digest, LoadedKernel>;

// Loads an image on a device and binds the schedule to it. The plan's architecture must fit the device.
Expected<Kernel> load_kernel(std::shared_ptr<Device> device, const plan::KernelPlan& plan, const plan::Schedule& schedule,
                             std::shared_ptr<const KernelImage> image);
Expected<Kernel> load_kernel(std::shared_ptr<Device> device, const plan::KernelPlan& plan, const plan::Schedule& schedule,
                             const KernelImage& image);

// The same on a cpu device, which plans, compiles and binds by itself.
// `object`: what compiling its plan came to, where somebody kept it.
Expected<Kernel> load_cpu_kernel(std::shared_ptr<Device> device, const Layout& layout, const Problem& problem,
                                 const CompileOptions& options = {}, std::span<const std::byte> object = {});
// Its plan, or why there is none. The device is a cpu device.
Expected<cpu::CpuPlan> plan_for_cpu(const Device& device, const Layout& layout, const Problem& problem, const CompileOptions& options);

}  // namespace bsgen::runtime
