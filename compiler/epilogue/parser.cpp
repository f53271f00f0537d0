// Recursive descent, one function per level of precedence. Types are simple enough (everything is a float; a name has one kind)
// to be checked on the way.
#include <fmt/format.h>


#include "compiler/epilogue/expression.h"
#include "compiler/epilogue/functions.h"
#include "compiler/epilogue/lexer.h"
#include "compiler/support/nearest.h"

namespace bsgen::epilogue {
namespace {

std::string_view index_text(ParameterKind kind) {
  switch (kind) {
    case ParameterKind::kScalar: return "";
    case ParameterKind::kVectorN: return "[n]";
    case ParameterKind::kVectorM: return "[m]";
    case ParameterKind::kMatrix: return "[m,n]";
  }
  return "";
}

std::shared_ptr<Node> make(NodeKind kind, std::vector<NodePointer> arguments = {}) {
  auto node = std::make_shared<Node>();
  node->kind = kind;
  for (const NodePointer& each : arguments) node->depth = std::max(node->depth, each->depth + 1);
  node->arguments = std::move(arguments);
  return node;
}

bool is_product(const NodePointer& node) { return node->kind == NodeKind::kMultiply; }

// a + b or a - b, fused where one side is a product; the left one where both are.
NodePointer make_sum(const NodePointer& a, const NodePointer& b, bool subtract) {
  if (!is_product(a) && !is_product(b)) return make(subtract ? NodeKind::kSubtract : NodeKind::kAdd, {a, b});
  const NodePointer& product = is_product(a) ? a : b;
  const NodePointer& addend = is_product(a) ? b : a;
  auto node = make(NodeKind::kFma, {product->arguments[0], product->arguments[1], addend});
  node->negate_product = subtract && product == b;
  node->negate_addend = subtract && product == a;
  return node;
}

std::string unknown_function(std::string_view name) {
  std::string_view nearest;
  std::size_t best = 3;
  for (const FunctionInfo& each : functions())
    if (const std::size_t d = edit_distance(name, each.name); d < best) best = d, nearest = each.name;
  if (!nearest.empty()) return fmt::format("no function \"{}\"; did you mean {}", name, nearest);
  std::string all;
  for (const FunctionInfo& each : functions()) all += fmt::format("{}{}", all.empty() ? "" : ", ", each.name);
  return fmt::format("no function \"{}\"; there are {}", name, all);
}

// Numbers the operands in the order in which the canonical text names them, so that equal texts mean equal launch slots:
// "b + acc * a" is spelled, and called, like "acc * a + b".
class Renumbering {
 public:
  explicit Renumbering(const std::vector<Parameter>& old) : old_(old), index_(old.size(), -1) {}

  NodePointer of(const NodePointer& node) {
    auto copy = std::make_shared<Node>(*node);
    if (node->kind == NodeKind::kParameter) {
      int& index = index_[node->parameter];
      if (index < 0) index = static_cast<int>(parameters.size()), parameters.push_back(old_[node->parameter]);
      copy->parameter = index;
    }
    if (node->negate_product) copy->arguments[2] = of(node->arguments[2]);  // "c - a * b" names c first
    for (std::size_t i = 0; i < node->arguments.size(); ++i)
      if (i != 2 || !node->negate_product) copy->arguments[i] = of(node->arguments[i]);
    return copy;
  }

  std::vector<Parameter> parameters;

 private:
  const std::vector<Parameter>& old_;
  std::vector<int> index_;
};

class Parser {
 public:
  Parser(std::string_view text, std::vector<Token> tokens) : text_(text), tokens_(std::move(tokens)) {}

  Expected<Epilogue> run() {
    BSGEN_ASSIGN(NodePointer root, sum());
    if (here().kind != TokenKind::kEnd) return mistake_here(fmt::format("expected an operator or the end, found {}", describe(here())));
    Renumbering renumbering(parameters_);
    root = renumbering.of(root);
    return Epilogue(std::move(root), std::move(renumbering.parameters));
  }

 private:
  const Token& here() const { return tokens_[next_]; }
  const Token& take() { return tokens_[here().kind == TokenKind::kEnd ? next_ : next_++]; }
  bool accept(char symbol) { return here().is(symbol) ? (take(), true) : false; }
  Status mistake_here(std::string_view what) const { return mistake(text_, here().at, what); }
  Status expect(char symbol, std::string_view after) {
    if (accept(symbol)) return {};
    return mistake_here(fmt::format("expected \"{}\" {}, found {}", symbol, after, describe(here())));
  }

  // Long sums lean left and get deep without nesting, so the depth of the tree has a limit of its own.
  Expected<NodePointer> bounded(NodePointer node, std::size_t at) const {
    if (node->depth <= kMaxTreeDepth) return node;
    return mistake(text_, at, fmt::format("a chain of more than {} operations; group parts of it with parentheses", kMaxTreeDepth));
  }

  Expected<NodePointer> sum() {
    BSGEN_ASSIGN(NodePointer left, product());
    while (here().is('+') || here().is('-')) {
      const Token& sign = take();
      BSGEN_ASSIGN(NodePointer right, product());
      BSGEN_ASSIGN(left, bounded(make_sum(left, right, sign.is('-')), sign.at));
    }
    return left;
  }

