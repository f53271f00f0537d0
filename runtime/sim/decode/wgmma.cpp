// wgmma, sm_90a only.
#include <charconv>

#include "runtime/sim/decode/decoder.h"
#include "runtime/sim/exec/tensor_core_wgmma.h"
#include "runtime/sim/exec/wgmma_ops.h"

namespace bsgen::sim::decoding {
namespace {

using ptx::Operand;
using ptx::ScalarType;

struct OperandType {
  std::string_view name;
  MmaType type;            // of floats
  int bits;
  bool is_integer = false, is_signed = false;
  std::uint32_t signs = 0;  // of the elements in one register
};
constexpr OperandType kTypes[] = {{"f16", MmaType::kF16, 16, false, false, 0x80008000},  {"bf16", MmaType::kBf16, 16, false, false, 0x80008000},
                                  {"tf32", MmaType::kTf32, 32, false, false, 0x80000000}, {"e4m3", MmaType::kE4m3, 8, false, false, 0x80808080},
                                  {"e5m2", MmaType::kE5m2, 8, false, false, 0x80808080},  {"s8", MmaType::kF16, 8, true, true},
                                  {"u8", MmaType::kF16, 8, true, false}};
const OperandType* take_operand_type(Decoder& d) {
  for (const OperandType& row : kTypes)
    if (d.take(row.name)) return &row;
  d.fail(fmt::format("unknown operand type .{}", d.peek()));
  return nullptr;
}

// m64nNkK: N a multiple of 8 up to 256. Reads the next modifier.
struct Shape {
  int n = 0, k = 0;
};
Shape take_shape(Decoder& d) {
  const std::string_view word = d.peek();
  Shape shape;
  const char* const end = word.data() + word.size();
  if (word.substr(0, 4) == "m64n") {
    const auto n = std::from_chars(word.data() + 4, end, shape.n);
    if (n.ec == std::errc() && n.ptr < end && *n.ptr == 'k') {
      const auto k = std::from_chars(n.ptr + 1, end, shape.k);
      if (k.ec == std::errc() && k.ptr == end && shape.n >= 8 && shape.n <= 256 && shape.n % 8 == 0) {
        d.take(word);
        return shape;
      }
    }
  }
  d.fail(fmt::format("unknown shape .{}", word));
  return {};
}

// wgmma.mma_async.sync.aligned.shape.dtype.atype.btype d, {a, a-desc}, b-desc, scale-d{, imm-scale-a, imm-scale-b{, imm-trans-a}{, imm-trans-b}}
void mma_async(Decoder& d) {
  d.require("sync");
  d.require("aligned");
  const Shape shape = take_shape(d);
  bool saturates = d.take("satfinite");
  constexpr ScalarType kResults[] = {ScalarType::kF32, ScalarType::kB32, ScalarType::kB32};  // f16 results are packed
  const int result = d.take_one_of({"f32", "f16", "s32"});
  if (d.failed()) return;
  if (result < 0) return d.fail(fmt::format("unknown result type .{}", d.peek()));
  const OperandType *a = take_operand_type(d), *b = take_operand_type(d);
  if (d.failed()) return;
  saturates |= d.take("satfinite");
  if (a->is_integer != (result == 2) || b->is_integer != (result == 2) || (saturates && result != 2) || (a->bits != 8 && a != b) || a->bits != b->bits)
    return d.fail("this combination of types does not exist");
  if (shape.k != 256 / a->bits) return d.fail(fmt::format("k is {} for .{}", 256 / a->bits, a->name));
  if (result == 2 && shape.n > 32 && shape.n % 16 != 0) return d.fail("integers take n 8, 16, 24, 32 or a multiple of 16");

  Op& op = d.op();
  op.handler = &wgmma_multiply;
  op.convergence = Convergence::kAligned;
  op.count = static_cast<std::uint8_t>(shape.n / 8);
  op.element_bytes = static_cast<std::uint8_t>(result == 1 ? shape.n / 4 : shape.n / 2);
  d.tensor_flops(static_cast<std::uint32_t>(2 * 16 * shape.n * shape.k));
  op.immediate = a->signs;
  if (result == 2) {
    op.flags = static_cast<std::uint8_t>((a->is_signed ? kSignedA : 0) | (b->is_signed ? kSignedB : 0) | (saturates ? kSaturateSum : 0));
  } else {
    op.function = reinterpret_cast<const void*>(wgmma_function({a->type, b->type, result == 0 ? AccType::kF32 : AccType::kF16}, best_isa()));
    if (op.function == nullptr) return d.fail("this combination of types does not exist");
  }
  const bool from_registers = d.operand(1).kind == Operand::Kind::kVector;
  const std::size_t num_trans = a->bits != 16 ? 0 : from_registers ? 1 : 2, num_scales = result == 2 ? 0 : 2;
  d.want_operands(4 + num_scales + num_trans, 4 + num_scales + num_trans);
  if (d.failed()) return;
  op.extra = static_cast<std::uint32_t>(d.program().extra.size());
  d.extra(d.operand(0), kResults[result], op.element_bytes, true);
  d.reads_too(op.extra);
  if (from_registers) {
    op.flags |= kARegisters;
    d.extra(d.operand(1), ScalarType::kB32, 4, false);
  } else {
    d.source(0, d.operand(1), ScalarType::kB64);
  }
  d.source(1, d.operand(2), ScalarType::kB64);
  Operand scale = d.operand(3);
  if (scale.negated) op.flags |= kScaleNegated;
  scale.negated = false;
  d.source(2, scale, ScalarType::kPred);
  if (num_scales != 0) {
    const std::int64_t scale_a = d.integer(d.operand(4), -1, 1), scale_b = d.integer(d.operand(5), -1, 1);
    if (scale_a == 0 || scale_b == 0) return d.fail("imm-scale is 1 or -1");
    if (scale_a * scale_b < 0) op.flags |= kNegateProduct;
  }
  if (num_trans == 2 && d.integer(d.operand(6), 0, 1) == 1) op.flags |= kTransposeA;
  if (num_trans != 0 && d.integer(d.operand(5 + num_trans), 0, 1) == 1) op.flags |= kTransposeB;

  WgmmaTable& table = d.program().wgmma;
  op.target = static_cast<std::uint32_t>(table.uses.size());
  table.uses.push_back({{}, {}, static_cast<std::uint32_t>(d.instruction().line.ptx), (shape.n * 4 + result) * 512 + shape.k});
}

// wgmma.{mma_async, fence, commit_group, wait_group N}.sync.aligned
void wgmma(Decoder& d) {
  if (d.module().target != 90 || d.module().target_suffix != 'a') return d.fail("needs .target sm_90a");
  d.program().uses_async = true;
  if (d.take("mma_async")) return mma_async(d);
  const int which = d.take_one_of({"fence", "commit_group", "wait_group"});
  if (which < 0) return d.fail(fmt::format("unknown modifier .{}", d.peek()));
  d.require("sync");
  d.require("aligned");
  constexpr Handler kHandlers[] = {&wgmma_fence, &wgmma_commit, &wgmma_wait};
  d.op().handler = kHandlers[which];
  if (which == 2) d.op().kind = OpKind::kWait;
  d.op().convergence = Convergence::kAligned;
  d.want_operands(which == 2, which == 2);
  if (which == 2) d.op().immediate = d.integer(d.operand(0), 0, 1 << 20);
}

}  // namespace

std::vector<OpcodeRow> wgmma_opcodes() { return {{"wgmma", &wgmma}}; }

}  // namespace bsgen::sim::decoding
