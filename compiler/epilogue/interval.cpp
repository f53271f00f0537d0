// Where a right device's fp32 result must lie: interval arithmetic in float64, every operation widened by what one fp32
// rounding, or the function's error bound, may add.
#include <algorithm>
#include <cmath>
#include <limits>

#include "compiler/epilogue/expression.h"
#include "compiler/epilogue/functions.h"

namespace bsgen::epilogue {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kLargest = std::numeric_limits<float>::max();
constexpr Interval kAnything{-kInfinity, kInfinity};
constexpr Interval kNothingButNan{kNan, kNan};

bool is_nan(Interval i) { return std::isnan(i.low); }
bool is_point(Interval i) { return i.low == i.high; }
bool is_anything(Interval i) { return i.low == -kInfinity && i.high == kInfinity; }

// Past the largest fp32 a result is infinite: surely where even the lower end is past it, possibly where the upper end is.
Interval widened(Interval i, ErrorBound bound) {
  if (is_nan(i) || is_anything(i)) return i;
  const double low = std::isinf(i.low) ? i.low : i.low - bound.relative * std::fabs(i.low) - bound.absolute;
  const double high = std::isinf(i.high) ? i.high : i.high + bound.relative * std::fabs(i.high) + bound.absolute;
  const auto overflowed = [](double x) { return x > kLargest ? kInfinity : x < -kLargest ? -kInfinity : x; };
  return {overflowed(low), overflowed(high)};
}

// One rounding to nearest: half an ulp, or half of the least subnormal.
Interval rounded(Interval i) { return widened(i, {0x1p-24, 0x1p-150}); }

// The hull of an operation over the corners of its operands, which holds where it is monotone in each. A corner without a value
// (inf - inf, 0 * inf, x / 0) says NaN for points and anything else.
template <class Operation>
Interval hull(Interval a, Interval b, Operation operation) {
  if (is_nan(a) || is_nan(b)) return kNothingButNan;
  if (is_point(a) && is_point(b)) {
    const double value = operation(a.low, b.low);
    return {value, value};
  }
  const double corners[] = {operation(a.low, b.low), operation(a.low, b.high), operation(a.high, b.low), operation(a.high, b.high)};
  Interval result{corners[0], corners[0]};
  for (const double corner : corners) {
    if (std::isnan(corner)) return kAnything;
    result = {std::min(result.low, corner), std::max(result.high, corner)};
  }
  return result;
}

Interval negated(Interval i) { return {-i.high, -i.low}; }
Interval add(Interval a, Interval b) { return hull(a, b, [](double x, double y) { return x + y; }); }
Interval multiply(Interval a, Interval b) { return hull(a, b, [](double x, double y) { return x * y; }); }
Interval divide(Interval a, Interval b) {
  if (is_nan(a) || is_nan(b)) return kNothingButNan;
  if (b.low <= 0 && b.high >= 0 && !(is_point(a) && is_point(b))) return kAnything;  // a pole inside
  return hull(a, b, [](double x, double y) { return x / y; });
}

Interval call(Function function, Interval a, Interval b, bool fast) {
  if (is_nan(a) || is_nan(b)) return kNothingButNan;
  if (is_anything(a) || is_anything(b)) return kAnything;
  return widened(image(function, a, b), error_bound(function, fast));
}

Interval over(const Node& node, Interval acc, const std::vector<double>& values, bool fast) {
  const auto sub = [&](const Node& each) { return over(each, acc, values, fast); };
  switch (node.kind) {
    case NodeKind::kNumber: return {node.number, node.number};
    case NodeKind::kAcc: return acc;
    case NodeKind::kParameter: return {values[node.parameter], values[node.parameter]};
    case NodeKind::kNegate: return negated(sub(node.a()));
    case NodeKind::kAdd: return rounded(add(sub(node.a()), sub(node.b())));
    case NodeKind::kSubtract: return rounded(add(sub(node.a()), negated(sub(node.b()))));
    case NodeKind::kMultiply: return rounded(multiply(sub(node.a()), sub(node.b())));
    case NodeKind::kDivide: return rounded(divide(sub(node.a()), sub(node.b())));
    case NodeKind::kFma: {
      const Interval product = multiply(sub(node.a()), sub(node.b())), c = sub(node.c());
      return rounded(add(node.negate_product ? negated(product) : product, node.negate_addend ? negated(c) : c));
    }
    case NodeKind::kCall:
      return call(node.function, sub(node.a()), node.arguments.size() > 1 ? sub(node.b()) : Interval{0, 0}, fast);
  }
  return acc;
}

}  // namespace

Interval Epilogue::evaluate(Interval acc, const std::vector<double>& values, bool fast) const {
  return over(*root_, acc, values, fast);
}

}  // namespace bsgen::epilogue
