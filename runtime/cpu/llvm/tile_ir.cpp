// The innermost kernel: R x V vectors of sums that stay in registers over a whole list of blocks.
#include "runtime/cpu/llvm/parts.h"

namespace bsgen::cpu {
namespace {

// Steps of the contraction in a row, before the loop is closed: one where a step is long enough to hide what the loop costs, for every
// further one is compiled too. Edges of blocks are multiples.
int unrolled(const CpuPlan& plan, int rows) {
  const int sums = rows * plan.vectors;
  return sums >= 12 ? 1 : sums >= 4 ? 2 : 4;
}

// Pairs of two rows of W, 32 columns at once: interleaving within 128 bits takes one shuffle a vector and no register for an index, so all the
// others hold sums. Columns come out of it dealt: of every eight the first four in one vector, the rest in the other.
bool deals(const CpuPlan& plan, const TileOperands& operands) {
  return plan.pairs && !operands.a_by_value && operands.pair_stride != 1 && plan.vectors % 2 == 0 && plan.lanes == 16;
}

Values dealt_pairs(Emitter& emit, const TileOperands& operands, Value* b) {
  const auto row = [&](std::int64_t elements) {
    return emit.CreateAlignedLoad(emit.like(emit.getInt16Ty(), 32), emit.at(b, elements, operands.b_type), llvm::Align(2));
  };
  Value *low = row(0), *high = row(operands.pair_stride);
  Values columns;
  for (int half = 0; half < 2; ++half) {
    std::vector<int> order;
    for (int i = 0; i < 16; ++i) order.insert(order.end(), {i / 4 * 8 + half * 4 + i % 4, 32 + i / 4 * 8 + half * 4 + i % 4});
    columns.push_back(emit.CreateBitCast(emit.CreateShuffleVector(low, high, order), emit.like(emit.getInt32Ty(), 16)));
  }
  return columns;
}

// Every two vectors as their columns are dealt, and in their order again.
Values reordered(Emitter& emit, const Values& vectors, const std::function<int(int half, int lane)>& from) {
  Values result;
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    std::vector<int> order;
    for (int lane = 0; lane < 16; ++lane) order.push_back(from(static_cast<int>(i % 2), lane));
    result.push_back(emit.CreateShuffleVector(vectors[i / 2 * 2], vectors[i / 2 * 2 + 1], order));
  }
  return result;
}
Values dealt(Emitter& emit, const Values& sums) {
  return reordered(emit, sums, [](int half, int lane) { return lane / 4 * 8 + half * 4 + lane % 4; });
}
Values gathered(Emitter& emit, const Values& sums) {
  return reordered(emit, sums, [](int half, int lane) { return (lane % 8 < 4 ? 0 : 16) + half * 8 + lane / 8 * 4 + lane % 4; });
}

// sums += a(., i) * b(i, .), one step.
Values step(Emitter& emit, const CpuPlan& plan, const TileOperands& operands, int rows, Value* a, Value* b, int ahead, Values sums) {
  const auto load = [&](Value* address, DType type, int lanes) {
    return plan.pairs ? emit.load_pairs(address, type == DType::kFp32 ? 1 : operands.pair_stride, lanes) : emit.load(address, type, lanes);
  };
  const auto a_at = [&](int r) { return emit.at(a, ahead * operands.a_step + r * operands.a_row, operands.a_type); };
  Values columns;
  for (int v = 0; deals(plan, operands) && v < plan.vectors; v += 2)
    for (Value* column : dealt_pairs(emit, operands, emit.at(b, ahead * operands.b_step + v * plan.lanes, operands.b_type))) columns.push_back(column);
  for (int v = static_cast<int>(columns.size()); v < plan.vectors; ++v)
    columns.push_back(load(emit.at(b, ahead * operands.b_step + v * plan.lanes, operands.b_type), operands.b_type, plan.lanes));
  // Pairs of two rows of W are put together for all r at once.
  const bool together = plan.pairs && operands.a_by_value && operands.pair_stride != 1;
  Value* all = together ? load(a_at(0), operands.a_type, rows) : nullptr;
  for (int r = 0; r < rows; ++r) {
    Value* broadcast = together ? emit.CreateShuffleVector(all, std::vector<int>(static_cast<std::size_t>(plan.lanes), r))
                                : emit.splat(load(a_at(r), operands.a_type, 1), plan.lanes);
    for (int v = 0; v < plan.vectors; ++v) {
      Value *&sum = sums[static_cast<std::size_t>(r * plan.vectors + v)], *column = columns[static_cast<std::size_t>(v)];
      sum = plan.pairs ? emit.multiply_add_pairs(broadcast, column, sum) : emit.multiply_add(broadcast, column, sum);
    }
  }
  return sums;
}

// What of W is asked for while a block is multiplied, for blocks of a list lie apart and the processor does not foresee them: from `address` on,
// `stride` elements further with every step.
struct Ahead {
  Value *address = nullptr, *stride = nullptr;
};

// All steps of one run of the contraction: `count` of them, a multiple of unrolled() where `whole`. The loop carries the operands'
// addresses behind the sums: LLVM's strength reduction, which would find them, is not run (compile.cpp).
Values run(Emitter& emit, const CpuPlan& plan, const TileOperands& operands, int rows, Value* a, Value* b, const Ahead& ahead, Value* count, bool whole,
           Values sums) {
  Values addresses = {a, b};
  if (ahead.address) addresses.push_back(ahead.address);
  const DType types[] = {operands.a_type, operands.b_type, operands.value_type()};
  Value* strides[] = {emit.i64(operands.a_step), emit.i64(operands.b_step), ahead.stride};
  const std::size_t num_sums = sums.size();
  const auto steps = [&](int times) {
    return [&, times](Value*, const Values& carried) {
      Values next(carried.begin(), carried.begin() + static_cast<std::ptrdiff_t>(num_sums));
      const Values here(carried.begin() + static_cast<std::ptrdiff_t>(num_sums), carried.end());
      for (int u = 0; u < times; ++u) {
        if (ahead.address) {
          Value* asked = emit.at(here[2], emit.CreateMul(emit.i64(u), ahead.stride), types[2]);
          for (const std::int64_t row : {std::int64_t{0}, operands.pair_stride})
            if (row != 1) emit.prefetch(emit.at(asked, row, types[2]), operands.a_by_value ? rows : plan.width(), types[2], false);
        }
        next = step(emit, plan, operands, rows, here[0], here[1], u, next);
      }
      for (std::size_t i = 0; i < here.size(); ++i) next.push_back(emit.at(here[i], emit.CreateMul(emit.i64(times), strides[i]), types[i]));
      return next;
    };
  };
  const int unroll = unrolled(plan, rows);
  sums.insert(sums.end(), addresses.begin(), addresses.end());
  if (whole || unroll == 1) {
    sums = emit.loop(emit.i64(0), count, unroll, sums, steps(unroll));
  } else {
    Value* main = emit.CreateAnd(count, emit.i64(-unroll));
    sums = emit.loop(emit.i64(0), main, unroll, sums, steps(unroll));
    sums = emit.loop(main, count, 1, sums, steps(1));
  }
  sums.resize(num_sums);
  return sums;
}

}  // namespace

