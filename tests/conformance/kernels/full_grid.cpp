// The whole grid of the foundation issue: every generator and pruned layer, three block sizes, M in {0, 1, 77, 256}, both
// activation layouts. Hidden from a plain run; `ctest -C Full` names each case.
#include <filesystem>

#include "tests/conformance/kernels/grid.h"

namespace bsgen::conformance {
namespace {

void whole_grid(Op op, DType dtype) {
  CONFORMANCE_SUITE(suite);
  const std::vector<std::int64_t> tokens = {0, 1, 77, 256};
  int passed = 0;
  for (const int block : kBlocks)
    for (const Activations activations : {Activations::kRow, Activations::kCol})
      for (const std::string& mask : kGenerators) {
        suite.expect_pass({.mask = mask, .options = {.block = {block, block}}, .problem = {.op = op, .dtype = dtype, .activations = activations}, .tokens = tokens});
        suite.expect_pass({.mask = mask, .options = {.block = {block, block}}, .problem = {.op = op, .dtype = dtype, .activations = activations},
                           .tokens = {77}, .nonfinite = true});
        ++passed;
      }
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(test_data()) / "masks", error)) {
    if (entry.path().extension() != ".smtx") continue;
    for (const int block : kBlocks)
      for (const double keep : {0.1, 0.3}) {
        suite.expect_pass({.mask = entry.path().string(), .options = {.block = {block, block}, .keep = keep}, .problem = {.op = op, .dtype = dtype}, .tokens = tokens});
        ++passed;
      }
  }
  std::printf("%d masks\n", passed);
  if (error) std::printf("without pruned layers: BSGEN_TEST_DATA names no folder with masks\n");
}

}  // namespace
CONFORMANCE_GRID("full_grid", "[.full]", whole_grid)
}  // namespace bsgen::conformance
