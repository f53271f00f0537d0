// .txt: a row of blocks a line, 1 or # present, 0 or . absent, blanks and commas between them ignored; an empty line starts
// the next head.
#include <fmt/format.h>

#include "compiler/layout/mask_input.h"
#include "compiler/layout/scanner.h"

namespace bsgen::layout {

Expected<Layout> read_txt(const MaskInput& input) {
  Lines lines(input.name, input.text());
  std::vector<std::uint8_t> bits;
  std::int64_t heads = 0, rows_per_head = 0, row_in_head = 0, cols = 0;
  // Called where a head's rows have ended.
  const auto end_head = [&]() -> Status {
    if (row_in_head == 0) return {};
    if (heads == 0) rows_per_head = row_in_head;
    if (row_in_head != rows_per_head)
      return lines.error(fmt::format("head {} has {} rows, the ones before have {}", heads, row_in_head, rows_per_head));
    ++heads;
    row_in_head = 0;
    return {};
  };

  for (std::string_view line; lines.next(line);) {
    if (line.empty()) {
      BSGEN_TRY(end_head());
      continue;
    }
    const std::size_t begin = bits.size();
    for (std::size_t n = 0; n < line.size(); ++n) {
      const char c = line[n];
      if (c == '1' || c == '#')
        bits.push_back(1);
      else if (c == '0' || c == '.')
        bits.push_back(0);
      else if (c != ' ' && c != '\t' && c != ',')
        return lines.error(fmt::format("character {} is \"{}\"; blocks are 0 or . (absent), 1 or # (present)", n + 1,
                                       excerpt(line.substr(n, 1))));
    }
    const std::int64_t width = static_cast<std::int64_t>(bits.size() - begin);
    if (cols == 0) cols = width;
    if (width != cols || width == 0)
      return lines.error(fmt::format("{} blocks, the first row has {}", width, cols));
    ++row_in_head;
  }
  BSGEN_TRY(end_head());
  if (heads == 0) return input.error("has no rows");
  return dense_mask(input, bits, heads, rows_per_head, cols);
}

}  // namespace bsgen::layout
