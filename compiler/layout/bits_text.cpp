#include "compiler/layout/bits_text.h"

#include <fmt/format.h>

namespace bsgen::layout {

std::string bits_text(const Layout& layout) {
  const std::int64_t cols = layout.grid_cols(), rows = layout.heads() * layout.grid_rows();
  std::string hex(static_cast<std::size_t>((rows * cols + 3) / 4), '0');
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t b = layout.row_offsets()[r]; b < layout.row_offsets()[r + 1]; ++b) {
      const std::int64_t bit = r * cols + layout.block_cols()[b];
      char& digit = hex[static_cast<std::size_t>(bit / 4)];
      const int value = (digit <= '9' ? digit - '0' : digit - 'a' + 10) | 8 >> bit % 4;
      digit = "0123456789abcdef"[value];
    }
  const std::string heads = layout.heads() == 1 ? std::string() : fmt::format("heads={},", layout.heads());
  return fmt::format("bits:{}x{}:{}hex={}", layout.grid_rows(), cols, heads, hex);
}

}  // namespace bsgen::layout
