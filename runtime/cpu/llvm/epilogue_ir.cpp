#include "runtime/cpu/llvm/epilogue_ir.h"

#include "compiler/epilogue/expression.h"

namespace bsgen::cpu {
namespace {

// Spells fp32 arithmetic as C++ does.
class Math {
 public:
  Math(Emitter& emit, llvm::Type* type) : emit_(emit), type_(type), words_(emit.like(emit.getInt32Ty(), lanes(type))) {}

  Value* call(epilogue::Function function, Value* x, Value* y) {
    using epilogue::Function;
    switch (function) {
      case Function::kMin: return select(emit_.CreateOr(less(x, y), is_nan(x)), x, y);
      case Function::kMax: return select(emit_.CreateOr(greater(x, y), is_nan(x)), x, y);
      case Function::kAbs: return magnitude(x);
      case Function::kRelu: return select(less(x, number(0)), number(0), x);
      case Function::kExp: return exp(x);
      case Function::kTanh: return tanh(x);
      case Function::kSigmoid: return sigmoid(x);
      case Function::kSilu: return silu(x);
      case Function::kGelu: return gelu(x);
      case Function::kGeluTanh: return gelu_tanh(x);
    }
    return x;
  }

  Value* number(float value) { return llvm::ConstantFP::get(type_, value); }
  Value* add(Value* a, Value* b) { return emit_.CreateFAdd(a, b); }
  Value* sub(Value* a, Value* b) { return emit_.CreateFSub(a, b); }
  Value* mul(Value* a, Value* b) { return emit_.CreateFMul(a, b); }
  Value* div(Value* a, Value* b) { return emit_.CreateFDiv(a, b); }
  Value* neg(Value* a) { return emit_.CreateFNeg(a); }
  Value* fma(Value* a, Value* b, Value* c) { return emit_.fused(a, b, c); }

 private:
  struct Exponential {
    Value* excess;
    Value* exponent;
  };

  static int lanes(llvm::Type* type) {
    const auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(type);
    return vector ? static_cast<int>(vector->getNumElements()) : 1;
  }
  Value* word(std::uint32_t value) { return llvm::ConstantInt::get(words_, value); }
  Value* bits(Value* x) { return emit_.CreateBitCast(x, words_); }
  Value* value(Value* x) { return emit_.CreateBitCast(x, type_); }
  Value* less(Value* a, Value* b) { return emit_.CreateFCmpOLT(a, b); }
  Value* greater(Value* a, Value* b) { return emit_.CreateFCmpOGT(a, b); }
  Value* is_nan(Value* x) { return emit_.CreateFCmpUNO(x, x); }
  Value* select(Value* condition, Value* a, Value* b) { return emit_.CreateSelect(condition, a, b); }
  Value* magnitude(Value* x) { return value(emit_.CreateAnd(bits(x), word(0x7fffffff))); }
  Value* clamp_below(Value* x, float low) { return select(less(x, number(low)), number(low), x); }
  Value* clamp_above(Value* x, float high) { return select(greater(x, number(high)), number(high), x); }
  Value* keep_nan(Value* x, Value* y) { return select(is_nan(x), x, y); }
  Value* negative(Value* x) { return less(x, number(0)); }

  Value* polynomial(Value* x, std::initializer_list<float> coefficients) {
    Value* sum = nullptr;
    for (const float each : coefficients) sum = sum ? fma(sum, x, number(each)) : number(each);
    return sum;
  }

  Value* scale(Value* x, Value* exponent) {
    Value* half = emit_.CreateAShr(exponent, 1);
    const auto power = [&](Value* e) { return value(emit_.CreateShl(emit_.CreateAdd(e, word(127)), 23)); };
    return mul(mul(x, power(half)), power(emit_.CreateSub(exponent, half)));
  }

  Exponential exponential(Value* high, Value* low) {
    Value* round = number(12582912.0f);
    Value* shifted = fma(high, number(0x1.715476p+0f), round);
    Value* n = sub(shifted, round);
    Value* r = fma(n, number(-0x1.62e43p-1f), high);
    r = fma(n, number(0x1.05c61p-29f), r);
    if (low) r = add(r, low);
    Value* q = polynomial(r, {0x1.6a2384p-10f, 0x1.123a6ap-7f, 0x1.5558f4p-5f, 0x1.555490p-3f, 0x1.fffffcp-2f});
    return {fma(mul(q, r), r, r), emit_.CreateSub(bits(shifted), bits(round))};
  }
  Value* times(const Exponential& e, Value* a) { return fma(a, e.excess, a); }
  Value* power(const Exponential& e) { return scale(times(e, number(1)), e.exponent); }

  Value* times_sigmoid(Value* x, Value* is_negative, Value* high, Value* low) {
    const Exponential e = exponential(high, low);
    Value* denominator = add(number(1), power(e));
    return select(is_negative, scale(div(times(e, x), denominator), e.exponent), div(x, denominator));
  }

  Value* exp(Value* x) { return keep_nan(x, power(exponential(clamp_above(clamp_below(x, -106.0f), 90.0f), nullptr))); }

