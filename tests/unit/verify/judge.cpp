// The judge accepts what is right and catches what is wrong by a little more than its bound.
#include "tests/support/catch.h"

#include <chrono>
#include <cmath>
#include <limits>

#include "runtime/verify/verify.h"

using namespace bsgen;
using namespace bsgen::verify;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
const float kNan = std::numeric_limits<float>::quiet_NaN();

// A device of the plainest kind: dense loops in fp32 over present elements, nothing shared with the reference.
struct Case {
  Layout layout;
  Problem problem;
  Operands operands;

  Case(Layout l, Problem p, std::int64_t tokens) : layout(std::move(l)), problem(std::move(p)), operands(*make_operands(layout, problem, tokens, 11)) {}

  static float act(const Problem& p, const HostTensor& t, int h, int m, int f) { return p.activations == Activations::kRow ? t.at(h, m, f) : t.at(h, f, m); }
  float rounded(float v) const { return problem.dtype == DType::kTf32 ? round_tf32(v) : v; }

  HostTensor run() const {
    const BlockShape b = layout.block();
    HostTensor out = operands.output(problem.op);
    const auto offsets = layout.row_offsets();
    const int M = static_cast<int>(operands.tokens), K = static_cast<int>(layout.rows()), N = static_cast<int>(layout.cols());
    const auto parsed = epilogue::parse(problem.epilogue);
    for (int h = 0; h < layout.heads(); ++h) {
      std::vector<float> y(static_cast<std::size_t>(M) * N), x(static_cast<std::size_t>(M) * K);
      for (int i = 0; i < layout.grid_rows(); ++i)
        for (auto at = offsets[h * layout.grid_rows() + i]; at < offsets[h * layout.grid_rows() + i + 1]; ++at) {
          const int j = layout.block_cols()[at];
          for (int r = 0; r < b.rows; ++r)
            for (int c = 0; c < b.cols; ++c) {
              const int k = i * b.rows + r, n = j * b.cols + c;
              const bool inside = k < K && n < N;
              const float w = rounded(operands.w.at(0, at, r * b.cols + c));
              float dw = problem.accumulate && inside ? operands.w.at(0, at, r * b.cols + c) : 0;
              for (int m = 0; m < M && inside; ++m) {
                if (problem.op == Op::kFprop) y[m * N + n] += rounded(act(problem, operands.x, h, m, k)) * w;
                if (problem.op == Op::kBprop) x[m * K + k] += rounded(act(problem, operands.y, h, m, n)) * w;
                if (problem.op == Op::kUpdate) dw += rounded(act(problem, operands.x, h, m, k)) * rounded(act(problem, operands.y, h, m, n));
              }
              if (problem.op == Op::kUpdate) out.set(0, at, r * b.cols + c, inside ? dw : 0);
            }
        }
      if (problem.op == Op::kUpdate) continue;
      const auto& sums = problem.op == Op::kFprop ? y : x;
      const int F = problem.op == Op::kFprop ? N : K;
      for (int m = 0; m < M; ++m)
        for (int f = 0; f < F; ++f) {
          std::vector<double> values;
          for (const auto& p : parsed->parameters()) {
            if (p.kind == epilogue::ParameterKind::kScalar) values.push_back(operands.scalars.at(p.name));
            if (p.kind == epilogue::ParameterKind::kVectorN) values.push_back(operands.tensors.at(p.name).at(h, 0, f));
            if (p.kind == epilogue::ParameterKind::kVectorM) values.push_back(operands.tensors.at(p.name).at(h, 0, m));
            if (p.kind == epilogue::ParameterKind::kMatrix) values.push_back(act(problem, operands.tensors.at(p.name), h, m, f));
          }
          const float value = static_cast<float>(parsed->evaluate(sums[m * F + f], values));
          problem.activations == Activations::kRow ? out.set(h, m, f, value) : out.set(h, f, m, value);
        }
    }
    return out;
  }
  Verdict judged(const HostTensor& result) const { return *judge(layout, problem, operands, result); }
};

// 3 x 4 blocks of 8 x 16, 20 x 60 elements, with an empty row, an empty column and a full row.
Layout odd_layout(std::int64_t heads = 1) {
  std::vector<std::uint8_t> bits;
  for (std::int64_t h = 0; h < heads; ++h)
    for (const std::uint8_t bit : {1, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0, static_cast<int>(h)}) bits.push_back(bit);
  return *Layout::from_bits(bits, 3, 4, {8, 16}, heads, {20, 60});
}

}  // namespace

