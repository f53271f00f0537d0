// Reproducible operands, the float64 reference, and the judge that decides whether a run passed.
// Everything here is a function of its arguments; nothing is drawn from clocks or libm.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bsgen/layout.h"
#include "bsgen/problem.h"
#include "bsgen/status.h"
#include "compiler/epilogue/epilogue.h"

namespace bsgen::verify {

// One Philox4x32-10 block gives eight 16-bit uniforms; their centred sum times sqrt(1.5) is the value (integer sum, one IEEE
// multiplication; variance 1). A pure function of (seed, tensor, index).
float input_value(std::uint64_t seed, std::uint32_t tensor, std::uint64_t index);

// Rounds to nearest even and back; tf32 is left as fp32.
std::uint16_t to_fp16(float value);
float from_fp16(std::uint16_t bits);
std::uint16_t to_bf16(float value);
float from_bf16(std::uint16_t bits);

// A dense host matrix in memory order, heads x rows x cols.
struct HostTensor {
  DType dtype = DType::kFp32;
  std::int64_t heads = 1, rows = 0, cols = 0;
  std::vector<std::byte> bytes;

  float at(std::int64_t head, std::int64_t row, std::int64_t col) const;
  void set(std::int64_t head, std::int64_t row, std::int64_t col, float value);  // rounds to dtype
};
HostTensor make_tensor(DType dtype, std::int64_t heads, std::int64_t rows, std::int64_t cols);

// Every operand of one run, and the output poisoned with NaN.
struct Operands {
  std::int64_t tokens = 0;
  HostTensor x, w, y;                          // memory layouts as in bsgen/kernel.h
  std::map<std::string, float> scalars;
  std::map<std::string, HostTensor> tensors;   // epilogue vectors (fp32) and matrices (output type)
  HostTensor& output(Op op) { return op == Op::kFprop ? y : op == Op::kBprop ? x : w; }
  const HostTensor& output(Op op) const { return const_cast<Operands*>(this)->output(op); }
};
Expected<Operands> make_operands(const Layout& layout, const Problem& problem, std::int64_t tokens, std::uint64_t seed);

struct Verdict {
  bool passed = false;
  double worst_error = 0;      // largest |out - ref| over its bound; <= 1 passes
  std::string worst_at;        // "(row, col)", with head for stacks: "(head, row, col)"
  double relative_error = 0;   // ||out - ref|| / ||ref||, 0 when both are 0
  double relative_limit = 0;   // judged over 1,000 outputs or more; 0 = not judged
  std::string reason;          // why it failed, with the block and the values
};

// `result` is the output tensor as the device left it; `operands.output` holds what it held before the launch (NaN, or what
// update accumulates onto).
Expected<Verdict> judge(const Layout& layout, const Problem& problem, const Operands& operands, const HostTensor& result);

// XXH3-128 of the elements in row-major order, hex.
std::string output_digest(const HostTensor& tensor);

// Sectors of every operand element the result depends on, and of the output, each once: DESIGN section 8.
std::uint64_t floor_bytes(const Layout& layout, const Problem& problem, std::int64_t tokens);
// 2 M x elements of present blocks inside the matrix.
std::uint64_t useful_flops(const Layout& layout, const Problem& problem, std::int64_t tokens);

}  // namespace bsgen::verify