  Value* tanh(Value* x) {
    Value* t = magnitude(x);
    Value* z = mul(t, t);
    Value* p = polynomial(z, {-0x1.9b3024p-8f, 0x1.593d02p-6f, -0x1.b9287ap-5f, 0x1.110d26p-3f, -0x1.55554ap-2f});
    Value* small = fma(mul(p, z), t, t);
    Value* e = power(exponential(mul(number(2), clamp_above(t, 10.0f)), nullptr));
    Value* large = sub(number(1), div(number(2), add(e, number(1))));
    Value* y = select(less(t, number(0.55f)), small, large);
    return keep_nan(x, value(emit_.CreateOr(bits(y), emit_.CreateAnd(bits(x), word(0x80000000u)))));
  }

  Value* sigmoid(Value* x) { return keep_nan(x, times_sigmoid(number(1), negative(x), neg(clamp_above(magnitude(x), 120.0f)), nullptr)); }

  Value* silu(Value* x) {
    Value* c = clamp_below(x, -150.0f);
    return keep_nan(x, times_sigmoid(c, negative(x), neg(clamp_above(magnitude(c), 150.0f)), nullptr));
  }

  Value* gelu(Value* x) {
    Value* c = clamp_below(x, -16.0f);
    Value* t = clamp_above(magnitude(c), 16.0f);
    Value* d = add(t, number(3));
    Value* d_low = sub(t, sub(d, number(3)));
    Value* r = div(number(1), d);
    Value* r_low = mul(r, fma(neg(r), d_low, fma(neg(r), d, number(1))));
    Value* q = fma(number(-6), r_low, fma(number(-6), r, number(1)));
    Value* tail = polynomial(q, {0x1.c91610p-15f, 0x1.136b50p-13f, -0x1.009e24p-12f, -0x1.0eaed4p-10f, 0x1.0ca210p-10f, 0x1.c8bda4p-8f,
                                 -0x1.56d5ecp-7f, -0x1.832d0ap-5f, 0x1.d71386p-3f, -0x1.04c72ap-1f, 0x1.754a76p-1f});
    Value* weight = fma(tail, r, mul(tail, r_low));
    Value* square = mul(t, t);
    const Exponential e = exponential(mul(number(-0.5f), square), mul(number(-0.5f), fma(t, t, neg(square))));
    Value* left = scale(times(e, mul(c, weight)), e.exponent);
    Value* right = mul(x, sub(number(1), scale(times(e, weight), e.exponent)));
    return keep_nan(x, select(negative(x), left, right));
  }

  Value* gelu_tanh(Value* x) {
    Value* c = clamp_below(x, -12.0f);
    Value* s = clamp_above(magnitude(c), 12.0f);
    Value* square = mul(s, s);
    Value* square_low = fma(s, s, neg(square));
    Value* c1 = number(0x1.988454p+0f);
    Value* c3 = number(0x1.2444f2p-4f);
    Value* cubic = mul(c3, square);
    Value* cubic_low = add(fma(c3, square, neg(cubic)), fma(c3, square_low, mul(number(0x1.49b16ap-29f), square)));
    Value* sum = add(c1, cubic);
    Value* part = sub(sum, c1);
    Value* sum_low = add(add(sub(c1, sub(sum, part)), sub(cubic, part)), add(number(-0x1.857936p-25f), cubic_low));
    Value* high = mul(sum, s);
    Value* low = add(fma(sum, s, neg(high)), mul(sum_low, s));
    return keep_nan(x, times_sigmoid(c, negative(x), neg(high), neg(low)));
  }

  Emitter& emit_;
  llvm::Type* type_;
  llvm::Type* words_;
};

Value* emit_node(Math& math, const epilogue::Node& node, Value* acc, const Values& parameters) {
  using epilogue::NodeKind;
  const auto sub = [&](const epilogue::Node& each) { return emit_node(math, each, acc, parameters); };
  switch (node.kind) {
    case NodeKind::kNumber: return math.number(node.number);
    case NodeKind::kAcc: return acc;
    case NodeKind::kParameter: return parameters[static_cast<std::size_t>(node.parameter)];
    case NodeKind::kNegate: return math.neg(sub(node.a()));
    case NodeKind::kAdd: return math.add(sub(node.a()), sub(node.b()));
    case NodeKind::kSubtract: return math.sub(sub(node.a()), sub(node.b()));
    case NodeKind::kMultiply: return math.mul(sub(node.a()), sub(node.b()));
    case NodeKind::kDivide: return math.div(sub(node.a()), sub(node.b()));
    case NodeKind::kFma: {
      Value* a = sub(node.a());
      Value* c = sub(node.c());
      return math.fma(node.negate_product ? math.neg(a) : a, sub(node.b()), node.negate_addend ? math.neg(c) : c);
    }
    case NodeKind::kCall: return math.call(node.function, sub(node.a()), node.arguments.size() > 1 ? sub(node.b()) : nullptr);
  }
  return acc;
}

}  // namespace

Value* emit_epilogue(Emitter& emit, const epilogue::Epilogue& epilogue, Value* acc, const Values& parameters) {
  Math math(emit, acc->getType());
  return emit_node(math, epilogue.root(), acc, parameters);
}

}  // namespace bsgen::cpu
