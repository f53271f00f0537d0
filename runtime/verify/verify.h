// Reproducible operands, the float64 reference, and the judge that decides whether a run passed.
// Everything here is a function of its arguments; nothing is drawn from clocks or libm.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bsgen/layout.h"
#include "bsgen/problem.h"
#include "bsgen/status.h"
#include "compiler/epilogue/epilogue.h"

namespace bsgen::verify {

// One Philox4x32-10 block gives eight 16-bit uniforms; their centred sum times sqrt(1.5) is the value (integer sum, one IEEE
// multiplication; variance 1). A pure function of (seed, tensor, index): key = seed, counter = (low half of index, high half of
// index, tensor, 0). The eight uniforms are the low and high halves of the block's four words.
float input_value(std::uint64_t seed, std::uint32_t tensor, std::uint64_t index);

// The tensor numbers. An index counts logical elements: (head, token, feature) row-major for x, y and matrices, whatever their
// memory layout is; (block, row, column) for w, padding included; (head, element) for vectors; 0 for scalars.
constexpr std::uint32_t kTensorX = 0, kTensorW = 1, kTensorY = 2;
constexpr std::uint32_t kTensorEpilogue = 3;  // + index in Epilogue::parameters()

// What run fills operands with: the values above; 1 everywhere; or index mod 61 - 30, whose products are exact and tell places.
enum class Inputs : std::uint8_t { kNormal, kOnes, kIndex };
Expected<Inputs> parse_inputs(std::string_view text);  // "normal", "ones", "index"

// Rounds to nearest even and back; tf32 is left as fp32. Subnormals are kept, overflow gives infinity, NaN becomes 0x7fff.
std::uint16_t to_fp16(float value);
float from_fp16(std::uint16_t bits);
std::uint16_t to_bf16(float value);
float from_bf16(std::uint16_t bits);
// What a tf32 kernel makes of an operand: to nearest, ties away from zero, 10 bits of fraction.
float round_tf32(float value);

// A dense host matrix in memory order, heads x rows x cols.
struct HostTensor {
  DType dtype = DType::kFp32;
  std::int64_t heads = 1, rows = 0, cols = 0;
  std::vector<std::byte> bytes;

  float at(std::int64_t head, std::int64_t row, std::int64_t col) const;
  void set(std::int64_t head, std::int64_t row, std::int64_t col, float value);  // rounds to dtype
};
HostTensor make_tensor(DType dtype, std::int64_t heads, std::int64_t rows, std::int64_t cols);  // zeros

// Unwritten memory: every 16-bit half is 0xfffa, a NaN in each type that no arithmetic makes.
void poison(std::span<std::byte> bytes);
bool is_poison(const HostTensor& tensor, std::int64_t head, std::int64_t row, std::int64_t col);

// Every operand of one run, and the output poisoned with NaN.
struct Operands {
  std::int64_t tokens = 0;
  HostTensor x, w, y;                          // memory layouts as in bsgen/kernel.h
  std::map<std::string, float> scalars;
  std::map<std::string, HostTensor> tensors;   // epilogue vectors (fp32) and matrices (output type)
  HostTensor& output(Op op) { return op == Op::kFprop ? y : op == Op::kBprop ? x : w; }
  const HostTensor& output(Op op) const { return const_cast<Operands*>(this)->output(op); }
};
Expected<Operands> make_operands(const Layout& layout, const Problem& problem, std::int64_t tokens, std::uint64_t seed,
                                 Inputs inputs = Inputs::kNormal);

// Puts Inf, -Inf and NaN at drawn places of the dense operand that meets the weight (x; dY for bprop; both for update): about one
// in 64 elements, never two in one block of one token. Outputs of blocks that are absent there must stay as they were.
void plant_nonfinite(const Layout& layout, const Problem& problem, Operands& operands, std::uint64_t seed);

struct Verdict {
  bool passed = false;
  double worst_error = 0;      // largest |out - ref| over its bound; <= 1 passes
  std::string worst_at;        // "(row, col)", with head for stacks: "(head, row, col)"
  double relative_error = 0;   // ||out - ref|| / ||ref||, 0 when both are 0
  double relative_limit = 0;   // judged over 1,000 outputs or more; 0 = not judged
  std::string reason;          // why it failed, with the block and the values
};

// Every element must obey |out - ref| <= u |ref| + (k + 16) 2^-23 (|X| |W|), DESIGN section 8; k = 0 is exact; with accumulate
// what dW held counts as one more product. Where the reference is NaN the output must be NaN, where it is infinite the same
// infinity. With an epilogue, acc's interval goes through Epilogue::evaluate, one output rounding is added, and the limit of
// the relative error is what an error of acc of that size becomes behind the epilogue.
// `result` is the output tensor as the device left it; `operands.output` holds what it held before the launch (NaN, or what
// update accumulates onto).
Expected<Verdict> judge(const Layout& layout, const Problem& problem, const Operands& operands, const HostTensor& result);

// XXH3-128 of the elements in row-major order, hex. transposed: memory holds the transpose (layout col), so that both activation
// layouts of the same values have one digest.
std::string output_digest(const HostTensor& tensor, bool transposed = false);

// Elements from one row of a dense operand to the next: `cols` rounded up to the problem's alignment. run and floor_bytes share it.
std::int64_t leading_dimension(std::int64_t cols, DType dtype, int align);

// Bytes of the 32-byte sectors of every operand element the result depends on, and of the output, each tensor's sectors once,
// for tensors that start at a sector with leading_dimension() between rows. The epilogue's vectors and matrices are operands.
std::uint64_t floor_bytes(const Layout& layout, const Problem& problem, std::int64_t tokens);
// 2 M x elements of present blocks inside the matrix.
std::uint64_t useful_flops(const Layout& layout, const Problem& problem, std::int64_t tokens);

}  // namespace bsgen::verify