  Expected<NodePointer> product() {
    BSGEN_ASSIGN(NodePointer left, unary());
    while (here().is('*') || here().is('/')) {
      const Token& sign = take();
      BSGEN_ASSIGN(NodePointer right, unary());
      BSGEN_ASSIGN(left, bounded(make(sign.is('*') ? NodeKind::kMultiply : NodeKind::kDivide, {left, right}), sign.at));
    }
    return left;
  }

  Expected<NodePointer> unary() {
    if (!here().is('-')) return primary();
    const Token& sign = take();
    if (++nesting_ > kMaxNesting) return too_nested(sign);
    BSGEN_ASSIGN(NodePointer operand, unary());
    --nesting_;
    return bounded(make(NodeKind::kNegate, {operand}), sign.at);
  }

  Expected<NodePointer> primary() {
    const Token& token = take();
    if (token.kind == TokenKind::kNumber) {
      auto node = make(NodeKind::kNumber);
      node->number = token.number;
      return NodePointer(node);
    }
    if (token.is('(')) {
      if (++nesting_ > kMaxNesting) return too_nested(token);
      BSGEN_ASSIGN(NodePointer inside, sum());
      --nesting_;
      BSGEN_TRY(expect(')', "to close the parenthesis"));
      return inside;
    }
    if (token.kind == TokenKind::kName) return here().is('(') ? call(token) : operand(token);
    return mistake(text_, token.at, fmt::format("expected acc, a name, a number, a function or \"(\", found {}", describe(token)));
  }

  Expected<NodePointer> call(const Token& name) {
    const auto function = find_function(name.text);
    if (!function) return mistake(text_, name.at, unknown_function(name.text));
    take();  // (
    if (++nesting_ > kMaxNesting) return too_nested(name);
    std::vector<NodePointer> arguments;
    if (!here().is(')')) {
      do {
        BSGEN_ASSIGN(NodePointer argument, sum());
        arguments.push_back(std::move(argument));
      } while (accept(','));
    }
    --nesting_;
    const int arity = info(*function).arity;
    if (static_cast<int>(arguments.size()) != arity)
      return mistake(text_, name.at, fmt::format("{} takes {} argument{}, found {}", name.text, arity, arity == 1 ? "" : "s", arguments.size()));
    BSGEN_TRY(expect(')', fmt::format("to close {}(", name.text)));
    auto node = make(NodeKind::kCall, std::move(arguments));
    node->function = *function;
    return bounded(NodePointer(node), name.at);
  }

  Expected<NodePointer> operand(const Token& name) {
    if (name.text == "acc") {
      if (here().is('[')) return mistake_here("acc is the sum of this element and takes no index");
      return NodePointer(make(NodeKind::kAcc));
    }
    if (find_function(name.text))
      return mistake(text_, name.at, fmt::format("{} is a function; write {}(...), or give the operand another name", name.text, name.text));
    if (name.text == "m" || name.text == "n")
      return mistake(text_, name.at, fmt::format("{} is an index and stands only in brackets, as in bias[n]", name.text));
    BSGEN_ASSIGN(const ParameterKind kind, index());
    auto node = make(NodeKind::kParameter);
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      if (parameters_[i].name != name.text) continue;
      if (parameters_[i].kind != kind)
        return mistake(text_, name.at, fmt::format("{0}{1} was {0}{2} before; a name keeps one kind", name.text, index_text(kind),
                                                   index_text(parameters_[i].kind)));
      node->parameter = static_cast<int>(i);
      return NodePointer(node);
    }
    if (parameters_.size() == kMaxParameters)
      return mistake(text_, name.at, fmt::format("{} would be operand {}, a kernel takes {}", name.text, kMaxParameters + 1, kMaxParameters));
    node->parameter = static_cast<int>(parameters_.size());
    parameters_.push_back({std::string(name.text), kind});
    return NodePointer(node);
  }

  Expected<ParameterKind> index() {
    if (!accept('[')) return ParameterKind::kScalar;
    const Token& first = take();
    if (first.text != "m" && first.text != "n")
      return mistake(text_, first.at, fmt::format("expected an index [n], [m] or [m,n], found {}", describe(first)));
    if (accept(']')) return first.text == "m" ? ParameterKind::kVectorM : ParameterKind::kVectorN;
    BSGEN_TRY(expect(',', fmt::format("or \"]\" after {}", first.text)));
    const Token& second = take();
    if (first.text != "m" || second.text != "n")
      return mistake(text_, first.at, "a matrix is indexed [m,n], token first");
    BSGEN_TRY(expect(']', "after m,n"));
    return ParameterKind::kMatrix;
  }

  Status too_nested(const Token& token) const {
    return mistake(text_, token.at, fmt::format("nested deeper than {} levels", kMaxNesting));
  }

  std::string_view text_;
  std::vector<Token> tokens_;
  std::size_t next_ = 0;
  int nesting_ = 0;
  std::vector<Parameter> parameters_;
};

}  // namespace

Expected<Epilogue> parse(std::string_view text) {
  BSGEN_ASSIGN(std::vector<Token> tokens, tokenize(text));
  if (tokens.size() == 1) return Epilogue(std::make_shared<Node>(), {});
  return Parser(text, std::move(tokens)).run();
}

}  // namespace bsgen::epilogue
