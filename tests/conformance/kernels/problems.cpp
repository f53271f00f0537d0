// What may be asked besides the mask: alignment, accumulation, output types, epilogues.
#include "tests/conformance/kernels/grid.h"

namespace bsgen::conformance {

TEST_CASE("every_alignment_agrees_with_float64", "[problems]") {
  CONFORMANCE_SUITE(suite);
  for (const Op op : kOps)
    for (const DType dtype : {DType::kFp32, DType::kBf16})
      for (const int align : {4, 2})
        for (const Activations activations : {Activations::kRow, Activations::kCol}) {
          const std::optional<DType> out = dtype == DType::kBf16 ? std::optional(DType::kBf16) : std::nullopt;
          if (align < size_bytes(dtype)) continue;
          suite.expect_pass({.mask = "random:4x5:density=0.5,seed=8", .options = {.block = {16, 16}, .size = {61, 75}},
                             .problem = {.op = op, .dtype = dtype, .out_dtype = out, .activations = activations, .align = align}, .tokens = {1, 37}});
        }
}

TEST_CASE("accumulation_adds_to_what_the_gradient_held", "[problems]") {
  CONFORMANCE_SUITE(suite);
  for (const DType dtype : kDTypes)
    for (const std::optional<DType> out : {std::optional<DType>(), std::optional(DType::kBf16), std::optional(DType::kFp16)})
      suite.expect_pass({.mask = "random:4x5:density=0.5,seed=9", .options = {.block = {16, 16}, .size = {60, 77}},
                         .problem = {.op = Op::kUpdate, .dtype = dtype, .out_dtype = out, .accumulate = true}, .tokens = {0, 1, 50}});
}

TEST_CASE("every_output_type_agrees_with_float64", "[problems]") {
  CONFORMANCE_SUITE(suite);
  for (const Op op : kOps)
    for (const DType dtype : {DType::kTf32, DType::kFp16, DType::kBf16})
      for (const DType out : {DType::kFp32, DType::kFp16, DType::kBf16})
        suite.expect_pass({.mask = "random:4x5:density=0.5,seed=10", .options = {.block = {32, 32}}, .problem = {.op = op, .dtype = dtype, .out_dtype = out},
                           .tokens = {45}});
}

TEST_CASE("epilogues_agree_with_float64", "[problems]") {
  CONFORMANCE_SUITE(suite);
  const std::vector<std::string> epilogues = {
      "gelu(acc + bias[n]) * scale + residual[m,n]",
      "relu(acc) - gate[m] * bias[n]",
      "silu(acc * 0.25) / (2 + exp(-abs(acc)))",
      "max(min(acc, hi[n]), -1.5) + gelu_tanh(acc) - tanh(acc) * sigmoid(acc)",
  };
  std::size_t turn = 0;
  for (const std::string& epilogue : epilogues)
    for (const DType dtype : {DType::kFp32, DType::kFp16, DType::kBf16})
      for (const Activations activations : {Activations::kRow, Activations::kCol}) {
        Problem problem{.op = Op::kFprop, .dtype = dtype, .activations = activations, .epilogue = epilogue};
        if (++turn % 5 == 0) problem.out_dtype = DType::kFp32;
        suite.expect_pass({.mask = "random:4x5:density=0.4,seed=11", .options = {.block = {16, 16}, .size = {64, 75}}, .problem = problem,
                           .tokens = {0, 1, 45}});
      }
}

TEST_CASE("epilogues_of_empty_columns_and_of_heads_agree_with_float64", "[problems]") {
  CONFORMANCE_SUITE(suite);
  const Layout two_heads = *Layout::from_bits({0, 1, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1}, 2, 3, {16, 16}, 2);
  for (const DType dtype : {DType::kTf32, DType::kBf16})
    suite.expect_pass({.mask = "two heads with empty columns", .layout = two_heads,
                       .problem = {.op = Op::kFprop, .dtype = dtype, .epilogue = "acc * 2 + bias[n] - shift[m] + residual[m,n]"}, .tokens = {1, 20}});
}

}  // namespace bsgen::conformance
