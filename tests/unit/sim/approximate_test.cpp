// Approximate functions on the instruction sets of the host: whichever executes, the bits are the same.
#include <fmt/format.h>

#include "runtime/sim/exec/lane_ops.h"
#include "tests/support/catch.h"
#include "tests/unit/sim/micro_kernel.h"

namespace bsgen::sim::test {
namespace {

TEST_CASE("approximate_functions_have_the_same_bits_on_every_instruction_set") {
  const Isa before = lane_isa();
  const Inputs inputs = pairs(f32_edges(), 4096, 11);
  for (const char* instruction :
       {"ex2.approx.f32 %f20, %f10;", "ex2.approx.ftz.f32 %f20, %f10;", "lg2.approx.f32 %f20, %f10;", "lg2.approx.ftz.f32 %f20, %f10;", "rcp.approx.f32 %f20, %f10;",
        "rcp.approx.ftz.f32 %f20, %f10;", "rsqrt.approx.f32 %f20, %f10;", "rsqrt.approx.ftz.f32 %f20, %f10;", "sqrt.approx.f32 %f20, %f10;",
        "sin.approx.f32 %f20, %f10;", "cos.approx.ftz.f32 %f20, %f10;", "tanh.approx.f32 %f20, %f10;", "div.approx.f32 %f20, %f10, %f11;",
        "div.full.f32 %f20, %f10, %f11;", "ex2.approx.f16 %rs20, %rs10;", "ex2.approx.ftz.bf16 %rs20, %rs10;", "tanh.approx.f16 %rs20, %rs10;",
        "tanh.approx.bf16 %rs20, %rs10;"}) {
    INFO(instruction);
    const Result result = std::string_view(instruction).find("%rs20") == std::string_view::npos ? Result::kF32 : Result::k16;
    force_lane_isa(Isa::kBaseline);
    const std::vector<std::uint64_t> expected = run(instruction, inputs, result), some = run(instruction, inputs, result, true);
    for (const Isa isa : {Isa::kAvx2, Isa::kAvx512}) {
      if (!isa_available(isa)) continue;
      INFO(name(isa));
      force_lane_isa(isa);
      CHECK(run(instruction, inputs, result) == expected);
      CHECK(run(instruction, inputs, result, true) == some);
    }
  }
  force_lane_isa(before);
}

}  // namespace
}  // namespace bsgen::sim::test