TEST_CASE("the_judge_accepts_a_right_result_of_every_kind") {
  for (const Op op : {Op::kFprop, Op::kBprop, Op::kUpdate})
    for (const DType dtype : {DType::kFp32, DType::kTf32, DType::kFp16, DType::kBf16})
      for (const Activations activations : {Activations::kRow, Activations::kCol})
        for (const int tokens : {0, 1, 37})
          for (const int heads : {1, 2})
            for (const bool accumulate : {false, true}) {
              if (accumulate && op != Op::kUpdate) continue;
              Case c(odd_layout(heads), {.op = op, .dtype = dtype, .activations = activations, .accumulate = accumulate}, tokens);
              const Verdict verdict = c.judged(c.run());
              INFO(name(op) << " " << name(dtype) << " M " << tokens << " " << verdict.reason);
              CHECK(verdict.passed);
              CHECK(verdict.worst_error <= 1);
              CHECK(verdict.worst_error >= 0);
            }
}

TEST_CASE("an_output_off_by_a_little_more_than_its_bound_is_caught") {
  // One 8 x 8 block of ones: y = 8, |X||W| = 8, k = 8, so the bound is u 8 + 24 x 2^-23 x 8.
  for (const DType dtype : {DType::kFp32, DType::kTf32, DType::kFp16, DType::kBf16}) {
    const Layout layout = *Layout::from_bits({1}, 1, 1, {8, 8});
    const Problem problem{.op = Op::kFprop, .dtype = dtype, .out_dtype = DType::kFp32};
    const Operands operands = *make_operands(layout, problem, 2, 0, Inputs::kOnes);
    HostTensor result = operands.y;
    for (int m = 0; m < 2; ++m)
      for (int n = 0; n < 8; ++n) result.set(0, m, n, 8);
    CHECK(judge(layout, problem, operands, result)->worst_error == 0);
    const double bound = 0x1p-24 * 8 + 24 * 0x1p-23 * 8;
    result.set(0, 1, 3, static_cast<float>(8 + bound * 0.99));
    CHECK(judge(layout, problem, operands, result)->passed);
    result.set(0, 1, 3, static_cast<float>(8 + bound * 1.05));
    const Verdict verdict = *judge(layout, problem, operands, result);
    CHECK_FALSE(verdict.passed);
    CHECK(verdict.worst_at == "(1, 3)");
    CHECK(verdict.worst_error == Approx(1.05).epsilon(0.02));
  }
}

TEST_CASE("sixteen_bit_outputs_are_judged_by_their_own_rounding") {
  const Layout layout = *Layout::from_bits({1}, 1, 1, {8, 8});
  for (const DType dtype : {DType::kFp16, DType::kBf16}) {
    const Problem problem{.op = Op::kFprop, .dtype = dtype};
    Operands operands = *make_operands(layout, problem, 1, 0, Inputs::kOnes);
    HostTensor result = operands.y;
    for (int n = 0; n < 8; ++n) result.set(0, 0, n, 8);
    const float ulp = dtype == DType::kFp16 ? 0x1p-7f : 0x1p-4f;
    CHECK(judge(layout, problem, operands, result)->passed);
    result.set(0, 0, 5, 8 + ulp);  // twice what rounding may do
    CHECK_FALSE(judge(layout, problem, operands, result)->passed);
  }
}

TEST_CASE("a_missing_block_swapped_blocks_and_swapped_columns_are_caught") {
  Case c(odd_layout(), {.op = Op::kFprop, .dtype = DType::kBf16}, 16);
  REQUIRE(c.judged(c.run()).passed);
  Case missing = c;
  for (int i = 0; i < 128; ++i) missing.operands.w.set(0, 1, i, 0);
  CHECK_FALSE(c.judged(missing.run()).passed);
  Case swapped = c;
  for (int i = 0; i < 128; ++i) swapped.operands.w.set(0, 0, i, c.operands.w.at(0, 3, i)), swapped.operands.w.set(0, 3, i, c.operands.w.at(0, 0, i));
  CHECK_FALSE(c.judged(swapped.run()).passed);
  HostTensor columns = c.run();
  for (int m = 0; m < 16; ++m) {
    const float held = columns.at(0, m, 0);
    columns.set(0, m, 0, columns.at(0, m, 1));
    columns.set(0, m, 1, held);
  }
  CHECK_FALSE(c.judged(columns).passed);
}

TEST_CASE("an_unwritten_element_is_caught_and_named") {
  for (const Op op : {Op::kFprop, Op::kBprop, Op::kUpdate})
    for (const DType dtype : {DType::kFp32, DType::kBf16}) {
      Case c(odd_layout(), {.op = op, .dtype = dtype}, 5);
      HostTensor result = c.run();
      const std::size_t size = size_bytes(result.dtype);
      poison(std::span(result.bytes).subspan(17 * size, size));
      const Verdict verdict = c.judged(result);
      CHECK_FALSE(verdict.passed);
      CHECK(verdict.reason.find("was not written") != std::string::npos);
    }
}

