// Problem: what to compute with a layout. Everything a kernel's bits depend on besides layout, plan and architecture.
//
//   bsgen::Problem problem{.op = bsgen::Op::kFprop, .dtype = bsgen::DType::kBf16, .epilogue = "gelu(acc + bias[n])"};
//
// X is tokens x features (M x K), W is K x N in the layout's blocks, Y and dY are M x N. M is free at launch.
//   fprop   Y[M,N]  = epilogue(X[M,K] W[K,N])
//   bprop   dX[M,K] = dY[M,N] W^T
//   update  dW      = X^T dY on the present blocks only (+ what dW holds, with accumulate)
// A stack of H layouts is H such problems: X is H x M x K and so on.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

#include "bsgen/dtype.h"
#include "bsgen/layout.h"
#include "bsgen/status.h"

namespace bsgen {

enum class Op : std::uint8_t { kFprop, kBprop, kUpdate };
std::string_view name(Op op);  // "fprop", "bprop", "update"
Expected<Op> parse_op(std::string_view text);

// Which index of an activation is contiguous: kRow = features (M x K row-major), kCol = tokens (K x M row-major).
enum class Activations : std::uint8_t { kRow, kCol };
std::string_view name(Activations activations);  // "row", "col"
Expected<Activations> parse_activations(std::string_view text);

struct Problem {
  Op op = Op::kFprop;
  DType dtype = DType::kBf16;        // of every operand
  std::optional<DType> out_dtype{};  // fp32, fp16 or bf16; default: the operand's (fp32 for tf32), fp32 for update
  Activations activations = Activations::kRow;
  int align = 16;                    // bytes: 16, 4 or 2; what every pointer and leading dimension is a
                                     // multiple of (4-byte elements are a multiple of 4 of themselves)
  bool accumulate = false;           // update: add to what dW holds
  std::string epilogue{};            // fprop: expression over acc; empty = acc

  DType output() const;              // out_dtype or its default, never kTf32
  Status validate(const Layout& layout, const Arch& arch) const;  // what no kernel does is refused with the reason
  void dump(std::ostream& out) const;
  bool operator==(const Problem&) const = default;
};

}  // namespace bsgen
