// Kernels of small layouts on a recording device, and arguments that fit them.
#pragma once

#include "bsgen/device.h"
#include "bsgen/kernel.h"
#include "bsgen/layout.h"
#include "compiler/plan/choose.h"
#include "compiler/plan/schedule.h"
#include "runtime/launch/loaded_kernel.h"
#include "tests/support/catch.h"
#include "tests/unit/launch/recording_device.h"

namespace bsgen {

inline constexpr std::uint64_t kX = 0x100000, kW = 0x200000, kY = 0x300000;

// 4 x 8 blocks of 16 x 16, 20 of them present: K = 64, N = 128.
inline Layout example_layout() {
  std::vector<std::uint8_t> bits(32);
  for (std::size_t i = 0; i < 20; ++i) bits[i * 11 % 32] = 1;
  return *Layout::from_bits(bits, 4, 8, {16, 16});
}

// The same on two heads.
inline Layout example_stack() {
  std::vector<std::uint8_t> bits(64);
  for (std::size_t i = 0; i < 40; ++i) bits[i * 11 % 64] = 1;
  return *Layout::from_bits(bits, 4, 8, {16, 16}, 2);
}

struct Loaded {
  std::shared_ptr<RecordingDevice> device;
  plan::KernelPlan plan;
  std::vector<std::byte> table;
  Kernel kernel;
};

inline Loaded load(const Layout& layout, const Problem& problem, std::shared_ptr<RecordingDevice> device = std::make_shared<RecordingDevice>(),
                   Tier tier = Tier::kTable) {
  CompileOptions options;
  options.tier = tier;
  auto plan = plan::choose(layout, problem, Arch{}, options);
  INFO(plan.status().message());
  REQUIRE(plan.ok());
  const plan::Schedule schedule = plan::make_schedule(*plan, layout);
  KernelImage image;
  image.entry = plan->entry();
  auto kernel = runtime::load_kernel(device, *plan, schedule, image);
  INFO(kernel.status().message());
  REQUIRE(kernel.ok());
  return {device, *plan, schedule.table(), *kernel};
}

// A dense activation of `features` features.
inline TensorView activation(const plan::KernelPlan& plan, std::uint64_t address, DType dtype, std::int64_t tokens, std::int64_t features) {
  TensorView view{.data = address, .dtype = dtype, .heads = plan.heads, .rows = tokens, .cols = features};
  if (plan.problem.activations == Activations::kCol) std::swap(view.rows, view.cols);
  view.leading_dimension = view.cols;
  view.head_stride = view.rows * view.cols;
  return view;
}

// Dense tensors that fit the kernel; no epilogue arguments.
inline LaunchArguments fitting(const plan::KernelPlan& plan, std::int64_t tokens) {
  const Problem& p = plan.problem;
  const auto type = [&](Op written) { return p.op == written ? p.output() : p.dtype; };
  const std::int64_t block = std::int64_t{plan.block.rows} * plan.block.cols;
  LaunchArguments arguments;
  arguments.tokens = tokens;
  arguments.x = activation(plan, kX, type(Op::kBprop), tokens, plan.rows);
  arguments.y = activation(plan, kY, type(Op::kFprop), tokens, plan.cols);
  arguments.w = {.data = kW, .dtype = type(Op::kUpdate), .rows = plan.num_blocks, .cols = block, .leading_dimension = block};
  return arguments;
}

}  // namespace bsgen