TEST_CASE("an_unwritten_element_is_caught_where_nan_is_right") {
  Case c(*Layout::from_bits({1}, 1, 1, {8, 8}), {.op = Op::kFprop, .dtype = DType::kBf16}, 1);
  for (int k = 0; k < 8; ++k) c.operands.x.set(0, 0, k, kNan);
  HostTensor result = c.run();
  CHECK(c.judged(result).passed);
  poison(std::span(result.bytes).subspan(4, 2));
  CHECK_FALSE(c.judged(result).passed);
}

TEST_CASE("an_element_without_products_is_exactly_zero") {
  Case c(odd_layout(), {.op = Op::kFprop, .dtype = DType::kFp32}, 3);
  HostTensor result = c.run();
  CHECK(result.at(0, 1, 16) == 0);  // block column 1 is empty
  result.set(0, 1, 16, 1e-40f);
  const Verdict verdict = c.judged(result);
  CHECK_FALSE(verdict.passed);
  CHECK(verdict.worst_at == "(1, 16)");
}

TEST_CASE("padding_of_a_gradient_is_exactly_zero") {
  Case c(odd_layout(), {.op = Op::kUpdate, .dtype = DType::kBf16}, 3);
  HostTensor result = c.run();
  REQUIRE(c.judged(result).passed);
  // Block 2 is (0, 3): columns 48 to 59 are inside, 60 to 63 are padding.
  result.set(0, 2, 13, 1e-30f);
  const Verdict verdict = c.judged(result);
  CHECK_FALSE(verdict.passed);
  CHECK(verdict.reason.find("padding is written as 0") != std::string::npos);
  CHECK(verdict.worst_at == "(0, 61)");
}

TEST_CASE("absent_blocks_contribute_nothing_whatever_x_holds") {
  Case c(odd_layout(), {.op = Op::kFprop, .dtype = DType::kBf16}, 4);
  for (int m = 0; m < 4; ++m) c.operands.x.set(0, m, 9, m % 2 ? kInf : kNan);  // block row 1 is empty
  HostTensor result = c.run();
  CHECK(c.judged(result).passed);
  result.set(0, 0, 0, kNan);  // what a kernel that multiplies by zeros would give
  CHECK_FALSE(c.judged(result).passed);
}

TEST_CASE("infinities_keep_their_sign_and_nan_stays_nan") {
  Case c(odd_layout(), {.op = Op::kFprop, .dtype = DType::kFp16}, 4);
  c.operands.x.set(0, 0, 1, kInf);
  c.operands.x.set(0, 1, 1, kNan);
  HostTensor result = c.run();
  CHECK(c.judged(result).passed);
  CHECK(std::isinf(result.at(0, 0, 3)));
  HostTensor flipped = result;
  flipped.set(0, 0, 3, -result.at(0, 0, 3));
  CHECK_FALSE(c.judged(flipped).passed);
  HostTensor finite = result;
  finite.set(0, 0, 3, 65504);
  CHECK_FALSE(c.judged(finite).passed);
  HostTensor not_nan = result;
  not_nan.set(0, 1, 3, 0);
  CHECK_FALSE(c.judged(not_nan).passed);
}

TEST_CASE("planted_infinities_are_judged_in_every_operation") {
  for (const Op op : {Op::kFprop, Op::kBprop, Op::kUpdate})
    for (const Activations activations : {Activations::kRow, Activations::kCol}) {
      Case c(odd_layout(2), {.op = op, .dtype = DType::kBf16, .activations = activations}, 19);
      plant_nonfinite(c.layout, c.problem, c.operands, 5);
      const Verdict verdict = c.judged(c.run());
      INFO(verdict.reason);
      CHECK(verdict.passed);
    }
}

TEST_CASE("overflow_of_the_output_type_gives_infinity") {
  const Layout layout = *Layout::from_bits({1}, 1, 1, {8, 8});
  const Problem problem{.op = Op::kFprop, .dtype = DType::kFp16};
  Operands operands = *make_operands(layout, problem, 1, 0, Inputs::kOnes);
  for (int k = 0; k < 8; ++k) operands.x.set(0, 0, k, 10000);  // y = 80000
  HostTensor result = operands.y;
  for (int n = 0; n < 8; ++n) result.set(0, 0, n, kInf);
  CHECK(judge(layout, problem, operands, result)->passed);
  result.set(0, 0, 0, 65504);  // saturating is wrong
  CHECK_FALSE(judge(layout, problem, operands, result)->passed);
  for (int k = 0; k < 8; ++k) operands.x.set(0, 0, k, 1000);  // y = 8000: no overflow
  for (int n = 0; n < 8; ++n) result.set(0, 0, n, 8000);
  CHECK(judge(layout, problem, operands, result)->passed);
  result.set(0, 0, 0, kInf);
  CHECK_FALSE(judge(layout, problem, operands, result)->passed);
}

