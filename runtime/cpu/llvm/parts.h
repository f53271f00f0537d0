// The functions that a kernel is made of, one emitter each. They are internal functions of the module.
#pragma once

#include <cstddef>

#include "runtime/cpu/cpu_plan.h"
#include "runtime/cpu/llvm/emitter.h"
#include "runtime/launch/kernel_arguments.h"

namespace bsgen::cpu {

// A matrix operand as launches pass it: element (h, r, c) at data + h * head_stride + r * leading_dimension + c.
struct Slot {
  Value* data;
  Value* leading_dimension;
  Value* head_stride;
};
Slot load_slot(Emitter& emit, Value* arguments, int byte_offset);
inline constexpr int kSlotX = offsetof(runtime::KernelArguments, x), kSlotW = offsetof(runtime::KernelArguments, w);
inline constexpr int kSlotY = offsetof(runtime::KernelArguments, y), kTokensAt = offsetof(runtime::KernelArguments, tokens);
inline constexpr int kEpilogueSlots = sizeof(runtime::KernelArguments);

// Opens a function of the module with these parameters; the caller emits its body and calls CreateRetVoid().
llvm::Function* open_function(Emitter& emit, const std::string& name, const std::vector<llvm::Type*>& parameters, bool exported = false);
// Vectors as wide as the plan's are legal in it.
void set_machine(llvm::Function& function, const Machine& machine);

// Where a tile's operands lie: a(r, i) is broadcast, b(i, v) is a vector. Steps in panels are elements of 32 bits whatever they hold.
struct TileOperands {
  DType a_type = DType::kFp32, b_type = DType::kFp32;
  std::int64_t a_row = 0, a_step = 0, b_step = 0;  // elements from one r, from one i to the next
  std::int64_t a_block = 0, b_block = 0;           // elements from one block to the next
  bool a_by_value = false;                         // the block of W is a's (else b's); the other goes with the inner index
  std::int64_t pair_stride = 1;                    // of W where it is not packed: elements from the first of a pair to the second
  // The same of W, whichever it is.
  DType value_type() const { return a_by_value ? a_type : b_type; }
  std::int64_t value_step() const { return a_by_value ? a_step : b_step; }
  std::int64_t value_block() const { return a_by_value ? a_block : b_block; }
};
TileOperands tile_operands(const CpuPlan& plan);

// update: void tile_R(ptr a, ptr b, i64 count, ptr sums): sums of `rows` x width over `count` steps.
// fprop, bprop: void tile_R(ptr a, ptr b, i64 count, ptr sums, ptr entries, i1 fresh, ptr later, i64 share, i64 log2_shares): the sums over
// `count` blocks of a list, in list order, element after element; from zero on where `fresh`, else from what `sums` holds. While block i is
// multiplied, share `share + i` of the blocks of the list `later` is asked for: every block has 1 << log2_shares of them.
llvm::Function* emit_tile(Emitter& emit, const CpuPlan& plan, int rows);

// void finish(ptr arguments, ptr sums, i64 head, i64 row, i64 col, i64 rows, i64 cols): the epilogue, rounding and storing of a tile whose
// first element is (row, col) of the output as memory holds it. fprop, bprop.
llvm::Function* emit_finish(Emitter& emit, const CpuPlan& plan);
// void finish(ptr sums, ptr out, ptr partial, i64 valid_rows, i64 valid_cols, i1 first, i1 last): the same for a tile of a block of dW.
llvm::Function* emit_finish_update(Emitter& emit, const CpuPlan& plan);

// Loops that pack `count` consecutive elements: widened; as they are; or each beside that of another row, or beside zero where there is none.
void emit_copy(Emitter& emit, int lanes, Value* from, DType type, Value* to, Value* count);
void emit_copy_pairs(Emitter& emit, int lanes, Value* from, Value* to, Value* count);  // what an odd count lacks is zero
void emit_interleave(Emitter& emit, int lanes, Value* first, Value* second, Value* to, Value* count);
// to[c * to_pitch + r] = from[r * from_pitch + c] for r < rows, c < cols; squares of 4 x 4 in registers. With `pairs` the same of pairs of bf16
// that lie side by side: cols counts elements, and what an odd number lacks is zero.
void emit_transpose(Emitter& emit, Value* from, DType type, bool pairs, Value* from_pitch, Value* to, std::int64_t to_pitch, Value* rows, Value* cols);

// The two passes, exported as bsgen_cpu_first and bsgen_cpu_main.
void emit_kernel(Emitter& emit, const CpuPlan& plan);

}  // namespace bsgen::cpu
