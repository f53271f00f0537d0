// The two passes of a kernel: loops over tokens, lists and blocks around the tiles.
#include "runtime/cpu/llvm/api.h"
#include "runtime/cpu/llvm/parts.h"

namespace bsgen::cpu {
namespace {

Value* load_at(Emitter& emit, llvm::Type* type, Value* base, std::size_t byte_offset) {
  return emit.CreateAlignedLoad(type, emit.CreateConstGEP1_64(emit.getInt8Ty(), base, byte_offset), llvm::Align(4));
}

Value* least(Emitter& emit, Value* a, Value* b) { return emit.CreateSelect(emit.CreateICmpSLT(a, b), a, b); }
Value* greatest(Emitter& emit, Value* a, Value* b) { return emit.CreateSelect(emit.CreateICmpSLT(a, b), b, a); }

// What a call was given (BsgenCpuWork).
struct Work {
  Value *arguments, *offsets, *entries, *launch, *worker, *head, *begin, *end, *token_begin, *token_end, *columns;
};

Work open_pass(Emitter& emit, const CpuPlan& plan, const char* name) {
  llvm::Function* function = open_function(emit, name, {emit.getPtrTy()}, true);
  set_machine(*function, plan.machine);
  const auto pointer = [&](std::size_t at) { return load_at(emit, emit.getPtrTy(), function->getArg(0), at); };
  const auto number = [&](std::size_t at) { return load_at(emit, emit.getInt64Ty(), function->getArg(0), at); };
  return {pointer(offsetof(BsgenCpuWork, arguments)), pointer(offsetof(BsgenCpuWork, offsets)),     pointer(offsetof(BsgenCpuWork, entries)),
          pointer(offsetof(BsgenCpuWork, launch)),    pointer(offsetof(BsgenCpuWork, worker)),      number(offsetof(BsgenCpuWork, head)),
          number(offsetof(BsgenCpuWork, begin)),      number(offsetof(BsgenCpuWork, end)),          number(offsetof(BsgenCpuWork, token_begin)),
          number(offsetof(BsgenCpuWork, token_end)),  pointer(offsetof(BsgenCpuWork, columns))};
}

class Kernel {
 public:
  Kernel(Emitter& emit, const CpuPlan& plan) : emit_(emit), plan_(plan) {
    for (const int rows : plan.tile_rows) tiles_.push_back(emit_tile(emit, plan, rows));
    finish_ = plan.problem.op == Op::kUpdate ? emit_finish_update(emit, plan) : emit_finish(emit, plan);
  }

  void emit() {
    if (plan_.problem.op == Op::kUpdate) {
      emit_panels();
      emit_update();
    } else {
      if (plan_.has_first_pass()) emit_transposed_values();
      emit_product();
    }
  }

 private:
  Value* i64(std::int64_t value) { return emit_.i64(value); }
  Value* mul(Value* a, std::int64_t b) { return emit_.CreateMul(a, i64(b)); }
  Value* add(Value* a, Value* b) { return emit_.CreateAdd(a, b); }
  Value* sub(Value* a, Value* b) { return emit_.CreateSub(a, b); }
  std::int64_t grid_rows() const { return (plan_.rows + plan_.block.rows - 1) / plan_.block.rows; }
  std::int64_t grid_cols() const { return (plan_.cols + plan_.block.cols - 1) / plan_.block.cols; }
  void copy(Value* from, DType type, Value* to, Value* count) {
    if (plan_.pairs)
      emit_copy_pairs(emit_, plan_.lanes, from, to, count);
    else
      emit_copy(emit_, plan_.lanes, from, type, to, count);
  }
  std::int64_t block_elements() const { return std::int64_t{plan_.block.rows} * plan_.block.cols; }

  // bprop, row: every block of W turned, so that its rows run along the output.
  void emit_transposed_values() {
    const Work work = open_pass(emit_, plan_, "bsgen_cpu_first");
    const Slot w = load_slot(emit_, work.arguments, kSlotW);
    const DType type = plan_.problem.dtype;
    emit_.loop(work.begin, work.end, 1, [&](Value* block) {
      Value* element = mul(block, block_elements());
      Value* to = emit_.at(work.launch, mul(block, plan_.steps(block_elements())), DType::kFp32);
      emit_transpose(emit_, emit_.at(w.data, element, type), type, plan_.pairs, i64(plan_.block.cols), to, plan_.block.rows, i64(plan_.block.rows),
                     i64(plan_.block.cols));
    });
    emit_.CreateRetVoid();
  }

