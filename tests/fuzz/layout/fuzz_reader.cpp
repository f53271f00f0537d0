// Any bytes as a mask file: refused with a message, or a layout that holds its invariants and reads back from its text.
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "bsgen/layout.h"

namespace {
void require(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const int choice = data[0];
  constexpr int kEdges[] = {2, 8, 32, 1};
  bsgen::MaskOptions options;
  options.block = {kEdges[choice & 3], kEdges[choice >> 2 & 3]};
  options.elements = (choice & 16) != 0;
  options.own_block = (choice & 32) != 0;
  if ((choice & 64) != 0) options.keep = 0.3;
  const auto layout = bsgen::read_mask_bytes(MASK_NAME, std::as_bytes(std::span(data + 1, size - 1)), options);
  if (!layout) {
    require(exit_status(layout.status().code()) == 2, "a bad file must be the caller's error");
    require(!layout.status().message().empty(), "a refusal says why");
    return 0;
  }
  require(layout->verify().ok(), "what was read must verify");
  if (layout->num_blocks() < 10000 && layout->heads() * layout->grid_rows() < 10000) {
    std::ostringstream text;
    layout->dump(text);
    const auto again = bsgen::Layout::parse_text(text.str());
    require(again.ok() && *again == *layout, "the text form must read back");
  }
  return 0;
}
