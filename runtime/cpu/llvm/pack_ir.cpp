// Operands on their way into scratch: widened to fp32, rows made contiguous, squares turned.
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

}  // namespace

void emit_copy(Emitter& emit, int lanes, Value* from, DType type, Value* to, Value* count) {
  const auto part = [&](Value* begin, Value* end, int width) {
    emit.loop(begin, end, width, [&](Value* i) { emit.store(emit.load(emit.at(from, i, type), type, width), emit.at(to, i, DType::kFp32), DType::kFp32); });
  };
  Value* whole = emit.CreateMul(emit.CreateSDiv(count, emit.i64(lanes)), emit.i64(lanes));
  part(emit.i64(0), whole, lanes);
  part(whole, count, 1);
}

void emit_transpose(Emitter& emit, Value* from, DType type, Value* from_pitch, Value* to, std::int64_t to_pitch, Value* rows, Value* cols) {
  constexpr int lanes = 4;  // one shuffle of every machine each; those of 16 lanes take LLVM as long as all the rest of a kernel
  const auto whole = [&](Value* n) { return emit.CreateMul(emit.CreateSDiv(n, emit.i64(lanes)), emit.i64(lanes)); };
  const auto source = [&](Value* r, Value* c) { return emit.at(from, emit.CreateAdd(emit.CreateMul(r, from_pitch), c), type); };
  const auto target = [&](Value* r, Value* c) { return emit.at(to, emit.CreateAdd(emit.CreateMul(c, emit.i64(to_pitch)), r), DType::kFp32); };
  const auto singly = [&](Value* r_begin, Value* r_end, Value* c_begin, Value* c_end) {
    emit.loop(r_begin, r_end, 1, [&](Value* r) {
      emit.loop(c_begin, c_end, 1, [&](Value* c) { emit.store(emit.load(source(r, c), type, 1), target(r, c), DType::kFp32); });
    });
  };
  Value *whole_rows = whole(rows), *whole_cols = whole(cols);
  emit.loop(emit.i64(0), whole_rows, lanes, [&](Value* r) {
    emit.loop(emit.i64(0), whole_cols, lanes, [&](Value* c) {
      Values square;
      for (int i = 0; i < lanes; ++i) square.push_back(emit.load(source(emit.CreateAdd(r, emit.i64(i)), c), type, lanes));
      square = transposed(emit, square);
      for (int i = 0; i < lanes; ++i) emit.store(square[static_cast<std::size_t>(i)], target(r, emit.CreateAdd(c, emit.i64(i))), DType::kFp32);
    });
  });
  singly(emit.i64(0), whole_rows, whole_cols, cols);
  singly(whole_rows, rows, emit.i64(0), cols);
}

}  // namespace bsgen::cpu
