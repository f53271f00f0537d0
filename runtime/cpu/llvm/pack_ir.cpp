// Operands on their way into scratch: widened to fp32 or made pairs of bf16, rows made contiguous, squares turned.
#include "runtime/cpu/llvm/parts.h"

namespace bsgen::cpu {
namespace {

// The transpose of lanes x lanes in log2(lanes) rounds: row i and row i + lanes/2 are shuffled like two halves of a deck of cards.
Values transposed(Emitter& emit, Values rows) {
  const int lanes = static_cast<int>(rows.size());
  std::vector<int> low, high;
  for (int i = 0; i < lanes; ++i) {
    low.push_back(i / 2 + (i % 2) * lanes);
    high.push_back(lanes / 2 + i / 2 + (i % 2) * lanes);
  }
  for (int round = 1; round < lanes; round *= 2) {
    Values next;
    for (int i = 0; i < lanes / 2; ++i) {
      Value *a = rows[static_cast<std::size_t>(i)], *b = rows[static_cast<std::size_t>(i + lanes / 2)];
      next.push_back(emit.CreateShuffleVector(a, b, low));
      next.push_back(emit.CreateShuffleVector(a, b, high));
    }
    rows = next;
  }
  return rows;
}

Value* whole_of(Emitter& emit, Value* count, int lanes) { return emit.CreateMul(emit.CreateSDiv(count, emit.i64(lanes)), emit.i64(lanes)); }

// body(i, width) for vectors, then for what is left one by one.
void in_vectors(Emitter& emit, int lanes, Value* count, const std::function<void(Value*, int)>& body) {
  Value* whole = whole_of(emit, count, lanes);
  emit.loop(emit.i64(0), whole, lanes, [&](Value* i) { body(i, lanes); });
  emit.loop(whole, count, 1, [&](Value* i) { body(i, 1); });
}

Value* load_bits(Emitter& emit, Value* from, Value* i, int lanes) {
  return emit.CreateAlignedLoad(emit.like(emit.getInt16Ty(), lanes), emit.at(from, i, DType::kBf16), llvm::Align(2));
}

void store_bits(Emitter& emit, Value* bits, Value* to, Value* i, DType type) {
  emit.CreateAlignedStore(bits, emit.at(to, i, type), llvm::Align(static_cast<std::uint64_t>(size_bytes(type))));
}

}  // namespace

void emit_copy(Emitter& emit, int lanes, Value* from, DType type, Value* to, Value* count) {
  in_vectors(emit, lanes, count, [&](Value* i, int width) {
    emit.store(emit.load(emit.at(from, i, type), type, width), emit.at(to, i, DType::kFp32), DType::kFp32);
  });
}

void emit_copy_pairs(Emitter& emit, int lanes, Value* from, Value* to, Value* count) {
  in_vectors(emit, 2 * lanes, count, [&](Value* i, int width) { store_bits(emit, load_bits(emit, from, i, width), to, i, DType::kBf16); });
  emit.when(emit.CreateTrunc(count, emit.getInt1Ty()), [&] { store_bits(emit, emit.getInt16(0), to, count, DType::kBf16); });
}

void emit_interleave(Emitter& emit, int lanes, Value* first, Value* second, Value* to, Value* count) {
  in_vectors(emit, lanes, count, [&](Value* i, int width) {
    Value* low = load_bits(emit, first, i, width);
    Value* high = second ? load_bits(emit, second, i, width) : llvm::Constant::getNullValue(low->getType());
    store_bits(emit, emit.interleave(low, high), to, i, DType::kFp32);
  });
}

void emit_transpose(Emitter& emit, Value* from, DType type, bool pairs, Value* from_pitch, Value* to, std::int64_t to_pitch, Value* rows, Value* cols) {
  constexpr int lanes = 4;  // one shuffle of every machine each; those of 16 lanes take LLVM as long as all the rest of a kernel
  const auto load = [&](Value* r, Value* c, int width) {
    Value* address = emit.at(from, emit.CreateAdd(emit.CreateMul(r, from_pitch), pairs ? emit.CreateShl(c, 1) : c), type);
    return pairs ? emit.load_pairs(address, 1, width) : emit.load(address, type, width);
  };
  const auto target = [&](Value* r, Value* c) { return emit.at(to, emit.CreateAdd(emit.CreateMul(c, emit.i64(to_pitch)), r), DType::kFp32); };
  const auto singly = [&](Value* r_begin, Value* r_end, Value* c_begin, Value* c_end) {
    emit.loop(r_begin, r_end, 1, [&](Value* r) {
      emit.loop(c_begin, c_end, 1, [&](Value* c) { emit.store(load(r, c, 1), target(r, c), DType::kFp32); });
    });
  };
  Value* odd = pairs ? emit.CreateTrunc(cols, emit.getInt1Ty()) : nullptr;
  if (pairs) cols = emit.CreateLShr(cols, 1);
  Value *whole_rows = whole_of(emit, rows, lanes), *whole_cols = whole_of(emit, cols, lanes);
  emit.loop(emit.i64(0), whole_rows, lanes, [&](Value* r) {
    emit.loop(emit.i64(0), whole_cols, lanes, [&](Value* c) {
      Values square;
      for (int i = 0; i < lanes; ++i) square.push_back(load(emit.CreateAdd(r, emit.i64(i)), c, lanes));
      square = transposed(emit, square);
      for (int i = 0; i < lanes; ++i) emit.store(square[static_cast<std::size_t>(i)], target(r, emit.CreateAdd(c, emit.i64(i))), DType::kFp32);
    });
  });
  singly(emit.i64(0), whole_rows, whole_cols, cols);
  singly(whole_rows, rows, emit.i64(0), cols);
  if (!pairs) return;
  emit.when(odd, [&] {
    emit.loop(emit.i64(0), rows, 1, [&](Value* r) {
      Value* last = load_bits(emit, from, emit.CreateAdd(emit.CreateMul(r, from_pitch), emit.CreateShl(cols, 1)), 1);
      emit.store(emit.CreateZExt(last, emit.getInt32Ty()), target(r, cols), DType::kFp32);
    });
  });
}

}  // namespace bsgen::cpu
