// The cpu device against the simulated one, and its products of bf16 against fp32's: random layouts and problems, both judged against float64
// and then against each other.
#include <fmt/format.h>

#include <cmath>

#include "bsgen/compiler.h"
#include "runtime/launch/loaded_kernel.h"
#include "runtime/verify/trial.h"
#include "tests/support/catch.h"
#include "tests/support/random_layout.h"

namespace bsgen {
namespace {

// ||a - b|| / ||a||.
double distance(const verify::HostTensor& a, const verify::HostTensor& b) {
  double difference = 0, size = 0;
  for (std::int64_t h = 0; h < a.heads; ++h)
    for (std::int64_t r = 0; r < a.rows; ++r)
      for (std::int64_t c = 0; c < a.cols; ++c) {
        const double x = a.at(h, r, c), y = b.at(h, r, c);
        difference += (x - y) * (x - y), size += x * x;
      }
  return size == 0 ? std::sqrt(difference) : std::sqrt(difference / size);
}

struct Drawn {
  Layout layout;
  Problem problem;
  std::int64_t tokens;
};

Drawn draw(std::uint64_t seed) {
  layout::Draws draws(seed, 77);
  test::RandomLayout random = test::random_layout(seed, 6);
  random.block = {8 << draws.below(3), 8 << draws.below(3)};
  random.size = {random.grid_rows * random.block.rows - draws.below(random.block.rows), random.grid_cols * random.block.cols - draws.below(random.block.cols)};
  Problem problem;
  problem.op = static_cast<Op>(draws.below(3));
  problem.dtype = std::array{DType::kFp32, DType::kTf32, DType::kFp16, DType::kBf16}[draws.below(4)];
  problem.activations = draws.below(2) ? Activations::kCol : Activations::kRow;
  problem.align = 4;
  if (problem.op == Op::kFprop && draws.below(2)) problem.epilogue = "gelu(acc * 0.5 + bias[n]) + r[m,n]";
  if (problem.op == Op::kUpdate) problem.accumulate = draws.below(2) == 1;
  return {random.make(), problem, static_cast<std::int64_t>(draws.below(90))};
}

std::string told(std::uint64_t seed, const Drawn& drawn) {
  return fmt::format("seed {}: {} {} {} {}, {} x {} in blocks of {}, {} heads, {} tokens", seed, name(drawn.problem.op), name(drawn.problem.dtype),
                     name(drawn.problem.activations), drawn.problem.epilogue, drawn.layout.rows(), drawn.layout.cols(), to_string(drawn.layout.block()),
                     drawn.layout.heads(), drawn.tokens);
}

void agree(std::uint64_t first, std::uint64_t last) {
  const auto cpu = Device::open("cpu");
  if (!cpu) BSGEN_SKIP(cpu.status().message());
  const auto sim = *Device::open("sim");
  for (std::uint64_t seed = first; seed < last; ++seed) {
    const Drawn drawn = draw(seed);
    INFO(told(seed, drawn));
    const auto compiled = compile(drawn.layout, drawn.problem, sim->info().arch, {.tier = Tier::kTable});
    if (!compiled && compiled.status().code() == ErrorCode::kMissing) BSGEN_SKIP(compiled.status().message());
    REQUIRE(compiled.status() == Status());
    const auto simulated = runtime::load_kernel(sim, compiled->plan, compiled->schedule, compiled->image);
    const auto native = runtime::load_cpu_kernel(*cpu, drawn.layout, drawn.problem);
    REQUIRE(simulated.status() == Status());
    REQUIRE(native.status() == Status());
    const auto operands = verify::make_operands(drawn.layout, drawn.problem, drawn.tokens, seed);
    REQUIRE(operands.ok());
    const auto there = verify::run_trial(*simulated, drawn.layout, drawn.problem, *operands);
    const auto here = verify::run_trial(*native, drawn.layout, drawn.problem, *operands);
    REQUIRE(there.ok());
    REQUIRE(here.ok());
    for (const std::string& failure : there->failures) FAIL_CHECK("sim: " << failure);
    for (const std::string& failure : here->failures) FAIL_CHECK("cpu: " << failure);
    const double rounding = drawn.problem.output() == DType::kBf16 ? 4e-3 : drawn.problem.output() == DType::kFp16 ? 6e-4 : 4e-6;
    CHECK(distance(there->result, here->result) <= rounding);
  }
}

// Edges are even more often than drawn ones would be: an odd contraction has no pairs.
void pairs_agree(std::uint64_t first, std::uint64_t last) {
  const auto cpu = Device::open("cpu"), widened = Device::open("cpu:avx512");
  if (!cpu) BSGEN_SKIP(cpu.status().message());
  if (!widened) BSGEN_SKIP(widened.status().message());
  for (std::uint64_t seed = first; seed < last; ++seed) {
    Drawn drawn = draw(seed);
    drawn.problem.dtype = DType::kBf16;
    if (seed % 4 != 0) {
      test::RandomLayout random = test::random_layout(seed, 6);
      random.block = drawn.layout.block();
      random.size = {(drawn.layout.rows() + 1) / 2 * 2, (drawn.layout.cols() + 1) / 2 * 2};
      drawn.layout = random.make();
    }
    INFO(told(seed, drawn));
    const auto operands = verify::make_operands(drawn.layout, drawn.problem, drawn.tokens, seed);
    REQUIRE(operands.ok());
    verify::HostTensor results[2];
    int at = 0;
    for (const auto& device : {*cpu, *widened}) {
      const auto kernel = runtime::load_cpu_kernel(device, drawn.layout, drawn.problem);
      REQUIRE(kernel.status() == Status());
      const auto trial = verify::run_trial(*kernel, drawn.layout, drawn.problem, *operands);
      REQUIRE(trial.ok());
      for (const std::string& failure : trial->failures) FAIL_CHECK(device->info().name << ": " << failure);
      results[at++] = trial->result;
    }
    CHECK(distance(results[0], results[1]) <= 4e-3);
  }
}

}  // namespace

TEST_CASE("products_of_bf16_agree_with_those_of_fp32_on_random_layouts") { pairs_agree(0, 30); }
TEST_CASE("products_of_bf16_agree_with_those_of_fp32_on_many_random_layouts", "[.full]") { pairs_agree(30, 600); }
TEST_CASE("cpu_and_sim_agree_within_rounding_on_random_layouts") { agree(0, 12); }
TEST_CASE("cpu_and_sim_agree_within_rounding_on_many_random_layouts", "[.full]") { agree(12, 400); }

}  // namespace bsgen
