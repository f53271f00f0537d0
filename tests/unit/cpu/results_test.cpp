// What the cpu device computes: the same bits whatever the threads, the tile and the batch, and float64's results within rounding.
#include "bsgen/kernel.h"
#include "runtime/launch/loaded_kernel.h"
#include "runtime/verify/execution.h"
#include "runtime/verify/trial.h"
#include "runtime/verify/verify.h"
#include "tests/unit/cpu/cpu_fixture.h"

namespace bsgen {
namespace {

using test::ragged_mask;

const Layout& large_blocks() {
  static const Layout layout = *read_mask("random:4x5:density=0.5,seed=3", {.block = {64, 64}, .size = {4 * 64 - 6, 5 * 64 - 6}});
  return layout;
}

std::string digest(const CpuOptions& options, Op op, std::int64_t tokens, DType dtype = DType::kFp32, const Layout& layout = ragged_mask()) {
  const auto device = open_cpu(options);
  REQUIRE(device.ok());
  const Problem problem{.op = op, .dtype = dtype};
  const auto kernel = runtime::load_cpu_kernel(*device, layout, problem);
  REQUIRE(kernel.ok());
  const auto operands = verify::make_operands(layout, problem, tokens, 5);
  REQUIRE(operands.ok());
  const auto staged = verify::StagedOperands::stage(*device, problem, *operands);
  REQUIRE(staged.ok());
  REQUIRE(kernel->launch(staged->arguments()).ok());
  return verify::output_digest(*staged->result());
}

}  // namespace

TEST_CASE("results_have_the_same_bits_for_any_number_of_threads") {
  NEEDS_CPU();
  for (const Op op : {Op::kFprop, Op::kBprop, Op::kUpdate})
    for (const DType dtype : {DType::kFp32, DType::kBf16})
      for (const Layout& layout : {ragged_mask(), large_blocks()}) {
        const std::string one = digest({.threads = 1, .parallel_for = {}, .instructions = {}}, op, 700, dtype, layout);
        for (const int threads : {2, 3, 8}) CHECK(digest({.threads = threads, .parallel_for = {}, .instructions = {}}, op, 700, dtype, layout) == one);
      }
}

// Few tokens take blocks in the order of W, in as many runs of block columns as there are threads.
TEST_CASE("few_tokens_have_the_same_bits_for_any_number_of_threads") {
  NEEDS_CPU();
  const Layout layout = *read_mask("random:70x30:density=0.6,seed=2", {.block = {32, 32}, .size = {70 * 32 - 6, 30 * 32 - 6}});
  for (const DType dtype : {DType::kFp32, DType::kBf16})
    for (const std::int64_t tokens : {1, 3, 4, 5}) {
      INFO(name(dtype) << ", " << tokens << " tokens");
      const auto with = [&](int threads) { return digest({.threads = threads, .parallel_for = {}, .instructions = {}}, Op::kFprop, tokens, dtype, layout); };
      const std::string one = with(1);
      for (const int threads : {2, 3, 8, 40}) CHECK(with(threads) == one);
    }
}

// Tiles of the two differ in every dimension, products and sums are the same.
TEST_CASE("results_have_the_same_bits_whatever_the_tile") {
  for (const char* instructions : {"avx512", "avx2"})
    if (const auto opened = open_cpu({.threads = 1, .parallel_for = {}, .instructions = instructions}); !opened) BSGEN_SKIP(opened.status().message());
  for (const Op op : {Op::kFprop, Op::kBprop, Op::kUpdate})
    for (const DType dtype : {DType::kFp32, DType::kBf16})
      for (const std::int64_t tokens : {1, 9, 77}) {
        INFO(name(op) << " " << name(dtype) << ", " << tokens << " tokens");
        const auto with = [&](const char* instructions) { return digest({.threads = 1, .parallel_for = {}, .instructions = instructions}, op, tokens, dtype, large_blocks()); };
        CHECK(with("avx512") == with("avx2"));
      }
}

// Many tokens are many tiles, which take a list in segments and keep their sums between them; one takes it whole. Lists here are of several segments.
TEST_CASE("a_tokens_result_has_the_same_bits_whatever_the_batch") {
  NEEDS_CPU();
  const auto device = *open_cpu();
  constexpr std::int64_t kTokens = 77;
  for (const Activations activations : {Activations::kRow, Activations::kCol})
    for (const int block : {16, 32, 64, 128})
      for (const Op op : {Op::kFprop, Op::kBprop})
        for (const DType dtype : {DType::kFp32, DType::kBf16, DType::kFp16}) {
          INFO("blocks of " << block << ", " << name(op) << " " << name(dtype) << ", activations " << name(activations));
          const bool row = activations == Activations::kRow;
          const Layout layout = *read_mask(op == Op::kFprop ? "random:48x2:density=0.9,seed=1" : "random:2x48:density=0.9,seed=1", {.block = {block, block}});
          const Problem problem{.op = op, .dtype = dtype, .activations = activations, .align = size_bytes(dtype)};
          const auto kernel = runtime::load_cpu_kernel(device, layout, problem);
          REQUIRE(kernel.ok());
          const auto operands = verify::make_operands(layout, problem, kTokens, 5);
          REQUIRE(operands.ok());
          const auto staged = verify::StagedOperands::stage(device, problem, *operands);
          REQUIRE(staged.ok());
          REQUIRE(kernel->launch(staged->arguments()).ok());
          const verify::HostTensor all = *staged->result();
          for (const auto& [first, tokens] : {std::pair{0, 1}, {13, 1}, {76, 1}, {3, 16}, {40, 5}}) {
            const auto some = verify::StagedOperands::stage(device, problem, *operands);
            REQUIRE(some.ok());
            LaunchArguments arguments = some->arguments();
            arguments.tokens = tokens;
            for (TensorView* view : {&arguments.x, &arguments.y}) {
              (row ? view->rows : view->cols) = tokens;
              view->data += static_cast<std::uint64_t>(first * (row ? view->leading_dimension : 1) * size_bytes(view->dtype));
            }
            const Status launched = kernel->launch(arguments);
            INFO(launched.message());
            REQUIRE(launched.ok());
            const verify::HostTensor result = *some->result();
            int different = 0;
            for (std::int64_t token = first; token < first + tokens; ++token)
              for (std::int64_t i = 0; i < (row ? all.cols : all.rows); ++i)
                different += row ? result.at(0, token, i) != all.at(0, token, i) : result.at(0, i, token) != all.at(0, i, token);
            CHECK(different == 0);
          }
        }
}

// The widest tile, and all of its variants: 77 tokens are 12 times 6, 4 and 1; 9 are 6, 2 and 1.
TEST_CASE("blocks_of_64_agree_with_float64_in_every_variant_of_the_tile") {
  NEEDS_CPU();
  for (const Op op : {Op::kFprop, Op::kBprop, Op::kUpdate})
    for (const DType dtype : {DType::kFp32, DType::kFp16, DType::kBf16})
      for (const std::int64_t tokens : {9, 77}) {
        INFO(name(op) << " " << name(dtype) << ", " << tokens << " tokens");
        const Problem problem{.op = op, .dtype = dtype};
        const auto operands = verify::make_operands(large_blocks(), problem, tokens, 5);
        REQUIRE(operands.ok());
        const auto kernel = runtime::load_cpu_kernel(*open_cpu(), large_blocks(), problem);
        REQUIRE(kernel.ok());
        const auto trial = verify::run_trial(*kernel, large_blocks(), problem, *operands);
        REQUIRE(trial.ok());
        for (const std::string& failure : trial->failures) FAIL_CHECK(failure);
      }
}

// 128 or 256 tokens are one pass over the blocks; sums between passes are fp32 whatever the type of dW.
TEST_CASE("update_over_several_passes_rounds_once") {
  NEEDS_CPU();
  for (const DType dtype : {DType::kFp32, DType::kBf16, DType::kFp16})
    for (const bool accumulate : {false, true}) {
      INFO(name(dtype) << " accumulate " << accumulate);
      const Problem problem{.op = Op::kUpdate, .dtype = dtype, .out_dtype = dtype, .accumulate = accumulate};
      const auto operands = verify::make_operands(ragged_mask(), problem, 1100, 5);
      REQUIRE(operands.ok());
      const auto kernel = runtime::load_cpu_kernel(*open_cpu(), ragged_mask(), problem);
      REQUIRE(kernel.ok());
      const auto trial = verify::run_trial(*kernel, ragged_mask(), problem, *operands);
      REQUIRE(trial.ok());
      for (const std::string& failure : trial->failures) FAIL_CHECK(failure);
    }
}

TEST_CASE("a_program_brings_its_own_threads") {
  NEEDS_CPU();
  int calls = 0;
  const auto reversed = [&](int tasks, const CpuTask& task) {
    ++calls;
    std::thread other([&] {
      for (int i = tasks - 1; i > 0; --i) task(i);
    });
    if (tasks > 0) task(0);
    other.join();
  };
  const std::string one = digest({.threads = 1, .parallel_for = {}, .instructions = {}}, Op::kFprop, 700);
  CHECK(digest({.threads = 2, .parallel_for = reversed, .instructions = {}}, Op::kFprop, 700) == one);
  CHECK(calls == 1);
}

}  // namespace bsgen