TileOperands tile_operands(const CpuPlan& plan) {
  const DType type = plan.problem.dtype;
  const std::int64_t elements = std::int64_t{plan.block.rows} * plan.block.cols;
  TileOperands t;
  if (plan.problem.op == Op::kUpdate) {
    const bool row = plan.problem.activations == Activations::kRow;
    t.a_row = row ? 1 : plan.pitch;
    t.a_step = row ? plan.block.rows : 1;
    t.b_step = plan.block.cols;
    return t;
  }
  if (plan.rows_are_tokens()) {
    t.a_row = plan.pitch;
    t.a_step = 1;
    t.a_block = plan.steps(plan.inner_block());
    t.b_type = plan.has_first_pass() ? DType::kFp32 : type;
    t.b_step = plan.outer_block();
    t.b_block = elements;
    if (!plan.pairs) return t;
    if (plan.has_first_pass()) {
      t.b_block = plan.steps(elements);
    } else {
      t.pair_stride = plan.outer_block();
      t.b_step *= 2;
    }
    return t;
  }
  const bool forward = plan.problem.op == Op::kFprop;
  t.a_by_value = true;
  t.a_type = type;
  t.a_row = forward ? 1 : plan.block.cols;
  t.a_step = forward ? plan.block.cols : 1;
  t.a_block = elements;
  t.b_step = plan.width();
  t.b_block = plan.steps(plan.inner_block()) * plan.width();
  if (plan.pairs) {
    t.a_step *= 2;
    if (forward) t.pair_stride = plan.block.cols;
  }
  return t;
}

