// Masks of really pruned layers.
#include <algorithm>
#include <filesystem>

#include "tests/conformance/kernels/grid.h"

namespace bsgen::conformance {
namespace {

std::vector<std::string> pruned_layers() {
  std::vector<std::string> files;
  const std::filesystem::path folder = std::filesystem::path(test_data()) / "masks";
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error))
    if (entry.path().extension() == ".smtx") files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  return files;
}

void pruned(Op op, DType dtype) {
  CONFORMANCE_SUITE(suite);
  const std::vector<std::string> files = pruned_layers();
  if (test_data().empty() || files.empty()) BSGEN_SKIP("no pruned layers: BSGEN_TEST_DATA names no folder with masks/*.smtx");
  std::size_t turn = static_cast<std::size_t>(op) * 2 + static_cast<std::size_t>(dtype);
  for (const std::string& file : files) {
    const int block = kBlocks[turn % 3];
    suite.expect_pass({.mask = file, .options = {.block = {block, block}, .keep = turn % 2 ? 0.1 : 0.3}, .problem = {.op = op, .dtype = dtype},
                       .tokens = {33}});
    ++turn;
  }
}

}  // namespace
CONFORMANCE_GRID("pruned_layers_agree_with_float64_in", "[masks]", pruned)
}  // namespace bsgen::conformance
