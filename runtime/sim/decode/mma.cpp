// mma.sync: which of the tensor core's arithmetics a combination of shape and types is.
#include "runtime/sim/decode/decoder.h"
#include "runtime/sim/exec/mma_ops.h"
#include "runtime/sim/exec/tensor_core.h"
#include "runtime/sim/exec/tensor_core_fp8.h"
#include "runtime/sim/exec/warp_ops.h"

namespace bsgen::sim::decoding {
namespace {

using ptx::ScalarType;

struct Shape {
  std::string_view name;
  int m, k;
};
constexpr Shape kShapes[] = {{"m16n8k4", 16, 4}, {"m16n8k8", 16, 8}, {"m16n8k16", 16, 16}, {"m16n8k32", 16, 32}, {"m16n8k64", 16, 64}, {"m16n8k128", 16, 128}, {"m16n8k256", 16, 256},
                             {"m8n8k4", 8, 4}, {"m8n8k16", 8, 16}, {"m8n8k32", 8, 32}, {"m8n8k128", 8, 128}};

enum class Kind : std::uint8_t { kFloat, kInteger, kDouble };
struct OperandType {
  std::string_view name;
  Kind kind;
  MmaType type;  // of floats
  int bits;
  bool is_signed;
};
constexpr OperandType kTypes[] = {
    {"f16", Kind::kFloat, MmaType::kF16, 16, true},   {"bf16", Kind::kFloat, MmaType::kBf16, 16, true}, {"tf32", Kind::kFloat, MmaType::kTf32, 32, true},
    {"e4m3", Kind::kFloat, MmaType::kE4m3, 8, true},  {"e5m2", Kind::kFloat, MmaType::kE5m2, 8, true},  {"s8", Kind::kInteger, MmaType::kF16, 8, true},
    {"u8", Kind::kInteger, MmaType::kF16, 8, false},  {"s4", Kind::kInteger, MmaType::kF16, 4, true},   {"u4", Kind::kInteger, MmaType::kF16, 4, false},  {"b1", Kind::kInteger, MmaType::kF16, 1, false},
    {"f64", Kind::kDouble, MmaType::kF16, 64, true}};
const OperandType* take_operand_type(Decoder& d) {
  for (const OperandType& row : kTypes)
    if (d.take(row.name)) return &row;
  d.fail(fmt::format("operand type .{} is not supported", d.peek()));
  return nullptr;
}
int take_accumulator(Decoder& d) {
  const int which = d.take_one_of({"f32", "f16", "s32", "f64"});
  if (which < 0) d.fail(fmt::format("accumulator type .{} is not supported", d.peek()));
  return which;
}

// The registers of d, a, b and c, in this order, in Program::extra.
void take_registers(Decoder& d, ScalarType operand_type, ScalarType accumulator_type, std::size_t num_a, std::size_t num_b, std::size_t num_c) {
  d.want_operands(4, 4);
  if (d.failed()) return;
  d.op().extra = static_cast<std::uint32_t>(d.program().extra.size());
  d.extra(d.operand(0), accumulator_type, num_c, true);
  d.extra(d.operand(1), operand_type, num_a, false);
  d.extra(d.operand(2), operand_type, num_b, false);
  d.extra(d.operand(3), accumulator_type, num_c, false);
}

// Floats: the arithmetic reads a and b while it writes d, so a d that names their registers goes through a buffer.
void float_mma(Decoder& d, const OperandType& a, const OperandType& b, AccType result, int k) {
  Op& op = d.op();
  const MmaShape shape{a.type, b.type, result, k};
  op.function = reinterpret_cast<const void*>(a.bits == 8 ? fp8_mma_function(shape) : mma_function(shape, best_isa()));
  if (op.function == nullptr) return d.fail("this combination of types does not exist");
  op.handler = &matrix_multiply;
  const auto num_a = static_cast<std::uint32_t>(16 * k * a.bits / 1024), num_b = static_cast<std::uint32_t>(8 * k * a.bits / 1024);
  const std::uint32_t num_c = result == AccType::kF32 ? 4 : 2;
  take_registers(d, ScalarType::kB32, result == AccType::kF32 ? ScalarType::kF32 : ScalarType::kB32, num_a, num_b, num_c);
  for (std::uint32_t i = 0; i < num_c; ++i)
    for (std::uint32_t j = num_c; j < num_c + num_a + num_b; ++j)
      if (!d.failed() && d.program().extra[op.extra + i] == d.program().extra[op.extra + j]) op.flags |= 1;
  if (k == 16 || a.type == MmaType::kBf16 || a.type == MmaType::kTf32) d.need_target(80);
  if (a.bits == 8) d.need_target(89);
  op.slot[0] = op.slot[3] = num_c;
  op.slot[1] = num_a;
  op.slot[2] = num_b;
}

// mma.sync.aligned.shape.row.col{.satfinite}.dtype.atype.btype.ctype{.xor.popc, .and.popc} d, a, b, c
void mma(Decoder& d) {
  d.require("sync");
  d.require("aligned");
  const Shape* shape = nullptr;
  for (const Shape& row : kShapes)
    if (shape == nullptr && d.take(row.name)) shape = &row;
  if (shape == nullptr) return d.fail(fmt::format("shape .{} is not supported", d.peek()));
  d.require("row");
  d.require("col");
  const bool saturates = d.take("satfinite");
  const int result = take_accumulator(d);
  const OperandType *a = take_operand_type(d), *b = take_operand_type(d);
  const int addend = take_accumulator(d);
  if (d.failed()) return;
  if (addend != result) return d.fail("accumulators of two types are not supported");
  const Kind wanted = result < 2 ? Kind::kFloat : result == 2 ? Kind::kInteger : Kind::kDouble;
  if (a->kind != wanted || b->kind != wanted || a->bits != b->bits || (saturates && wanted != Kind::kInteger))
    return d.fail("this combination of types does not exist");
  d.op().convergence = Convergence::kAligned;
  d.tensor_flops(static_cast<std::uint32_t>(2 * shape->m * 8 * shape->k));
  const auto count = [&](int elements) { return static_cast<std::size_t>(elements * a->bits / 1024); };
  switch (wanted) {
    case Kind::kFloat:
      if (shape->m != 16) return d.fail("this combination of types does not exist");
      return float_mma(d, *a, *b, result == 0 ? AccType::kF32 : AccType::kF16, shape->k);
    case Kind::kInteger: {
      const int widest = 512 / (a->bits * shape->m / 8);  // k of two registers a lane for 16 rows, of one for 8
      const bool exists = shape->m == 8 ? shape->k == 128 / a->bits : shape->k == widest || shape->k == widest / 2;
      if (!exists || shape->k < 128 / a->bits) return d.fail("this combination of types does not exist");
      bool conjunction = false;
      if (a->bits == 1) {
        if (saturates) return d.fail("this combination of types does not exist");
        conjunction = d.take("and");
        if (!conjunction) d.require("xor");
        d.require("popc");
        if (d.failed()) return;
      }
      d.need_target(shape->m == 8 && !conjunction ? 75 : 80);
      d.op().handler = &integer_multiply;
      d.op().immediate = integer_mma_mode({static_cast<std::uint8_t>(shape->m), static_cast<std::uint16_t>(shape->k), static_cast<std::uint8_t>(a->bits),
                                           a->is_signed, b->is_signed, saturates, conjunction});
      return take_registers(d, ScalarType::kB32, ScalarType::kB32, count(shape->m * shape->k), count(8 * shape->k), static_cast<std::size_t>(shape->m / 4));
    }
    case Kind::kDouble:
      if (shape->m == 8 ? shape->k != 4 : shape->k > 16) return d.fail("this combination of types does not exist");
      d.need_target(shape->m == 8 ? 80 : 90);
      d.op().handler = &double_multiply;
      d.op().immediate = shape->m * 256 + shape->k;
      return take_registers(d, ScalarType::kF64, ScalarType::kF64, static_cast<std::size_t>(shape->m * shape->k / 32), static_cast<std::size_t>(shape->k / 4),
                            static_cast<std::size_t>(shape->m / 4));
  }
}

}  // namespace

std::vector<OpcodeRow> mma_opcodes() { return {{"mma", &mma}}; }

}  // namespace bsgen::sim::decoding
