// One order of arithmetic: whatever tier, the same bits, and a row's bits whatever M is.
#include "tests/conformance/kernels/grid.h"

namespace bsgen::conformance {
namespace {

void same_bits(Op op, DType dtype) {
  CONFORMANCE_SUITE(suite);
  std::size_t turn = static_cast<std::size_t>(op) + static_cast<std::size_t>(dtype);
  for (const char* mask : {"banded:6x6:width=3", "blockdiag:6x6:size=2", "random:5x6:density=0.4,seed=12", "causal:5x5"}) {
    const int block = kBlocks[turn++ % 3];
    std::vector<std::string> digests;
    for (const Tier tier : {Tier::kTable, Tier::kConstant, Tier::kUnrolled, Tier::kStructural}) {
      const Outcome outcome = suite.expect_pass(
          {.mask = mask, .options = {.block = {block, block}}, .problem = {.op = op, .dtype = dtype}, .tier = tier, .tokens = {1, 70}});
      if (outcome.skipped || !outcome.message.empty()) continue;
      CHECK(outcome.tier == tier);
      if (digests.empty()) digests = outcome.digests;
      INFO(mask << ", blocks of " << block << ", tier " << name(tier));
      CHECK(outcome.digests == digests);
    }
  }
}

}  // namespace
CONFORMANCE_GRID("every_tier_gives_the_same_bits_in", "[tiers]", same_bits)

TEST_CASE("two_layouts_of_one_class_share_a_kernel_and_agree_with_float64", "[tiers]") {
  CONFORMANCE_SUITE(suite);
  for (const Op op : kOps)
    for (const int seed : {20, 21, 22})
      suite.expect_pass({.mask = "random:6x6:density=0.4,seed=" + std::to_string(seed), .options = {.block = {16, 16}},
                         .problem = {.op = op, .dtype = DType::kBf16}, .tier = Tier::kTable, .tokens = {50}});
}

}  // namespace bsgen::conformance