  // fprop, bprop: one head, a group of tokens, a run of lists.
  void emit_product() {
    const Work work = open_pass(emit_, plan_, "bsgen_cpu_main");
    const DType type = plan_.problem.dtype;
    const Slot in = load_slot(emit_, work.arguments, plan_.problem.op == Op::kFprop ? kSlotX : kSlotY);
    const Slot w = load_slot(emit_, work.arguments, kSlotW);
    const Slot out = load_slot(emit_, work.arguments, plan_.problem.op == Op::kFprop ? kSlotY : kSlotX);
    Value* target = emit_.at(out.data, emit_.CreateMul(work.head, out.head_stride), plan_.problem.output());
    Value* source = emit_.at(in.data, emit_.CreateMul(work.head, in.head_stride), type);
    Value* tokens = sub(work.token_end, work.token_begin);
    if (plan_.rows_are_tokens()) {
      emit_.loop(i64(0), tokens, 1, [&](Value* m) {
        Value* from = emit_.at(source, emit_.CreateMul(add(work.token_begin, m), in.leading_dimension), type);
        copy(from, type, emit_.at(work.worker, mul(m, plan_.pitch), DType::kFp32), i64(plan_.inner()));
      });
    } else {
      emit_.loop(i64(0), tokens, plan_.width(), [&](Value* m) {
        Value* count = least(emit_, sub(tokens, m), i64(plan_.width()));
        emit_.loop(i64(0), i64(plan_.steps(plan_.inner())), 1, [&](Value* k) {
          Value* row = plan_.pairs ? emit_.CreateShl(k, 1) : k;
          Value* from = emit_.at(source, add(emit_.CreateMul(row, in.leading_dimension), add(work.token_begin, m)), type);
          Value* to = emit_.at(work.worker, add(mul(m, plan_.steps(plan_.inner())), mul(k, plan_.width())), DType::kFp32);
          if (plan_.pairs)
            emit_interleave(emit_, plan_.lanes, from, emit_.at(from, in.leading_dimension, type), to, count);
          else
            emit_copy(emit_, plan_.lanes, from, type, to, count);
        });
      });
    }
    Value* values = plan_.has_first_pass() ? work.launch : w.data;
    Value* sums = emit_.at(work.worker, plan_.worker_scratch() - plan_.sums_scratch(), DType::kFp32);
    const Product product = {work, out, target, tokens, sums, plan_.rows_are_tokens() ? tiles_of(tokens) : nullptr};
    if (plan_.ordered_tokens() == 0)
      emit_lists(product, values);
    else
      emit_.when(emit_.CreateIsNull(work.columns), [&] { emit_lists(product, values); }, [&] { emit_in_storage_order(product, values); });
    emit_.CreateRetVoid();
  }

  // What a call of emit_product computes with; `tiles`: how many cover its tokens.
  struct Product {
    const Work& work;
    const Slot& out;
    Value *target, *tokens, *sums, *tiles;
  };

  std::int64_t num_lists() const { return (plan_.outer() + plan_.outer_block() - 1) / plan_.outer_block(); }

  // Every list from its first block to its last.
  void emit_lists(const Product& p, Value* values) {
    const Work& work = p.work;
    const TileOperands operands = tile_operands(plan_);
    const std::int64_t lists = num_lists();
    emit_.loop(work.begin, work.end, 1, [&](Value* list) {
      Value* at = emit_.CreateGEP(emit_.getInt64Ty(), work.offsets, add(list, mul(work.head, lists)));
      Value* begin = emit_.CreateAlignedLoad(emit_.getInt64Ty(), at, llvm::Align(8));
      Value* count = sub(emit_.CreateAlignedLoad(emit_.getInt64Ty(), emit_.CreateConstGEP1_32(emit_.getInt64Ty(), at, 1), llvm::Align(8)), begin);
      Value* entries = emit_.CreateGEP(emit_.getInt64Ty(), work.entries, begin);
      const std::int64_t step = plan_.rows_are_tokens() ? plan_.width() : plan_.tile_rows[0];
      emit_.loop(i64(0), i64(plan_.outer_block()), step, [&](Value* o) {
        Value* first = add(mul(list, plan_.outer_block()), o);
        Value* valid = least(emit_, i64(step), sub(i64(plan_.outer()), first));
        if (plan_.rows_are_tokens()) {
          emit_segments(p, emit_.at(values, o, operands.b_type), entries, count, first, valid);
        } else {
          Value* a = emit_.at(values, mul(o, operands.a_row), operands.a_type);
          emit_.loop(i64(0), p.tokens, plan_.width(), [&](Value* m) {
            ask_for(p.target, p.out.leading_dimension, first, add(work.token_begin, m), i64(plan_.tile_rows[0]));
            emit_.CreateCall(tiles_[0], {a, emit_.at(work.worker, mul(m, plan_.steps(plan_.inner())), DType::kFp32), count, p.sums, entries, emit_.getTrue(),
                                         later(entries, i64(plan_.blocks_ahead())), i64(0), i64(0)});
            emit_.CreateCall(finish_, {work.arguments, p.sums, work.head, first, add(work.token_begin, m), valid,
                                       least(emit_, i64(plan_.width()), sub(p.tokens, m))});
          });
        }
      });
    });
  }

