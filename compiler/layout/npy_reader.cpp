// .npy masks: bool or integer, rows x cols or heads x rows x cols, in C or Fortran order.
#include <fmt/format.h>

#include "compiler/layout/mask_input.h"
#include "compiler/layout/npy.h"
#include "compiler/layout/scanner.h"

namespace bsgen::layout {

Expected<Layout> read_npy(const MaskInput& input) {
  BSGEN_ASSIGN(const NpyHeader header, parse_npy_header(input.name, input.bytes, input.bytes.size()));
  if (header.kind != 'b' && header.kind != 'i' && header.kind != 'u')
    return input.error(fmt::format("an array of {}, a mask is bool or integer; save (array != 0)", excerpt(header.descr)));
  if (header.item_bytes != 1 && header.item_bytes != 2 && header.item_bytes != 4 && header.item_bytes != 8)
    return input.error(fmt::format("items of {} bytes, integers have 1, 2, 4 or 8", header.item_bytes));
  if (header.shape.size() != 2 && header.shape.size() != 3)
    return input.error(fmt::format("{} dimensions, a mask has 2 (rows x cols) or 3 (heads x rows x cols)",
                                   header.shape.size()));
  const bool stack = header.shape.size() == 3;
  const std::int64_t heads = stack ? header.shape[0] : 1;
  const std::int64_t rows = header.shape[stack ? 1 : 0], cols = header.shape[stack ? 2 : 1];
  if (heads == 0 || rows == 0 || cols == 0)
    return input.error(fmt::format("shape ({}), each side is at least 1", fmt::join(header.shape, ", ")));

  // An integer is nonzero in either byte order when any of its bytes is.
  const std::byte* data = input.bytes.data() + header.data_offset;
  const std::int64_t width = header.item_bytes;
  std::vector<std::uint8_t> bits(header.count());
  std::int64_t n = 0;
  for (std::int64_t head = 0; head < heads; ++head)
    for (std::int64_t row = 0; row < rows; ++row)
      for (std::int64_t col = 0; col < cols; ++col, ++n) {
        const std::byte* item = data + width * (header.fortran ? head + heads * (row + rows * col) : n);
        std::byte any{0};
        for (std::int64_t b = 0; b < width; ++b) any |= item[b];
        bits[n] = any != std::byte{0};
      }
  return dense_mask(input, bits, heads, rows, cols);
}

}  // namespace bsgen::layout
