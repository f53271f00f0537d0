// What happens to the sums of a tile: epilogue, rounding, storing.
#include "runtime/cpu/llvm/epilogue_ir.h"
#include "runtime/cpu/llvm/parts.h"

namespace bsgen::cpu {
namespace {

using epilogue::Parameter;
using epilogue::ParameterKind;

// The values of an epilogue parameter for `lanes` outputs of one row from (row, col) on.
class ParameterLoads {
 public:
  ParameterLoads(Emitter& emit, const CpuPlan& plan, const epilogue::Epilogue& e, Value* arguments, Value* head) : emit_(emit), plan_(plan), e_(e) {
    for (std::size_t i = 0; i < e.parameters().size(); ++i) {
      Slot slot = load_slot(emit, arguments, kEpilogueSlots + static_cast<int>(i * sizeof(runtime::OperandSlot)));
      slot.data = is_scalar(i) ? emit.CreateBitCast(emit.CreateTrunc(emit.CreatePtrToInt(slot.data, emit.getInt64Ty()), emit.getInt32Ty()), emit.getFloatTy())
                               : emit.at(slot.data, emit.CreateMul(head, slot.head_stride), type_of(i));
      slots_.push_back(slot);
    }
  }

  Values load(Value* row, Value* col, int lanes) const {
    Values values;
    for (std::size_t i = 0; i < slots_.size(); ++i) values.push_back(one(i, row, col, lanes));
    return values;
  }

 private:
  bool is_scalar(std::size_t i) const { return e_.parameters()[i].kind == ParameterKind::kScalar; }
  DType type_of(std::size_t i) const { return e_.parameters()[i].kind == ParameterKind::kMatrix ? plan_.problem.output() : DType::kFp32; }

  Value* one(std::size_t i, Value* row, Value* col, int lanes) const {
    const Slot& slot = slots_[i];
    const ParameterKind kind = e_.parameters()[i].kind;
    if (kind == ParameterKind::kScalar) return emit_.splat(slot.data, lanes);
    if (kind == ParameterKind::kMatrix) {
      Value* element = emit_.CreateAdd(emit_.CreateMul(row, slot.leading_dimension), col);
      return emit_.load(emit_.at(slot.data, element, type_of(i)), type_of(i), lanes);
    }
    const bool along = (kind == ParameterKind::kVectorN) == plan_.rows_are_tokens();
    if (along) return emit_.load(emit_.at(slot.data, col, DType::kFp32), DType::kFp32, lanes);
    return emit_.splat(emit_.load(emit_.at(slot.data, row, DType::kFp32), DType::kFp32, 1), lanes);
  }

