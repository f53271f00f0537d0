// The one by-value parameter of every generated kernel, as bytes. templates/bsgen/common/arguments.cuh declares the same.
#pragma once

#include <cstdint>

namespace bsgen::runtime {

// A matrix operand: element (h, r, c) at data + (h * head_stride + r * leading_dimension + c) elements.
struct OperandSlot {
  std::uint64_t data = 0;
  std::int64_t leading_dimension = 0;
  std::int64_t head_stride = 0;
};

// Followed by one slot per epilogue parameter in the order of Epilogue::parameters(): an OperandSlot for a vector (leading
// dimension 0) or a matrix, and for a scalar the float's bits in the low half of `data`.
struct KernelArguments {
  OperandSlot x, w, y;       // by role (bsgen/kernel.h); the unused leading dimension of w is 0
  std::uint64_t table = 0;   // the bound schedule, tier table; else 0
  std::int32_t tokens = 0;   // M
  std::int32_t num_panels = 0;  // plan.num_panels: cta i does panel i % num_panels of token tile i / num_panels
};
static_assert(sizeof(OperandSlot) == 24 && sizeof(KernelArguments) == 88, "the device reads these bytes");

}  // namespace bsgen::runtime