  // Block after block as memory holds W, the sums of all columns at hand (storage_order.h); then every column's epilogue.
  void emit_in_storage_order(const Product& p, Value* values) {
    const Work& work = p.work;
    const TileOperands operands = tile_operands(plan_);
    const std::int64_t width = plan_.outer_block();
    const auto sums_of = [&](Value* column) { return emit_.at(p.sums, mul(emit_.CreateMul(sub(column, work.begin), p.tokens), width), DType::kFp32); };
    llvm::Constant* zero = llvm::Constant::getNullValue(emit_.floats(plan_.lanes));
    emit_.loop(i64(0), mul(emit_.CreateMul(sub(work.end, work.begin), p.tokens), width), plan_.lanes,
               [&](Value* i) { emit_.store(zero, emit_.at(p.sums, i, DType::kFp32), DType::kFp32); });
    const auto bound = [&](unsigned i) {
      return emit_.CreateAlignedLoad(emit_.getInt64Ty(), emit_.CreateConstGEP1_32(emit_.getInt64Ty(), work.offsets, i), llvm::Align(8));
    };
    emit_.loop(bound(0), bound(1), 1, [&](Value* i) {
      Value* entry = later(work.entries, i);
      Value* column = emit_.CreateAlignedLoad(emit_.getInt32Ty(), emit_.CreateGEP(emit_.getInt32Ty(), work.columns, i), llvm::Align(4));
      Value* block_sums = sums_of(emit_.CreateSExt(column, emit_.getInt64Ty()));
      emit_.loop(i64(0), i64(width), plan_.width(), [&](Value* o) {
        emit_.loop(i64(0), p.tiles, 1, {i64(0)}, [&](Value*, const Values& carried) {
          Value* m = carried[0];
          const auto [rows, function] = variant_for(sub(p.tokens, m));
          Value* sums = emit_.at(block_sums, add(emit_.CreateMul(o, p.tokens), mul(m, plan_.width())), DType::kFp32);
          emit_.CreateCall(tiles_[0]->getFunctionType(), function,
                           {emit_.at(work.worker, mul(m, plan_.pitch), DType::kFp32), emit_.at(values, o, operands.b_type), i64(1), sums, entry, emit_.getFalse(),
                            later(entry, i64(plan_.blocks_ahead())), i64(0), i64(0)});
          return Values{add(m, rows)};
        });
      });
    });
    emit_.loop(work.begin, work.end, 1, [&](Value* column) {
      emit_.loop(i64(0), i64(width), plan_.width(), [&](Value* o) {
        Value* first = add(mul(column, width), o);
        emit_.CreateCall(finish_, {work.arguments, emit_.at(sums_of(column), emit_.CreateMul(o, p.tokens), DType::kFp32), work.head, work.token_begin, first,
                                   p.tokens, least(emit_, i64(plan_.width()), sub(i64(plan_.outer()), first))});
      });
    });
  }

  Value* later(Value* entries, Value* blocks) { return emit_.CreateGEP(emit_.getInt64Ty(), entries, blocks); }

  Value* tiles_of(Value* tokens) {
    Value* tiles = i64(0);
    for (const int rows : plan_.tile_rows) {
      tiles = add(tiles, emit_.CreateUDiv(tokens, i64(rows)));
      tokens = emit_.CreateURem(tokens, i64(rows));
    }
    return tiles;
  }