  Emitter& emit_;
  const CpuPlan& plan_;
  const epilogue::Epilogue& e_;
  std::vector<Slot> slots_;
};

}  // namespace

llvm::Function* emit_finish(Emitter& emit, const CpuPlan& plan) {
  llvm::Type *pointer = emit.getPtrTy(), *i64 = emit.getInt64Ty();
  llvm::Function* function = open_function(emit, "finish", {pointer, pointer, i64, i64, i64, i64, i64});
  set_machine(*function, plan.machine);
  Value *arguments = function->getArg(0), *sums = function->getArg(1), *head = function->getArg(2), *row = function->getArg(3), *col = function->getArg(4);
  Value *rows = function->getArg(5), *cols = function->getArg(6);
  const DType type = plan.problem.output();
  const auto parsed = epilogue::parse(plan.problem.epilogue);
  const epilogue::Epilogue& e = *parsed;
  const Slot out = load_slot(emit, arguments, plan.problem.op == Op::kFprop ? kSlotY : kSlotX);
  const ParameterLoads parameters(emit, plan, e, arguments, head);
  Value* base = emit.at(out.data, emit.CreateMul(head, out.head_stride), type);
  emit.loop(emit.i64(0), rows, 1, [&](Value* r) {
    Value* out_row = emit.CreateAdd(row, r);
    Value* to = emit.at(base, emit.CreateAdd(emit.CreateMul(out_row, out.leading_dimension), col), type);
    Value* from = emit.at(sums, emit.CreateMul(r, emit.i64(plan.width())), DType::kFp32);
    const auto columns = [&](Value* begin, Value* end, int lanes) {
      emit.loop(begin, end, lanes, [&](Value* c) {
        Value* acc = emit.load(emit.at(from, c, DType::kFp32), DType::kFp32, lanes);
        if (!e.identity()) acc = emit_epilogue(emit, e, acc, parameters.load(out_row, emit.CreateAdd(col, c), lanes));
        emit.store(acc, emit.at(to, c, type), type);
      });
    };
    Value* vectors = emit.CreateMul(emit.CreateSDiv(cols, emit.i64(plan.lanes)), emit.i64(plan.lanes));
    columns(emit.i64(0), vectors, plan.lanes);
    columns(vectors, cols, 1);
  });
  emit.CreateRetVoid();
  return function;
}

llvm::Function* emit_finish_update(Emitter& emit, const CpuPlan& plan) {
  llvm::Type *pointer = emit.getPtrTy(), *i64 = emit.getInt64Ty(), *i1 = emit.getInt1Ty();
  llvm::Function* function = open_function(emit, "finish", {pointer, pointer, pointer, i64, i64, i1, i1});
  set_machine(*function, plan.machine);
  Value *sums = function->getArg(0), *out = function->getArg(1), *partial = function->getArg(2), *valid_rows = function->getArg(3);
  Value *valid_cols = function->getArg(4), *first = function->getArg(5), *last = function->getArg(6);
  const DType type = plan.problem.output();
  const bool in_place = type == DType::kFp32;  // sums between passes live in dW itself
  const bool ragged = plan.rows % plan.block.rows != 0 || plan.cols % plan.block.cols != 0;
  llvm::Constant* zero = llvm::Constant::getNullValue(emit.floats(plan.lanes));
  llvm::Type* words = emit.like(emit.getInt64Ty(), plan.lanes);
  std::vector<llvm::Constant*> numbers;
  for (int i = 0; i < plan.lanes; ++i) numbers.push_back(emit.getInt64(static_cast<std::uint64_t>(i)));
  emit.loop(emit.i64(0), emit.i64(plan.tile_rows[0]), 1, [&](Value* r) {
    for (int v = 0; v < plan.vectors; ++v) {
      Value* element = emit.CreateAdd(emit.CreateMul(r, emit.i64(plan.block.cols)), emit.i64(v * plan.lanes));
      Value* sum = emit.load(emit.at(sums, emit.CreateAdd(emit.CreateMul(r, emit.i64(plan.width())), emit.i64(v * plan.lanes)), DType::kFp32),
                             DType::kFp32, plan.lanes);
      Value *to = emit.at(out, element, type), *kept = in_place ? to : emit.at(partial, element, DType::kFp32);
      // What was there before: of earlier tokens, and what the caller had where that counts.
      const auto add = [&](Value* wanted, Value* address, DType of) {
        llvm::BasicBlock* before = emit.GetInsertBlock();
        llvm::BasicBlock* inside = nullptr;
        Value* more = nullptr;
        emit.when(wanted, [&] {
          more = emit.CreateFAdd(sum, emit.load(address, of, plan.lanes));
          inside = emit.GetInsertBlock();
        });
        llvm::PHINode* joined = emit.CreatePHI(sum->getType(), 2);
        joined->addIncoming(sum, before);
        joined->addIncoming(more, inside);
        sum = joined;
      };
      add(emit.CreateNot(first), kept, DType::kFp32);
      if (plan.problem.accumulate) add(first, to, type);
      if (ragged) {
        Value* lanes = emit.CreateICmpSLT(emit.CreateAdd(llvm::ConstantVector::get(numbers), llvm::ConstantInt::get(words, static_cast<std::uint64_t>(v * plan.lanes))),
                                          emit.splat(valid_cols, plan.lanes));
        sum = emit.CreateSelect(emit.CreateAnd(lanes, emit.splat(emit.CreateICmpSLT(r, valid_rows), plan.lanes)), sum, zero);
      }
      if (in_place) {
        emit.store(sum, to, type);
      } else {
        emit.when(last, [&] { emit.store(sum, to, type); }, [&] { emit.store(sum, kept, DType::kFp32); });
      }
    }
  });
  emit.CreateRetVoid();
  return function;
}

}  // namespace bsgen::cpu
