// Values at a point: exact arithmetic in float64, and the device's own fp32 where every operation is rounded once.
#include <cmath>

#include "compiler/epilogue/expression.h"
#include "compiler/epilogue/functions.h"

namespace bsgen::epilogue {
namespace {

double exact(const Node& node, double acc, const std::vector<double>& values) {
  const auto sub = [&](const Node& each) { return exact(each, acc, values); };
  switch (node.kind) {
    case NodeKind::kNumber: return node.number;
    case NodeKind::kAcc: return acc;
    case NodeKind::kParameter: return values[node.parameter];
    case NodeKind::kNegate: return -sub(node.a());
    case NodeKind::kAdd: return sub(node.a()) + sub(node.b());
    case NodeKind::kSubtract: return sub(node.a()) - sub(node.b());
    case NodeKind::kMultiply: return sub(node.a()) * sub(node.b());
    case NodeKind::kDivide: return sub(node.a()) / sub(node.b());
    case NodeKind::kFma: {
      const double a = sub(node.a()), c = sub(node.c());
      return std::fma(node.negate_product ? -a : a, sub(node.b()), node.negate_addend ? -c : c);
    }
    case NodeKind::kCall: return value(node.function, sub(node.a()), node.arguments.size() > 1 ? sub(node.b()) : 0);
  }
  return acc;
}

bool rounded_once(const Node& node) {
  if (node.kind == NodeKind::kCall && !is_exact(node.function)) return false;
  for (const NodePointer& each : node.arguments)
    if (!rounded_once(*each)) return false;
  return true;
}

float single(const Node& node, float acc, const std::vector<double>& values) {
  const auto sub = [&](const Node& each) { return single(each, acc, values); };
  switch (node.kind) {
    case NodeKind::kNumber: return node.number;
    case NodeKind::kAcc: return acc;
    case NodeKind::kParameter: return static_cast<float>(values[node.parameter]);
    case NodeKind::kNegate: return -sub(node.a());
    case NodeKind::kAdd: return sub(node.a()) + sub(node.b());
    case NodeKind::kSubtract: return sub(node.a()) - sub(node.b());
    case NodeKind::kMultiply: return sub(node.a()) * sub(node.b());
    case NodeKind::kDivide: return sub(node.a()) / sub(node.b());
    case NodeKind::kFma: {
      const float a = sub(node.a()), c = sub(node.c());
      return std::fma(node.negate_product ? -a : a, sub(node.b()), node.negate_addend ? -c : c);
    }
    case NodeKind::kCall:  // exact ones only: the float64 value is the fp32 value
      return static_cast<float>(value(node.function, sub(node.a()), node.arguments.size() > 1 ? sub(node.b()) : 0));
  }
  return acc;
}

}  // namespace

Epilogue::Epilogue(std::shared_ptr<const Node> root, std::vector<Parameter> parameters)
    : root_(std::move(root)), parameters_(std::move(parameters)), text_(print(*root_, parameters_)) {}

const std::vector<Parameter>& Epilogue::parameters() const { return parameters_; }
bool Epilogue::identity() const { return root_->kind == NodeKind::kAcc; }
const std::string& Epilogue::text() const { return text_; }

double Epilogue::evaluate(double acc, const std::vector<double>& values) const { return exact(*root_, acc, values); }

std::optional<float> Epilogue::evaluate_fp32(float acc, const std::vector<double>& values) const {
  if (!rounded_once(*root_)) return std::nullopt;
  return single(*root_, acc, values);
}

}  // namespace bsgen::epilogue
