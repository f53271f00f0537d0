// Step 1: a mask becomes a Layout.
#include <bsgen/bsgen.h>

#include <cstdio>

int main() {
  // Any file of docs/reference/masks.md, or a generator such as "banded:64x64:width=3".
  bsgen::Expected<bsgen::Layout> layout =
      bsgen::read_mask("tests/data/demo/fashion_mlp_fc1.txt", {.block = {32, 32}});
  if (!layout) {
    std::fprintf(stderr, "%s\n", layout.status().message().c_str());
    return bsgen::exit_status(layout.status().code());
  }
  std::printf("%ld x %ld elements, %ld of %ld blocks, density %.3f, hash %s\n", long(layout->rows()),
              long(layout->cols()), long(layout->num_blocks()),
              long(layout->grid_rows() * layout->grid_cols()), layout->density(),
              layout->hash().short_hex().c_str());

  // The same from bits: 2 x 2 blocks of 32 x 32, three present.
  auto small = bsgen::Layout::from_bits({1, 1, 0, 1}, 2, 2, {32, 32});
  return small && small->num_blocks() == 3 && small->rows() == 64 ? 0 : 1;
}
