// The two spellings of a tree: canonical text in the language itself, and device code.
#include <fmt/format.h>

#include "compiler/epilogue/expression.h"
#include "compiler/epilogue/functions.h"

namespace bsgen::epilogue {
namespace {

// How tightly a spelling holds together; an operand that binds less than its place demands gets parentheses.
enum Precedence { kSum = 1, kProduct = 2, kUnary = 3, kPrimary = 4 };

struct Spelling {
  std::string text;
  Precedence precedence = kPrimary;
};

std::string at_least(Precedence wanted, const Spelling& operand) {
  return operand.precedence < wanted ? fmt::format("({})", operand.text) : operand.text;
}

// Left-associative: the right operand must bind more tightly.
Spelling binary(const Spelling& a, char sign, const Spelling& b, Precedence precedence) {
  return {fmt::format("{} {} {}", at_least(precedence, a), sign, at_least(static_cast<Precedence>(precedence + 1), b)), precedence};
}

std::string number_text(float number) { return fmt::format("{}", number); }  // shortest that reads back as the same float

Spelling canonical(const Node& node, const std::vector<Parameter>& parameters) {
  const auto sub = [&](const Node& each) { return canonical(each, parameters); };
  switch (node.kind) {
    case NodeKind::kNumber: return {number_text(node.number)};
    case NodeKind::kAcc: return {"acc"};
    case NodeKind::kParameter: {
      constexpr std::string_view kIndex[] = {"", "[n]", "[m]", "[m,n]"};
      const Parameter& parameter = parameters[node.parameter];
      return {parameter.name + std::string(kIndex[static_cast<int>(parameter.kind)])};
    }
    case NodeKind::kNegate: return {fmt::format("-{}", at_least(kUnary, sub(node.a()))), kUnary};
    case NodeKind::kAdd: return binary(sub(node.a()), '+', sub(node.b()), kSum);
    case NodeKind::kSubtract: return binary(sub(node.a()), '-', sub(node.b()), kSum);
    case NodeKind::kMultiply: return binary(sub(node.a()), '*', sub(node.b()), kProduct);
    case NodeKind::kDivide: return binary(sub(node.a()), '/', sub(node.b()), kProduct);
    case NodeKind::kFma: {
      const Spelling product = binary(sub(node.a()), '*', sub(node.b()), kProduct);
      if (node.negate_product) return binary(sub(node.c()), '-', product, kSum);
      return binary(product, node.negate_addend ? '-' : '+', sub(node.c()), kSum);
    }
    case NodeKind::kCall: {
      const std::string second = node.arguments.size() > 1 ? fmt::format(", {}", sub(node.b()).text) : "";
      return {fmt::format("{}({}{})", info(node.function).name, sub(node.a()).text, second)};
    }
  }
  return {};
}

std::string float_literal(float number) {
  std::string text = number_text(number);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text + "f";
}

Spelling device(const Node& node, bool fast) {
  const auto sub = [&](const Node& each) { return device(each, fast); };
  // "--" would be C's decrement.
  const auto negated = [](const Spelling& operand) {
    const bool clash = operand.precedence < kUnary || operand.text[0] == '-';
    return Spelling{clash ? fmt::format("-({})", operand.text) : fmt::format("-{}", operand.text), kUnary};
  };
  switch (node.kind) {
    case NodeKind::kNumber: return {float_literal(node.number)};
    case NodeKind::kAcc: return {"acc"};
    case NodeKind::kParameter: return {fmt::format("p{}", node.parameter)};
    case NodeKind::kNegate: return negated(sub(node.a()));
    case NodeKind::kAdd: return binary(sub(node.a()), '+', sub(node.b()), kSum);
    case NodeKind::kSubtract: return binary(sub(node.a()), '-', sub(node.b()), kSum);
    case NodeKind::kMultiply: return binary(sub(node.a()), '*', sub(node.b()), kProduct);
    case NodeKind::kDivide: return binary(sub(node.a()), '/', sub(node.b()), kProduct);
    case NodeKind::kFma: {
      const Spelling a = sub(node.a()), c = sub(node.c());
      return {fmt::format("bsgen::dev::fma({}, {}, {})", (node.negate_product ? negated(a) : a).text, sub(node.b()).text,
                          (node.negate_addend ? negated(c) : c).text)};
    }
    case NodeKind::kCall: {
      const std::string second = node.arguments.size() > 1 ? fmt::format(", {}", sub(node.b()).text) : "";
      return {fmt::format("bsgen::dev::{}<{}>({}{})", info(node.function).name, fast, sub(node.a()).text, second)};
    }
  }
  return {};
}

}  // namespace

std::string print(const Node& root, const std::vector<Parameter>& parameters) { return canonical(root, parameters).text; }

std::string Epilogue::device_expression(bool fast) const { return device(*root_, fast).text; }

}  // namespace bsgen::epilogue