llvm::Function* emit_tile(Emitter& emit, const CpuPlan& plan, int rows) {
  llvm::Type *pointer = emit.getPtrTy(), *i64 = emit.getInt64Ty();
  const bool product = plan.problem.op != Op::kUpdate;
  std::vector<llvm::Type*> parameters = {pointer, pointer, i64, pointer};
  if (product) parameters.insert(parameters.end(), {pointer, emit.getInt1Ty(), pointer, i64, i64});
  llvm::Function* function = open_function(emit, "tile_" + std::to_string(rows), parameters);
  set_machine(*function, plan.machine);
  Value *a = function->getArg(0), *b = function->getArg(1), *count = function->getArg(2), *out = function->getArg(3);
  const TileOperands operands = tile_operands(plan);
  const std::size_t num_sums = static_cast<std::size_t>(rows) * static_cast<std::size_t>(plan.vectors);
  const auto sum_at = [&](std::size_t i) {
    const auto row = static_cast<std::int64_t>(i) / plan.vectors, vector = static_cast<std::int64_t>(i) % plan.vectors;
    return emit.at(out, row * plan.width() + vector * plan.lanes, DType::kFp32);
  };
  Values sums(num_sums, llvm::Constant::getNullValue(emit.floats(plan.lanes)));
  if (!product) {
    sums = run(emit, plan, operands, rows, a, b, {}, count, false, sums);
  } else {
    Value *entries = function->getArg(4), *fresh = function->getArg(5), *later = function->getArg(6), *share = function->getArg(7), *log2_shares = function->getArg(8);
    sums = emit.choose(fresh, sums, [&] {
      Values kept;
      for (std::size_t i = 0; i < num_sums; ++i) kept.push_back(emit.load(sum_at(i), DType::kFp32, plan.lanes));
      return deals(plan, operands) ? dealt(emit, kept) : kept;
    });
    const std::int64_t last = plan.inner() / plan.inner_block(), edge = plan.steps(plan.inner_block()), rest = plan.steps(plan.inner() % plan.inner_block());
    const auto load_int = [&](unsigned index, Value* entry) {
      Value* address = emit.CreateConstGEP1_32(emit.getInt32Ty(), entry, index);
      return emit.CreateSExt(emit.CreateAlignedLoad(emit.getInt32Ty(), address, llvm::Align(4)), emit.getInt64Ty());
    };
    Value *stride = emit.CreateLShr(emit.i64(operands.value_step()), log2_shares), *share_elements = emit.CreateLShr(emit.i64(edge * operands.value_step()), log2_shares);
    sums = emit.loop(emit.i64(0), count, 1, sums, [&](Value* i, const Values& carried) {
      Value* entry = emit.CreateGEP(emit.getInt64Ty(), entries, i);
      Value *inner = load_int(0, entry), *value = load_int(1, entry);
      Value* a_here = emit.at(a, emit.CreateMul(operands.a_by_value ? value : inner, emit.i64(operands.a_block)), operands.a_type);
      Value* b_here = emit.at(b, emit.CreateMul(operands.a_by_value ? inner : value, emit.i64(operands.b_block)), operands.b_type);
      Value *asked = emit.CreateAdd(share, i), *block = emit.CreateLShr(asked, log2_shares);
      Value* element = emit.CreateMul(load_int(1, emit.CreateGEP(emit.getInt64Ty(), later, block)), emit.i64(operands.value_block()));
      element = emit.CreateAdd(element, emit.CreateMul(emit.CreateSub(asked, emit.CreateShl(block, log2_shares)), share_elements));
      const Ahead ahead = {emit.at(operands.a_by_value ? a : b, element, operands.value_type()), stride};
      if (rest == 0) return run(emit, plan, operands, rows, a_here, b_here, ahead, emit.i64(edge), true, carried);
      // What the last block holds past the matrix is nobody's.
      Value* steps = emit.CreateSelect(emit.CreateICmpEQ(inner, emit.i64(last)), emit.i64(rest), emit.i64(edge));
      return run(emit, plan, operands, rows, a_here, b_here, ahead, steps, rest % unrolled(plan, rows) == 0, carried);
    });
  }
  if (deals(plan, operands)) sums = gathered(emit, sums);
  for (std::size_t i = 0; i < num_sums; ++i) emit.store(sums[i], sum_at(i), DType::kFp32);
  emit.CreateRetVoid();
  return function;
}

}  // namespace bsgen::cpu
