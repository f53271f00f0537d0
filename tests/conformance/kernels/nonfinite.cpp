// An absent block contributes nothing, whatever X holds.
#include "tests/conformance/kernels/grid.h"

namespace bsgen::conformance {
namespace {

void absent_blocks(Op op, DType dtype) {
  CONFORMANCE_SUITE(suite);
  std::size_t turn = static_cast<std::size_t>(op) + static_cast<std::size_t>(dtype);
  for (const char* mask : {"random:6x7:density=0.35,seed=13", "banded:6x6:width=3", "strided:6x6:stride=2"})
    for (const Activations activations : {Activations::kRow, Activations::kCol}) {
      const int block = kBlocks[turn++ % 3];
      suite.expect_pass({.mask = mask, .options = {.block = {block, block}}, .problem = {.op = op, .dtype = dtype, .activations = activations},
                         .tokens = {1, 77}, .nonfinite = true});
    }
}

}  // namespace
CONFORMANCE_GRID("absent_blocks_contribute_nothing_whatever_x_holds_in", "[nonfinite]", absent_blocks)
}  // namespace bsgen::conformance
