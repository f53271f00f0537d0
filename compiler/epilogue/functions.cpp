#include "compiler/epilogue/functions.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bsgen::epilogue {
namespace {

// Where silu, gelu and gelu_tanh have their only minimum: f'(x) = 0, solved to 17 digits.
constexpr double kSiluMinimum = -1.2784645427610738;
constexpr double kGeluMinimum = -0.75179152469356446;
constexpr double kGeluTanhMinimum = -0.75246142207101626;

double times_falling_tail(double x, double weight) {
  // x * weight(x) where weight vanishes faster than 1 / x: the product at -infinity is its limit.
  return x == -std::numeric_limits<double>::infinity() ? -0.0 : x * weight;
}

double sigmoid(double x) {
  if (x >= 0) return 1 / (1 + std::exp(-x));
  const double e = std::exp(x);
  return e / (1 + e);  // keeps the relative accuracy of the tail
}

}  // namespace

std::span<const FunctionInfo> functions() {
  static constexpr FunctionInfo kTable[] = {
      {"min", Function::kMin, 2},         {"max", Function::kMax, 2},   {"abs", Function::kAbs, 1},
      {"exp", Function::kExp, 1},         {"tanh", Function::kTanh, 1}, {"sigmoid", Function::kSigmoid, 1},
      {"relu", Function::kRelu, 1},       {"gelu", Function::kGelu, 1}, {"gelu_tanh", Function::kGeluTanh, 1},
      {"silu", Function::kSilu, 1},
  };
  return kTable;
}

const FunctionInfo& info(Function function) { return functions()[static_cast<std::size_t>(function)]; }

std::optional<Function> find_function(std::string_view name) {
  for (const FunctionInfo& each : functions())
    if (each.name == name) return each.function;
  return std::nullopt;
}

bool is_exact(Function function) {
  return function == Function::kMin || function == Function::kMax || function == Function::kAbs || function == Function::kRelu;
}

ErrorBound error_bound(Function function, bool fast) {
  if (is_exact(function)) return {};
  // One ulp is at most 2^-23 of the value, and 2^-149 among the subnormals.
  if (!fast) return {4 * 0x1p-23, 4 * 0x1p-149};
  return {0x1p-13, 0x1p-140};
}

double value(Function function, double a, double b) {
  switch (function) {
    // As the device writes them: NaN if either is NaN, the second of two equals.
    case Function::kMin: return a < b || a != a ? a : b;
    case Function::kMax: return a > b || a != a ? a : b;
    case Function::kAbs: return std::fabs(a);
    case Function::kRelu: return a < 0 ? 0 : a;
    case Function::kExp: return std::exp(a);
    case Function::kTanh: return std::tanh(a);
    case Function::kSigmoid: return a != a ? a : sigmoid(a);
    case Function::kSilu: return a != a ? a : times_falling_tail(a, sigmoid(a));
    case Function::kGelu: return times_falling_tail(a, 0.5 * std::erfc(-a * M_SQRT1_2));
    case Function::kGeluTanh: {
      if (a != a) return a;
      const double u = std::sqrt(2 / M_PI) * a * (1 + 0.044715 * a * a);
      return times_falling_tail(a, sigmoid(2 * u));  // 1 + tanh(u) = 2 sigmoid(2 u)
    }
  }
  return a;
}

Interval image(Function function, Interval a, Interval b) {
  const auto ordered = [](double x, double y) { return Interval{std::min(x, y), std::max(x, y)}; };
  const auto with_minimum = [&](double where) {
    const Interval ends = ordered(value(function, a.low), value(function, a.high));
    return a.low < where && where < a.high ? Interval{value(function, where), ends.high} : ends;
  };
  switch (function) {
    case Function::kMin: return {std::min(a.low, b.low), std::min(a.high, b.high)};
    case Function::kMax: return {std::max(a.low, b.low), std::max(a.high, b.high)};
    case Function::kAbs:
      if (a.low <= 0 && a.high >= 0) return {0, std::max(-a.low, a.high)};
      return ordered(std::fabs(a.low), std::fabs(a.high));
    case Function::kSilu: return with_minimum(kSiluMinimum);
    case Function::kGelu: return with_minimum(kGeluMinimum);
    case Function::kGeluTanh: return with_minimum(kGeluTanhMinimum);
    default: return {value(function, a.low), value(function, a.high)};  // the others rise
  }
}

}  // namespace bsgen::epilogue
