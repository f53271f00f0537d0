// Epilogue: a small typed expression over `acc`, evaluated once per output element.
//
//   auto e = bsgen::epilogue::parse("gelu(acc + bias[n]) * scale + residual[m,n]");
//   e->parameters()   // bias (vector over n), scale (scalar), residual (matrix)
//
//   expression := sum of products with + - * /, unary -, parentheses, number, name, name[n], name[m], name[m,n], function(...)
//   functions: min(a,b) max(a,b) abs exp tanh sigmoid relu gelu gelu_tanh silu;  `acc` is the sum, fp32.
// All arithmetic is fp32. `a * b + c` (and c + a * b, a * b - c, c - a * b) is one fused multiply-add everywhere: device code,
// reference, every device; parentheses around the product change nothing, and of two products the left one is fused. A name
// keeps one kind (scalar, [n], [m], [m,n]) throughout. Matrices have the type of the output and the layout of the activations;
// vectors and scalars are fp32. The whole language: docs/reference/epilogue.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bsgen/dtype.h"
#include "bsgen/status.h"

namespace bsgen::epilogue {

enum class ParameterKind : std::uint8_t { kScalar, kVectorN, kVectorM, kMatrix };

struct Parameter {
  std::string name;
  ParameterKind kind;
  bool operator==(const Parameter&) const = default;
};

enum class Function : std::uint8_t { kMin, kMax, kAbs, kExp, kTanh, kSigmoid, kRelu, kGelu, kGeluTanh, kSilu };

// How far the device's function may be from the exact one, for any fp32 argument: |device - exact| <= relative |exact| +
// absolute. min, max, abs and relu are exact. fast: the variants with approximate instructions, for 16-bit outputs.
//
//   accurate   4 ulp of fp32 over the whole range
//   fast       2^-13 relative and 2^-140 absolute: at most half of an fp16 and a sixteenth of a bf16 half-ulp
struct ErrorBound {
  double relative = 0, absolute = 0;
};
ErrorBound error_bound(Function function, bool fast);

// Whether a kernel with these types calls the fast variants: 16-bit operands and a 16-bit output.
constexpr bool fast_functions(DType operands, DType output) { return size_bytes(operands) == 2 && size_bytes(output) == 2; }

struct Node;  // the expression tree, epilogue/expression.h

// The value of a float64 evaluation with a bound on what a device's fp32 evaluation may differ by.
struct Interval {
  double low, high;
};

class Epilogue {
 public:
  const std::vector<Parameter>& parameters() const;  // in order of first use in text(); the order of the launch slots
  bool identity() const;                             // plainly `acc`
  const std::string& text() const;                   // canonical spelling: equal expressions print equally

  // Device code: an expression of type float over `float acc` and, for parameter i, the float `p<i>`. Functions are
  // bsgen::dev::<name><kFast>, accurate to 4 ulp for fp32 and tf32 kernels, else with error below half an ulp of the output.
  std::string device_expression(bool fast) const;

  // Float64 value for exact inputs; and the interval that a right device must land in before it rounds to the output type, for
  // acc anywhere in `acc`. values[i] belongs to parameters()[i].
  // An interval over the whole line says nothing (NaN too may come out); {NaN, NaN} says that NaN must come out.
  double evaluate(double acc, const std::vector<double>& values) const;
  Interval evaluate(Interval acc, const std::vector<double>& values, bool fast) const;

  // The device's very bits before rounding to the output type, where every operation is exact or rounded once by IEEE 754 (all
  // but exp, tanh, sigmoid, gelu, gelu_tanh and silu); nothing otherwise.
  std::optional<float> evaluate_fp32(float acc, const std::vector<double>& values) const;

  const Node& root() const { return *root_; }

  explicit Epilogue(std::shared_ptr<const Node> root, std::vector<Parameter> parameters);

 private:
  std::shared_ptr<const Node> root_;
  std::vector<Parameter> parameters_;
  std::string text_;
};

// A mistake comes back with the expression, a caret under the place, and what was expected there. Empty text is `acc`.
Expected<Epilogue> parse(std::string_view text);

}  // namespace bsgen::epilogue