  // One list, `width` columns of it from `first` on, segment after segment: all tiles walk over a segment while it lies in L1, and meanwhile
  // each asks for its share of the blocks behind it, so that reading W is spread over all the arithmetic that it serves. A single tile has the
  // list as one segment and its sums in registers.
  void emit_segments(const Product& p, Value* b, Value* entries, Value* count, Value* first, Value* valid) {
    Value* single = emit_.CreateICmpSLE(p.tiles, i64(1));
    Value* length = emit_.CreateSelect(single, greatest(emit_, count, i64(1)), i64(plan_.segment_blocks));
    Value* segments = greatest(emit_, emit_.CreateUDiv(add(count, sub(length, i64(1))), length), i64(1));  // an empty list has sums too
    // A block has a power of two of shares; tiles behind the last one ask for what they have.
    Value* log2_tiles = sub(i64(63), emit_.CreateBinaryIntrinsic(llvm::Intrinsic::ctlz, emit_.CreateOr(p.tiles, i64(1)), emit_.getTrue()));
    emit_.loop(i64(0), segments, 1, [&](Value* segment) {
      Value* offset = emit_.CreateMul(segment, length);
      Value* blocks = least(emit_, length, sub(count, offset));
      Value* here = later(entries, offset);
      Value* behind = later(here, emit_.CreateSelect(single, i64(plan_.blocks_ahead()), blocks));
      Value *is_first = emit_.CreateICmpEQ(segment, i64(0)), *is_last = emit_.CreateICmpEQ(add(segment, i64(1)), segments);
      emit_.loop(i64(0), p.tiles, 1, {i64(0)}, [&](Value* tile, const Values& carried) {
        Value* m = carried[0];
        const auto [rows, function] = variant_for(sub(p.tokens, m));
        Value *token = add(p.work.token_begin, m), *sums = emit_.at(p.sums, mul(m, plan_.width()), DType::kFp32);
        emit_.when(is_last, [&] { ask_for(p.target, p.out.leading_dimension, token, first, rows); });
        Value* has_share = emit_.CreateICmpEQ(emit_.CreateLShr(tile, log2_tiles), i64(0));
        emit_.CreateCall(tiles_[0]->getFunctionType(), function,
                         {emit_.at(p.work.worker, mul(m, plan_.pitch), DType::kFp32), b, blocks, sums, here, is_first, emit_.CreateSelect(has_share, behind, here),
                          emit_.CreateSelect(has_share, emit_.CreateMul(tile, blocks), i64(0)), log2_tiles});
        emit_.when(is_last, [&] { emit_.CreateCall(finish_, {p.work.arguments, sums, p.work.head, token, first, rows, valid}); });
        return Values{add(m, rows)};
      });
    });
  }

  // The most rows that `tokens`, at least one, fill, and the tile that has them.
  std::pair<Value*, Value*> variant_for(Value* tokens) {
    Value *rows = i64(plan_.tile_rows.back()), *function = tiles_.back();
    for (std::size_t i = tiles_.size() - 1; i-- > 0;) {
      Value* fills = emit_.CreateICmpSGE(tokens, i64(plan_.tile_rows[i]));
      rows = emit_.CreateSelect(fills, i64(plan_.tile_rows[i]), rows);
      function = emit_.CreateSelect(fills, tiles_[i], function);
    }
    return {rows, function};
  }

  // Asks for the lines of the output that a tile will write, `rows` from (row, col) on, while it is computed: they are rows, so pages, apart, and the
  // processor would wait for one after the other. A list that is narrower than a line shares them with its neighbour, who had them just before.
  void ask_for(Value* output, Value* pitch, Value* row, Value* col, Value* rows) {
    constexpr int kLine = 64;
    const DType type = plan_.problem.output();
    if (plan_.width() * size_bytes(type) < kLine) return;
    emit_.loop(i64(0), rows, 1, [&](Value* r) { emit_.prefetch(emit_.at(output, add(emit_.CreateMul(add(row, r), pitch), col), type), plan_.width(), type, true); });
  }

