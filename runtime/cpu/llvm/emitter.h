// Emitter: IRBuilder with what kernels are made of: counted loops that carry values, loads that widen and stores that round.
#pragma once

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>

#include <functional>
#include <vector>

#include "bsgen/dtype.h"

namespace bsgen::cpu {

using Value = llvm::Value;
using Values = std::vector<Value*>;

class Emitter : public llvm::IRBuilder<> {
 public:
  Emitter(llvm::Module& module, bool has_half, bool has_fma)
      : llvm::IRBuilder<>(module.getContext()), module_(module), has_half_(has_half), has_fma_(has_fma) {}

  llvm::Module& module() { return module_; }
  Value* i64(std::int64_t value) { return getInt64(static_cast<std::uint64_t>(value)); }
  // float, or a vector of that many.
  llvm::Type* floats(int lanes) { return like(getFloatTy(), lanes); }
  llvm::Type* like(llvm::Type* scalar, int lanes) { return lanes == 1 ? scalar : llvm::FixedVectorType::get(scalar, static_cast<unsigned>(lanes)); }

  // for (i = begin; i < end; i += step) carried = body(i, carried); returns what is carried at the end.
  Values loop(Value* begin, Value* end, std::int64_t step, const Values& carried, const std::function<Values(Value*, const Values&)>& body);
  void loop(Value* begin, Value* end, std::int64_t step, const std::function<void(Value*)>& body);
  void when(Value* condition, const std::function<void()>& then, const std::function<void()>& otherwise = {});

  // `first` where the condition holds, else what `otherwise` makes.
  Values choose(Value* condition, const Values& first, const std::function<Values()>& otherwise);

  // base + elements of dtype.
  Value* at(Value* base, Value* elements, DType dtype);
  Value* at(Value* base, std::int64_t elements, DType dtype) { return elements == 0 ? base : at(base, i64(elements), dtype); }
  // lanes consecutive elements as fp32; and back, rounded to nearest even.
  Value* load(Value* address, DType dtype, int lanes);
  void store(Value* value, Value* address, DType dtype);
  // Asks for the lines of `elements` from `address` on, to be read or written soon.
  void prefetch(Value* address, int elements, DType dtype, bool write);
  // Pairs of bf16 whose second lies `stride` elements behind the first: the first in the low half of 32 bits.
  Value* load_pairs(Value* address, std::int64_t stride, int lanes);
  Value* interleave(Value* low, Value* high);  // of 16-bit integers
  Value* splat(Value* scalar, int lanes) { return lanes == 1 ? scalar : CreateVectorSplat(static_cast<unsigned>(lanes), scalar); }

  Value* fused(Value* a, Value* b, Value* c) { return CreateIntrinsic(llvm::Intrinsic::fma, {a->getType()}, {a, b, c}); }
  // a * b + c: fused where the machine has the instruction, else in two steps.
  Value* multiply_add(Value* a, Value* b, Value* c) { return has_fma_ ? fused(a, b, c) : CreateFAdd(CreateFMul(a, b), c); }

  // c + a.first * b.first + a.second * b.second: the instruction of AVX512-BF16, whose products are exact, whose sums are rounded one after the
  // other, and to which subnormals are zero.
  Value* multiply_add_pairs(Value* a, Value* b, Value* c);

 private:
  Value* round_tf32(Value* value, int lanes);
  Value* from_half(Value* bits, int lanes);
  Value* to_half(Value* value, int lanes);
  Value* to_bfloat(Value* value, int lanes);
  int lanes_of(Value* value) const;
  Value* integer(std::uint32_t value, int lanes) { return llvm::ConstantInt::get(like(getInt32Ty(), lanes), value); }

  llvm::Module& module_;
  bool has_half_, has_fma_;
};

}  // namespace bsgen::cpu
