// LaunchSpec: what the arguments of a launch must look like, worked out once when the kernel is loaded.
//
// Shapes are those of memory. With activations `row` X is heads x M x K and Y is heads x M x N; with `col` they are
// heads x K x M and heads x N x M. The values of W are one matrix of (blocks of all heads) x (elements of a block).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bsgen/device.h"
#include "bsgen/kernel.h"
#include "bsgen/status.h"
#include "compiler/epilogue/epilogue.h"
#include "compiler/plan/kernel_plan.h"
#include "runtime/launch/kernel_arguments.h"

namespace bsgen::runtime {

// An extent that is the launch's number of tokens.
inline constexpr std::int64_t kTokens = -1;

struct OperandSpec {
  std::string name;       // as messages call it: "x (X)", "w (values)", "residual"
  std::string dims;       // what the extents are: "tokens x K"
  DType dtype = DType::kFp32;
  std::int64_t heads = 1, rows = 0, cols = 0;
  bool heads_optional = false;  // epilogue tensors: one for all heads will do
  bool output = false;          // heads may not overlap
};

struct LaunchSpec {
  Op op = Op::kFprop;
  DType dtype = DType::kBf16;
  int align = 16;            // bytes
  int device_ordinal = -1;   // -1: not a GPU
  std::string device_name;
  std::int64_t heads = 1, num_blocks = 0;
  BlockShape block;
  OperandSpec x, w, y;
  std::vector<epilogue::Parameter> parameters;  // of the epilogue, in slot order
  std::vector<OperandSpec> parameter_specs;     // beside them; unused for scalars
  std::uint32_t parameter_bytes = sizeof(KernelArguments);  // of the kernel's one parameter
};

// The most slots that fit into the 4096 bytes every architecture and driver passes by value.
inline constexpr std::size_t kMaxParameterBytes = 4096;

Expected<LaunchSpec> make_launch_spec(const plan::KernelPlan& plan, const DeviceInfo& device);

Status check_tokens(std::int64_t tokens);
// Shape, type, stride, address and device of x, w or y, or of an epilogue tensor. `arguments` serves the way out: the alignment
// that all of them have.
Status check_operand(const LaunchSpec& spec, const OperandSpec& operand, const TensorView& view, const LaunchArguments& arguments);

// Checks the epilogue's arguments by name and writes one slot for each.
Status write_epilogue_slots(const LaunchSpec& spec, const LaunchArguments& arguments, OperandSlot* slots);

}  // namespace bsgen::runtime
