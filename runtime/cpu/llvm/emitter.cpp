#include "runtime/cpu/llvm/emitter.h"

#include <llvm/IR/IntrinsicsX86.h>

namespace bsgen::cpu {

Values Emitter::loop(Value* begin, Value* end, std::int64_t step, const Values& carried, const std::function<Values(Value*, const Values&)>& body) {
  llvm::Function* function = GetInsertBlock()->getParent();
  llvm::BasicBlock* before = GetInsertBlock();
  auto* head = llvm::BasicBlock::Create(getContext(), "loop", function);
  auto* done = llvm::BasicBlock::Create(getContext(), "done", function);
  CreateCondBr(CreateICmpSLT(begin, end), head, done);
  SetInsertPoint(head);
  llvm::PHINode* index = CreatePHI(begin->getType(), 2);
  index->addIncoming(begin, before);
  std::vector<llvm::PHINode*> phis;
  Values inside;
  for (Value* value : carried) {
    phis.push_back(CreatePHI(value->getType(), 2));
    phis.back()->addIncoming(value, before);
    inside.push_back(phis.back());
  }
  const Values next = body(index, inside);
  llvm::BasicBlock* latch = GetInsertBlock();
  Value* following = CreateNSWAdd(index, llvm::ConstantInt::get(begin->getType(), static_cast<std::uint64_t>(step)));
  index->addIncoming(following, latch);
  for (std::size_t i = 0; i < phis.size(); ++i) phis[i]->addIncoming(next[i], latch);
  CreateCondBr(CreateICmpSLT(following, end), head, done);
  SetInsertPoint(done);
  Values results;
  for (std::size_t i = 0; i < phis.size(); ++i) {
    llvm::PHINode* result = CreatePHI(phis[i]->getType(), 2);
    result->addIncoming(carried[i], before);
    result->addIncoming(next[i], latch);
    results.push_back(result);
  }
  return results;
}

void Emitter::loop(Value* begin, Value* end, std::int64_t step, const std::function<void(Value*)>& body) {
  loop(begin, end, step, {}, [&](Value* index, const Values&) {
    body(index);
    return Values{};
  });
}

void Emitter::when(Value* condition, const std::function<void()>& then, const std::function<void()>& otherwise) {
  llvm::Function* function = GetInsertBlock()->getParent();
  auto* yes = llvm::BasicBlock::Create(getContext(), "then", function);
  auto* no = otherwise ? llvm::BasicBlock::Create(getContext(), "else", function) : nullptr;
  auto* done = llvm::BasicBlock::Create(getContext(), "done", function);
  CreateCondBr(condition, yes, no ? no : done);
  SetInsertPoint(yes);
  then();
  CreateBr(done);
  if (no) {
    SetInsertPoint(no);
    otherwise();
    CreateBr(done);
  }
  SetInsertPoint(done);
}

Values Emitter::choose(Value* condition, const Values& first, const std::function<Values()>& otherwise) {
  llvm::Function* function = GetInsertBlock()->getParent();
  llvm::BasicBlock* before = GetInsertBlock();
  auto* no = llvm::BasicBlock::Create(getContext(), "else", function);
  auto* done = llvm::BasicBlock::Create(getContext(), "done", function);
  CreateCondBr(condition, done, no);
  SetInsertPoint(no);
  const Values second = otherwise();
  llvm::BasicBlock* after = GetInsertBlock();
  CreateBr(done);
  SetInsertPoint(done);
  Values chosen;
  for (std::size_t i = 0; i < first.size(); ++i) {
    llvm::PHINode* phi = CreatePHI(first[i]->getType(), 2);
    phi->addIncoming(first[i], before);
    phi->addIncoming(second[i], after);
    chosen.push_back(phi);
  }
  return chosen;
}

Value* Emitter::at(Value* base, Value* elements, DType dtype) {
  return CreateGEP(size_bytes(dtype) == 4 ? getInt32Ty() : getInt16Ty(), base, elements);
}

int Emitter::lanes_of(Value* value) const {
  const auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(value->getType());
  return vector ? static_cast<int>(vector->getNumElements()) : 1;
}

Value* Emitter::load(Value* address, DType dtype, int lanes) {
  if (size_bytes(dtype) == 4) {
    Value* value = CreateAlignedLoad(floats(lanes), address, llvm::Align(4));
    return dtype == DType::kTf32 ? round_tf32(value, lanes) : value;
  }
  Value* bits = CreateAlignedLoad(like(getInt16Ty(), lanes), address, llvm::Align(2));
  if (dtype == DType::kFp16) return from_half(bits, lanes);
  return CreateBitCast(CreateShl(CreateZExt(bits, like(getInt32Ty(), lanes)), 16), floats(lanes));
}

Value* Emitter::interleave(Value* low, Value* high) {
  const int lanes = lanes_of(low);
  if (lanes == 1) return CreateOr(CreateZExt(low, getInt32Ty()), CreateShl(CreateZExt(high, getInt32Ty()), 16));
  std::vector<int> order;
  for (int i = 0; i < lanes; ++i) order.insert(order.end(), {i, lanes + i});
  return CreateBitCast(CreateShuffleVector(low, high, order), like(getInt32Ty(), lanes));
}

Value* Emitter::load_pairs(Value* address, std::int64_t stride, int lanes) {
  if (stride == 1) return CreateAlignedLoad(like(getInt32Ty(), lanes), address, llvm::Align(2));
  const auto row = [&](std::int64_t elements) { return CreateAlignedLoad(like(getInt16Ty(), lanes), at(address, elements, DType::kBf16), llvm::Align(2)); };
  return interleave(row(0), row(stride));
}

Value* Emitter::multiply_add_pairs(Value* a, Value* b, Value* c) {
  const int lanes = lanes_of(c);
  llvm::Function* instruction = llvm::Intrinsic::getDeclaration(&module_, lanes == 16  ? llvm::Intrinsic::x86_avx512bf16_dpbf16ps_512
                                                                          : lanes == 8 ? llvm::Intrinsic::x86_avx512bf16_dpbf16ps_256
                                                                                       : llvm::Intrinsic::x86_avx512bf16_dpbf16ps_128);
  llvm::Type* operand = instruction->getFunctionType()->getParamType(1);  // differs between versions of LLVM
  return CreateCall(instruction, {c, CreateBitCast(b, operand), CreateBitCast(a, operand)});
}

void Emitter::store(Value* value, Value* address, DType dtype) {
  const int lanes = lanes_of(value);
  if (size_bytes(dtype) == 4)
    CreateAlignedStore(value, address, llvm::Align(4));
  else
    CreateAlignedStore(dtype == DType::kFp16 ? to_half(value, lanes) : to_bfloat(value, lanes), address, llvm::Align(2));
}

void Emitter::prefetch(Value* address, int elements, DType dtype, bool write) {
  const int line = 64 / size_bytes(dtype);
  for (int i = 0; i < elements; i += line)
    CreateIntrinsic(llvm::Intrinsic::prefetch, {getPtrTy()}, {at(address, i, dtype), getInt32(write ? 1 : 0), getInt32(3), getInt32(1)});
}

// What a tensor core makes of the operand: 10 bits of fraction, ties away from zero.
Value* Emitter::round_tf32(Value* value, int lanes) {
  llvm::Type* words = like(getInt32Ty(), lanes);
  Value* rounded = CreateAnd(CreateAdd(CreateBitCast(value, words), integer(0x1000, lanes)), integer(0xffffe000u, lanes));
  return CreateSelect(CreateFCmpUNO(value, value), value, CreateBitCast(rounded, floats(lanes)));
}

// Where there is no instruction: the exponent moved by a multiplication, which is exact, subnormals included.
Value* Emitter::from_half(Value* bits, int lanes) {
  if (has_half_) return CreateFPExt(CreateBitCast(bits, like(getHalfTy(), lanes)), floats(lanes));
  llvm::Type* words = like(getInt32Ty(), lanes);
  Value* wide = CreateZExt(bits, words);
  Value* sign = CreateShl(CreateAnd(wide, integer(0x8000, lanes)), 16);
  Value* magnitude = CreateShl(CreateAnd(wide, integer(0x7fff, lanes)), 13);
  Value* special = CreateICmpUGE(magnitude, integer(0x7c00u << 13, lanes));
  Value* scaled = CreateFMul(CreateBitCast(magnitude, floats(lanes)), llvm::ConstantFP::get(floats(lanes), 0x1p112));
  Value* result = CreateSelect(special, CreateOr(magnitude, integer(0x7f800000, lanes)), CreateBitCast(scaled, words));
  return CreateBitCast(CreateOr(result, sign), floats(lanes));
}

Value* Emitter::to_half(Value* value, int lanes) {
  if (has_half_) return CreateBitCast(CreateFPTrunc(value, like(getHalfTy(), lanes)), like(getInt16Ty(), lanes));
  llvm::Type* words = like(getInt32Ty(), lanes);
  Value* bits = CreateBitCast(value, words);
  Value* sign = CreateLShr(CreateAnd(bits, integer(0x80000000u, lanes)), 16);
  Value* magnitude = CreateAnd(bits, integer(0x7fffffff, lanes));
  // Below the least normal half: the sum with 0.5 rounds to its unit and leaves the half's bits at the bottom.
  Value* half = llvm::ConstantFP::get(floats(lanes), 0.5);
  Value* small = CreateSub(CreateBitCast(CreateFAdd(CreateBitCast(magnitude, floats(lanes)), half), words), integer(0x3f000000, lanes));
  Value* odd = CreateAnd(CreateLShr(magnitude, 13), integer(1, lanes));
  Value* normal = CreateLShr(CreateAdd(CreateSub(magnitude, integer(112u << 23, lanes)), CreateAdd(integer(0xfff, lanes), odd)), 13);
  Value* result = CreateSelect(CreateICmpULT(magnitude, integer(113u << 23, lanes)), small, normal);
  result = CreateSelect(CreateICmpUGE(magnitude, integer(0x477ff000, lanes)), integer(0x7c00, lanes), result);  // 65520 and above
  result = CreateSelect(CreateICmpUGT(magnitude, integer(0x7f800000, lanes)), integer(0x7e00, lanes), result);
  return CreateTrunc(CreateOr(result, sign), like(getInt16Ty(), lanes));
}

// Integer arithmetic: the instruction that some machines have takes subnormals for zero.
Value* Emitter::to_bfloat(Value* value, int lanes) {
  llvm::Type* words = like(getInt32Ty(), lanes);
  Value* bits = CreateBitCast(value, words);
  Value* odd = CreateAnd(CreateLShr(bits, 16), integer(1, lanes));
  Value* rounded = CreateLShr(CreateAdd(bits, CreateAdd(integer(0x7fff, lanes), odd)), 16);
  Value* result = CreateSelect(CreateFCmpUNO(value, value), integer(0x7fff, lanes), rounded);
  return CreateTrunc(result, like(getInt16Ty(), lanes));
}

}  // namespace bsgen::cpu
