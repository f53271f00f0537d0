// The expression tree behind an Epilogue. Immutable; built by the parser, which has bounded its depth, so that plain recursion
// is safe everywhere.
#pragma once

#include <memory>
#include <vector>

#include "compiler/epilogue/epilogue.h"

namespace bsgen::epilogue {

enum class NodeKind : std::uint8_t {
  kNumber,     // `number`
  kAcc,
  kParameter,  // parameters()[parameter]
  kNegate,     // -a
  kAdd, kSubtract, kMultiply, kDivide,
  kFma,        // a * b + c, rounded once; negate_product and negate_addend give c - a * b and a * b - c
  kCall,       // function(a) or function(a, b)
};

struct Node {
  NodeKind kind = NodeKind::kAcc;
  float number = 0;
  int parameter = -1;
  Function function = Function::kMin;
  bool negate_product = false, negate_addend = false;  // at most one of the two
  int depth = 1;  // of the tree below, this node included
  std::vector<std::shared_ptr<const Node>> arguments;

  const Node& a() const { return *arguments[0]; }
  const Node& b() const { return *arguments[1]; }
  const Node& c() const { return *arguments[2]; }
};
using NodePointer = std::shared_ptr<const Node>;

// What a hostile text may cost. A kernel has 4096 bytes of parameters, 24 per slot; 32 slots leave room for everything else.
constexpr std::size_t kMaxTextBytes = 4096;
constexpr int kMaxNesting = 64;      // parentheses, calls and signs within each other
constexpr int kMaxTreeDepth = 256;   // operations from the root to a leaf; a sum of 256 terms is that deep
constexpr std::size_t kMaxParameters = 32;

// Canonical spelling, with as few parentheses as its meaning allows.
std::string print(const Node& root, const std::vector<Parameter>& parameters);

}  // namespace bsgen::epilogue