TEST_CASE("accumulation_is_judged_against_what_the_gradient_held") {
  Case c(odd_layout(), {.op = Op::kUpdate, .dtype = DType::kBf16, .accumulate = true}, 6);
  CHECK(c.judged(c.run()).passed);
  Case forgot = c;
  forgot.problem.accumulate = false;
  forgot.operands = *make_operands(c.layout, forgot.problem, 6, 11);
  CHECK_FALSE(c.judged(forgot.run()).passed);
}

TEST_CASE("epilogues_are_judged_through_their_interval") {
  for (const char* text : {"gelu(acc + bias[n]) * scale + residual[m,n]", "relu(acc)", "silu(acc) / 3 - gate[m]", "acc * acc - 1",
                           "exp(acc * 0.1)", "max(min(acc, 1), -1)", "tanh(acc) * sigmoid(acc) + gelu_tanh(acc) * abs(acc)"})
    for (const DType dtype : {DType::kFp32, DType::kFp16, DType::kBf16})
      for (const Activations activations : {Activations::kRow, Activations::kCol}) {
        Case c(odd_layout(2), {.op = Op::kFprop, .dtype = dtype, .activations = activations, .epilogue = text}, 40);
        HostTensor result = c.run();
        const Verdict verdict = c.judged(result);
        INFO(text << " " << name(dtype) << ": " << verdict.reason);
        CHECK(verdict.passed);
        CHECK(verdict.relative_limit > 0);
        const float right = result.at(1, 2, 3);
        result.set(1, 2, 3, right + 0.02f * std::fabs(right) + 0.01f);
        CHECK_FALSE(c.judged(result).passed);
      }
}

TEST_CASE("an_empty_column_is_exactly_the_epilogue_of_zero") {
  Case c(odd_layout(), {.op = Op::kFprop, .dtype = DType::kFp32, .epilogue = "acc * 2 + bias[n]"}, 2);
  HostTensor result = c.run();
  REQUIRE(c.judged(result).passed);
  result.set(0, 1, 16, std::nextafter(result.at(0, 1, 16), 100.0f));
  CHECK_FALSE(c.judged(result).passed);
}

TEST_CASE("a_drift_inside_every_bound_fails_the_relative_error") {
  Case c(*Layout::from_bits(std::vector<std::uint8_t>(16, 1), 4, 4, {32, 32}), {.op = Op::kFprop, .dtype = DType::kFp32}, 32);
  HostTensor result = c.run();
  REQUIRE(c.judged(result).passed);
  for (int m = 0; m < 32; ++m)
    for (int n = 0; n < 128; ++n) result.set(0, m, n, result.at(0, m, n) * (1 + 4e-6f));
  const Verdict verdict = c.judged(result);
  CHECK(verdict.worst_error <= 1);
  CHECK_FALSE(verdict.passed);
  CHECK(verdict.relative_error > verdict.relative_limit);
}

TEST_CASE("a_result_of_another_shape_is_refused") {
  Case c(odd_layout(), {}, 3);
  CHECK_FALSE(judge(c.layout, c.problem, c.operands, make_tensor(DType::kBf16, 1, 3, 59)).ok());
  CHECK_FALSE(judge(c.layout, c.problem, c.operands, make_tensor(DType::kFp16, 1, 3, 60)).ok());
}

TEST_CASE("judging_2048_x_2048_at_a_tenth_takes_well_under_a_second") {
  std::vector<std::uint8_t> bits(64 * 64);
  for (std::size_t i = 0; i < bits.size(); ++i) bits[i] = i * 7919 % 10 == 0;
  const Layout layout = *Layout::from_bits(bits, 64, 64, {32, 32});
  const Problem problem{.op = Op::kFprop, .dtype = DType::kBf16};
  const Operands operands = *make_operands(layout, problem, 256, 1);
  const auto start = std::chrono::steady_clock::now();
  (void)judge(layout, problem, operands, operands.y);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("judged 256 x 2048 x 2048 at 10 percent in %.3f s\n", seconds);
  CHECK(seconds < 5);  // a sanitized build on a busy machine
}
