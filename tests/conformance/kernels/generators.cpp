// Every generator, operation and type; block size and activation layout take turns.
#include "tests/conformance/kernels/grid.h"

namespace bsgen::conformance {
namespace {

void every_generator(Op op, DType dtype) {
  CONFORMANCE_SUITE(suite);
  std::size_t turn = static_cast<std::size_t>(op) + static_cast<std::size_t>(dtype);
  for (const std::string& mask : kGenerators) {
    const int block = kBlocks[turn % 3];
    const Activations activations = turn / 3 % 2 ? Activations::kCol : Activations::kRow;
    ++turn;
    suite.expect_pass({.mask = mask, .options = {.block = {block, block}}, .problem = {.op = op, .dtype = dtype, .activations = activations},
                       .tokens = {0, 1, 77}});
  }
}

}  // namespace
CONFORMANCE_GRID("every_generator_agrees_with_float64_in", "[generators]", every_generator)
}  // namespace bsgen::conformance
