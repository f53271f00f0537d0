// The simulated device models every architecture; a GPU runs its own.
#include "tests/conformance/kernels/grid.h"

namespace bsgen::conformance {
namespace {

void on_architecture(const char* device, bool full_types) {
  if (const std::string chosen = Suite::get().usable() ? Suite::get().info().kind : ""; chosen != "sim" && !chosen.empty())
    BSGEN_SKIP("architectures are modelled by the simulated device; " + Suite::get().info().name + " runs its own");
  Suite suite(device);
  if (!suite.usable()) BSGEN_SKIP(suite.reason());
  const std::vector<DType> types = full_types ? kDTypes : std::vector<DType>{DType::kFp32, DType::kFp16};
  std::size_t turn = 0;
  for (const Op op : kOps)
    for (const DType dtype : types) {
      const int block = kBlocks[turn % 3];
      suite.expect_pass({.mask = "random:5x6:density=0.4,seed=14", .options = {.block = {block, block}, .size = {5 * block - 3, 6 * block - 5}},
                         .problem = {.op = op, .dtype = dtype, .activations = turn % 2 ? Activations::kCol : Activations::kRow}, .tokens = {1, 77}});
      ++turn;
    }
}

}  // namespace

TEST_CASE("kernels_for_sm_75_agree_with_float64", "[architectures]") { on_architecture("sim:sm_75", false); }
TEST_CASE("kernels_for_sm_86_agree_with_float64", "[architectures]") { on_architecture("sim:sm_86", true); }
TEST_CASE("kernels_for_sm_89_agree_with_float64", "[architectures]") { on_architecture("sim:sm_89", true); }
TEST_CASE("kernels_for_sm_90_agree_with_float64", "[architectures]") { on_architecture("sim:sm_90", true); }
TEST_CASE("kernels_for_sm_90a_agree_with_float64", "[architectures]") { on_architecture("sim:sm_90a", true); }
TEST_CASE("kernels_for_sm_100_agree_with_float64", "[architectures]") { on_architecture("sim:sm_100", true); }
TEST_CASE("kernels_for_sm_120_agree_with_float64", "[architectures]") { on_architecture("sim:sm_120", true); }

}  // namespace bsgen::conformance