  // update: panel p of X (block row p of all heads), then those of dY. Rows of tokens are read a few at a time across all panels: along memory,
  // where one panel after the other would touch a new page with every row.
  void emit_panels() {
    const Work work = open_pass(emit_, plan_, "bsgen_cpu_first");
    const std::int64_t of_x = plan_.heads * grid_rows();
    Value* tokens = sub(work.token_end, work.token_begin);
    const std::int64_t rows = plan_.problem.activations == Activations::kRow ? 8 : plan_.group_tokens;
    emit_.loop(i64(0), tokens, rows, [&](Value* m) {
      const Run run = {m, least(emit_, i64(rows), sub(tokens, m))};
      emit_.loop(work.begin, work.end, 1, [&](Value* panel) {
        emit_.when(
            emit_.CreateICmpSLT(panel, i64(of_x)), [&] { emit_panel(work, kSlotX, panel, run, grid_rows(), plan_.rows, plan_.block.rows, 0); },
            [&] {
              const std::int64_t behind_x = of_x * plan_.block.rows * plan_.pitch;
              emit_panel(work, kSlotY, sub(panel, i64(of_x)), run, grid_cols(), plan_.cols, plan_.block.cols, behind_x);
            });
      });
    });
    emit_.CreateRetVoid();
  }

  // Tokens of a call: `count` of them, the first an even number of them behind the call's first.
  struct Run {
    Value *begin, *count;
  };

  void emit_panel(const Work& work, int slot_at, Value* panel, const Run& run, std::int64_t grid, std::int64_t features, int edge, std::int64_t offset) {
    const DType type = plan_.problem.dtype;
    const Slot slot = load_slot(emit_, work.arguments, slot_at);
    Value* head = emit_.CreateSDiv(panel, i64(std::max<std::int64_t>(grid, 1)));
    Value* feature = mul(emit_.CreateSRem(panel, i64(std::max<std::int64_t>(grid, 1))), edge);
    Value* valid = least(emit_, i64(edge), sub(i64(features), feature));
    Value* source = emit_.at(slot.data, emit_.CreateMul(head, slot.head_stride), type);
    Value* to = emit_.at(work.launch, add(mul(panel, edge * plan_.pitch), i64(offset)), DType::kFp32);
    if (plan_.problem.activations == Activations::kRow) {
      emit_rows(emit_.at(source, add(emit_.CreateMul(add(work.token_begin, run.begin), slot.leading_dimension), feature), type), slot.leading_dimension,
                emit_.at(to, mul(plan_.pairs ? emit_.CreateLShr(run.begin, 1) : run.begin, edge), DType::kFp32), edge, valid, run.count);
      return;
    }
    Value* from = emit_.at(source, add(emit_.CreateMul(feature, slot.leading_dimension), work.token_begin), type);
    if (slot_at == kSlotX) {
      emit_.loop(i64(0), valid, 1, [&](Value* r) {
        copy(emit_.at(from, emit_.CreateMul(r, slot.leading_dimension), type), type, emit_.at(to, mul(r, plan_.pitch), DType::kFp32), run.count);
      });
    } else {
      emit_transpose(emit_, from, type, plan_.pairs, slot.leading_dimension, to, edge, valid, run.count);
    }
  }

  // Rows of tokens, `valid` elements of each: one a step, or two side by side.
  void emit_rows(Value* from, Value* from_pitch, Value* to, int edge, Value* valid, Value* tokens) {
    const DType type = plan_.problem.dtype;
    const auto source = [&](Value* m) { return emit_.at(from, emit_.CreateMul(m, from_pitch), type); };
    const auto target = [&](Value* step) { return emit_.at(to, mul(step, edge), DType::kFp32); };
    if (!plan_.pairs) {
      emit_.loop(i64(0), tokens, 1, [&](Value* m) { emit_copy(emit_, plan_.lanes, source(m), type, target(m), valid); });
      return;
    }
    Value* half = emit_.CreateLShr(tokens, 1);
    emit_.loop(i64(0), half, 1, [&](Value* step) {
      Value* first = source(emit_.CreateShl(step, 1));
      emit_interleave(emit_, plan_.lanes, first, emit_.at(first, from_pitch, type), target(step), valid);
    });
    emit_.when(emit_.CreateTrunc(tokens, emit_.getInt1Ty()),
               [&] { emit_interleave(emit_, plan_.lanes, source(emit_.CreateShl(half, 1)), nullptr, target(half), valid); });
  }

