// .smtx, the pattern files of the Deep Learning Matrix Collection: line 1 "rows, cols, nonzeros", line 2 the rows + 1 row
// offsets, line 3 the column of every nonzero.
#include <fmt/format.h>

#include "compiler/layout/element_blocks.h"
#include "compiler/layout/mask_input.h"
#include "compiler/layout/scanner.h"

namespace bsgen::layout {
namespace {

class Reader {
 public:
  explicit Reader(const MaskInput& input) : input_(input), lines_(input.name, input.text()) {}

  Expected<Layout> read() {
    BSGEN_TRY(read_header());
    BSGEN_ASSIGN(const Shape shape, element_shape(input_, 1, rows_, cols_));
    BSGEN_TRY(read_offsets());
    BSGEN_TRY(read_columns());
    for (std::string_view line; lines_.next(line);)
      if (!line.empty())
        return lines_.error(fmt::format("\"{}\" after the third line, the file ends there", excerpt(line)));
    return input_.in_file(layout_of_counts(
        {count_csr(std::span<const std::int64_t>(offsets_), std::span<const std::int32_t>(columns_), shape)}, shape,
        input_.options.keep));
  }

 private:
  Status read_header() {
    std::string_view line;
    lines_.next(line);
    Tokens tokens(line);
    if (!parse_integer(tokens.next(), rows_) || !parse_integer(tokens.next(), cols_) ||
        !parse_integer(tokens.next(), nonzeros_) || !tokens.done())
      return lines_.error(fmt::format("\"rows, cols, nonzeros\" is expected, found \"{}\"", excerpt(line)));
    if (rows_ < 1 || cols_ < 1 || rows_ > kMaxSide || cols_ > kMaxSide)
      return lines_.error(fmt::format("{} x {} elements, each side is 1 to {}", rows_, cols_, kMaxSide));
    if (nonzeros_ < 0 || nonzeros_ > rows_ * cols_)
      return lines_.error(fmt::format("{} nonzeros, a {} x {} matrix has 0 to {}", nonzeros_, rows_, cols_, rows_ * cols_));
    return {};
  }

  // Memory grows with what is read, never with what the header claims.
  Status read_offsets() {
    std::string_view line;
    if (!lines_.next(line)) return lines_.error("the file ends before the row offsets");
    std::int64_t previous = 0;
    for (Tokens tokens(line); !tokens.done();) {
      const std::int64_t n = static_cast<std::int64_t>(offsets_.size());
      const std::string_view token = tokens.next();
      std::int64_t offset = 0;
      if (!parse_integer(token, offset))
        return lines_.error(fmt::format("row offset {} is \"{}\", not an integer", n, excerpt(token)));
      if (n > rows_) return lines_.error(fmt::format("more than {} row offsets for {} rows", rows_ + 1, rows_));
      if (n == 0 && offset != 0) return lines_.error(fmt::format("row offset 0 is {}, it must be 0", offset));
      if (offset < previous || offset > nonzeros_)
        return lines_.error(
            fmt::format("row offset {} is {} after {}; offsets ascend to {}", n, offset, previous, nonzeros_));
      offsets_.push_back(offset);
      previous = offset;
    }
    if (static_cast<std::int64_t>(offsets_.size()) != rows_ + 1)
      return lines_.error(fmt::format("{} row offsets for {} rows, {} are needed", offsets_.size(), rows_, rows_ + 1));
    if (previous != nonzeros_)
      return lines_.error(fmt::format("the last row offset is {}, the header says {} nonzeros", previous, nonzeros_));
    return {};
  }

  Status read_columns() {
    std::string_view line;
    if (!lines_.next(line) && nonzeros_ > 0) return lines_.error("the file ends before the column indices");
    std::int64_t row = 0, previous = -1;
    for (Tokens tokens(line); !tokens.done();) {
      const std::int64_t n = static_cast<std::int64_t>(columns_.size());
      const std::string_view token = tokens.next();
      std::int64_t column = 0;
      if (!parse_integer(token, column))
        return lines_.error(fmt::format("column index {} is \"{}\", not an integer", n, excerpt(token)));
      if (n >= nonzeros_)
        return lines_.error(fmt::format("more than {} column indices, the header says {} nonzeros", nonzeros_, nonzeros_));
      for (; n >= offsets_[row + 1]; ++row) previous = -1;
      if (column < 0 || column >= cols_)
        return lines_.error(fmt::format("column index {} is {} in row {}, columns are 0 to {}", n, column, row, cols_ - 1));
      if (column <= previous)
        return lines_.error(fmt::format("column index {} is {} after {} in row {}; columns ascend without repetition", n,
                                        column, previous, row));
      columns_.push_back(static_cast<std::int32_t>(column));
      previous = column;
    }
    if (static_cast<std::int64_t>(columns_.size()) != nonzeros_)
      return lines_.error(fmt::format("{} column indices, the header says {} nonzeros", columns_.size(), nonzeros_));
    return {};
  }

  const MaskInput& input_;
  Lines lines_;
  std::int64_t rows_ = 0, cols_ = 0, nonzeros_ = 0;
  std::vector<std::int64_t> offsets_;
  std::vector<std::int32_t> columns_;
};

}  // namespace

Expected<Layout> read_smtx(const MaskInput& input) { return Reader(input).read(); }

}  // namespace bsgen::layout