  void emit_update() {
    const Work work = open_pass(emit_, plan_, "bsgen_cpu_main");
    const DType type = plan_.problem.output();
    const TileOperands operands = tile_operands(plan_);
    const Slot w = load_slot(emit_, work.arguments, kSlotW);
    const std::int64_t x_panels = plan_.heads * grid_rows() * plan_.block.rows * plan_.pitch;
    const std::int64_t panels = x_panels + plan_.heads * grid_cols() * plan_.block.cols * plan_.pitch;
    Value* total = emit_.CreateSExt(load_at(emit_, emit_.getInt32Ty(), work.arguments, kTokensAt), emit_.getInt64Ty());
    Value* first = emit_.CreateICmpEQ(work.token_begin, i64(0));
    Value* last = emit_.CreateICmpEQ(work.token_end, total);
    Value* tokens = sub(work.token_end, work.token_begin);
    Value* steps = plan_.pairs ? emit_.CreateLShr(add(tokens, i64(1)), 1) : tokens;
    emit_.loop(work.begin, work.end, 1, [&](Value* block) {
      Value* entry = emit_.CreateGEP(emit_.getInt64Ty(), work.entries, block);
      const auto index = [&](std::size_t byte) { return emit_.CreateSExt(load_at(emit_, emit_.getInt32Ty(), entry, byte), emit_.getInt64Ty()); };
      Value *row = index(0), *col = index(4);
      Value* a = emit_.at(work.launch, mul(row, plan_.block.rows * plan_.pitch), DType::kFp32);
      Value* b = emit_.at(work.launch, add(mul(col, plan_.block.cols * plan_.pitch), i64(x_panels)), DType::kFp32);
      Value* rows_left = sub(i64(plan_.rows), mul(emit_.CreateSRem(row, i64(std::max<std::int64_t>(grid_rows(), 1))), plan_.block.rows));
      Value* cols_left = sub(i64(plan_.cols), mul(emit_.CreateSRem(col, i64(std::max<std::int64_t>(grid_cols(), 1))), plan_.block.cols));
      Value* value = mul(block, block_elements());
      emit_.loop(i64(0), i64(plan_.block.rows), plan_.tile_rows[0], [&](Value* r) {
        emit_.loop(i64(0), i64(plan_.block.cols), plan_.width(), [&](Value* c) {
          Value* element = add(value, add(mul(r, plan_.block.cols), c));
          emit_.CreateCall(tiles_[0], {emit_.at(a, mul(r, operands.a_row), DType::kFp32), emit_.at(b, c, DType::kFp32), steps, work.worker});
          emit_.CreateCall(finish_, {work.worker, emit_.at(w.data, element, type), emit_.at(work.launch, add(element, i64(panels)), DType::kFp32),
                                     sub(rows_left, r), sub(cols_left, c), first, last});
        });
      });
    });
    emit_.CreateRetVoid();
  }

  Emitter& emit_;
  const CpuPlan& plan_;
  std::vector<llvm::Function*> tiles_;
  llvm::Function* finish_ = nullptr;
};

}  // namespace

Slot load_slot(Emitter& emit, Value* arguments, int byte_offset) {
  const auto at = static_cast<std::size_t>(byte_offset);
  return {load_at(emit, emit.getPtrTy(), arguments, at), load_at(emit, emit.getInt64Ty(), arguments, at + 8), load_at(emit, emit.getInt64Ty(), arguments, at + 16)};
}

llvm::Function* open_function(Emitter& emit, const std::string& name, const std::vector<llvm::Type*>& parameters, bool exported) {
  auto* type = llvm::FunctionType::get(emit.getVoidTy(), parameters, false);
  auto* function = llvm::Function::Create(type, exported ? llvm::Function::ExternalLinkage : llvm::Function::InternalLinkage, name, emit.module());
  function->setDoesNotThrow();
  emit.SetInsertPoint(llvm::BasicBlock::Create(emit.getContext(), "entry", function));
  return function;
}

void set_machine(llvm::Function& function, const Machine& machine) {
  function.addFnAttr("target-cpu", machine.cpu);
  if (!machine.features.empty()) function.addFnAttr("target-features", machine.features);
  if (machine.isa >= Isa::kAvx512) {
    function.addFnAttr("prefer-vector-width", "512");
    function.addFnAttr("min-legal-vector-width", "512");
  }
}

void emit_kernel(Emitter& emit, const CpuPlan& plan) { Kernel(emit, plan).emit(); }

}  // namespace bsgen::cpu
