// The text form of a layout: what dump() writes and parse_text() reads back.
//
//   bsgen layout 1
//   heads 1
//   grid 3 x 4
//   block 16x32
//   size 48 x 128
//   #..#
//   .... x2         two equal rows
//   end
//
// Rows of up to 128 blocks are pictures; wider ones list runs of present columns, ": 0-3 7 9-12", so that a big sparse mask
// stays small. With more than one head each head's rows follow a line "head N".
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <ostream>

#include "bsgen/layout.h"
#include "compiler/layout/layout_data.h"
#include "compiler/layout/scanner.h"

namespace bsgen {
namespace {

constexpr std::int64_t kWidestPicture = 128;
// Runs and repeats can claim far more blocks than they have bytes: this many (a full grid of 4,096 x 8,192), and
// eight for every byte, are believed.
constexpr std::int64_t kFreeBlocks = std::int64_t{1} << 25;

using Row = std::span<const std::int32_t>;

std::string format_row(Row row, std::int64_t grid_cols) {
  if (grid_cols <= kWidestPicture) {
    std::string picture(static_cast<std::size_t>(grid_cols), '.');
    for (const std::int32_t col : row) picture[col] = '#';
    return picture;
  }
  std::string runs = ":";
  for (std::size_t n = 0; n < row.size();) {
    std::size_t last = n;
    while (last + 1 < row.size() && row[last + 1] == row[last] + 1) ++last;
    fmt::format_to(std::back_inserter(runs), " {}", row[n]);
    if (last > n) fmt::format_to(std::back_inserter(runs), "-{}", row[last]);
    n = last + 1;
  }
  return runs;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : size_(text.size()), lines_("layout text", text) {}

  Expected<Layout> parse() {
    BSGEN_TRY(expect_line("bsgen layout 1"));
    BSGEN_ASSIGN(const std::int64_t heads, number_after("heads"));
    BSGEN_ASSIGN(const MatrixSize grid, pair_after("grid"));
    BSGEN_TRY(next_line("block"));
    if (line_.substr(0, 6) != "block ") return lines_.error("\"block ROWSxCOLS\" is expected");
    auto block = parse_block_shape(line_.substr(6));
    if (!block) return lines_.error(block.status().message());
    BSGEN_ASSIGN(const MatrixSize size, pair_after("size"));
    if (size.rows == 0 || size.cols == 0) return lines_.error("size is at least 1 x 1");
    auto shape = layout::check_shape(heads, grid.rows, grid.cols, *block, size);
    if (!shape) return lines_.error(shape.status().message());
    BSGEN_TRY(layout::check_grid_against_bytes("layout text", shape->all_rows(), shape->grid_cols, size_));
    max_blocks_ = kFreeBlocks + 8 * static_cast<std::int64_t>(size_);
    BSGEN_TRY(parse_rows(*shape));
    BSGEN_TRY(expect_line("end"));
    return Layout::from_bsr(row_offsets_, block_cols_, grid.cols, *block, heads, size);
  }

 private:
  Status next_line(std::string_view wanted) {
    if (lines_.next(line_)) return {};
    return lines_.error(fmt::format("the text ends where \"{}\" is expected", wanted));
  }
  Status expect_line(std::string_view wanted) {
    BSGEN_TRY(next_line(wanted));
    if (line_ == wanted) return {};
    return lines_.error(fmt::format("\"{}\" is expected, found \"{}\"", wanted,
                                    layout::excerpt(line_)));
  }
  Expected<std::int64_t> number_after(std::string_view word) {
    BSGEN_TRY(next_line(word));
    layout::Tokens tokens(line_);
    std::int64_t value = 0;
    if (tokens.next() != word || !layout::parse_integer(tokens.next(), value) || !tokens.done())
      return lines_.error(fmt::format("\"{} NUMBER\" is expected, found \"{}\"", word,
                                      layout::excerpt(line_)));
    return value;
  }
  Expected<MatrixSize> pair_after(std::string_view word) {
    BSGEN_TRY(next_line(word));
    layout::Tokens tokens(line_);
    MatrixSize pair;
    if (tokens.next() != word || !layout::parse_integer(tokens.next(), pair.rows) ||
        tokens.next() != "x" || !layout::parse_integer(tokens.next(), pair.cols) || !tokens.done())
      return lines_.error(fmt::format("\"{} ROWS x COLS\" is expected, found \"{}\"", word,
                                      layout::excerpt(line_)));
    return pair;
  }

  Status parse_rows(const layout::Shape& shape) {
    row_offsets_.assign(1, 0);
    for (std::int64_t head = 0; head < shape.heads; ++head) {
      if (shape.heads > 1) BSGEN_TRY(expect_line(fmt::format("head {}", head)));
      for (std::int64_t left = shape.grid_rows; left > 0;) {
        BSGEN_TRY(next_line("a row of blocks"));
        std::int64_t times = 1;
        const std::size_t repeat = line_.rfind('x');
        if (repeat != std::string_view::npos) {
          if (!layout::parse_integer(line_.substr(repeat + 1), times) || times < 1 || times > left)
            return lines_.error(fmt::format("\"{}\" repeats a row; 1 to {} rows are left",
                                            layout::excerpt(line_.substr(repeat)), left));
          line_ = layout::trimmed(line_.substr(0, repeat));
        }
        const std::size_t begin = block_cols_.size();
        BSGEN_TRY(parse_row(shape.grid_cols));
        const std::size_t count = block_cols_.size() - begin;
        if (static_cast<std::int64_t>(begin + count * times) > max_blocks_)
          return lines_.error(fmt::format("more than {} blocks from {} bytes of text; write a .npy file",
                                          max_blocks_, size_));
        row_offsets_.push_back(static_cast<std::int64_t>(block_cols_.size()));
        for (std::int64_t copy = 1; copy < times; ++copy) {
          for (std::size_t n = 0; n < count; ++n) block_cols_.push_back(block_cols_[begin + n]);
          row_offsets_.push_back(static_cast<std::int64_t>(block_cols_.size()));
        }
        left -= times;
      }
    }
    return {};
  }

  Status parse_row(std::int64_t grid_cols) {
    if (line_.empty() || line_[0] != ':') return parse_picture(grid_cols);
    layout::Tokens tokens(line_.substr(1));
    std::int64_t previous = -1;
    while (!tokens.done()) {
      const std::string_view token = tokens.next();
      const std::size_t dash = token.find('-');
      std::int64_t first = 0, last = 0;
      const bool ok = layout::parse_integer(token.substr(0, dash), first) &&
                      layout::parse_integer(dash == std::string_view::npos ? token : token.substr(dash + 1), last);
      if (!ok || first <= previous || last < first || last >= grid_cols)
        return lines_.error(fmt::format("\"{}\" is not a run of columns above {} and below {}",
                                        layout::excerpt(token), previous, grid_cols));
      if (static_cast<std::int64_t>(block_cols_.size()) + last - first >= max_blocks_)
        return lines_.error(fmt::format("more than {} blocks from {} bytes of text; write a .npy file",
                                        max_blocks_, size_));
      for (std::int64_t col = first; col <= last; ++col)
        block_cols_.push_back(static_cast<std::int32_t>(col));
      previous = last;
    }
    return {};
  }

  Status parse_picture(std::int64_t grid_cols) {
    if (static_cast<std::int64_t>(line_.size()) != grid_cols)
      return lines_.error(fmt::format("a row of {} characters, the grid has {} block columns",
                                      line_.size(), grid_cols));
    for (std::size_t col = 0; col < line_.size(); ++col) {
      if (line_[col] == '#')
        block_cols_.push_back(static_cast<std::int32_t>(col));
      else if (line_[col] != '.')
        return lines_.error(fmt::format("\"{}\" at column {} is neither # nor .",
                                        layout::excerpt(line_.substr(col, 1)), col));
    }
    return {};
  }

  std::size_t size_;
  std::int64_t max_blocks_ = 0;
  layout::Lines lines_;
  std::string_view line_;
  std::vector<std::int64_t> row_offsets_;
  std::vector<std::int32_t> block_cols_;
};

}  // namespace

void Layout::dump(std::ostream& out) const {
  out << fmt::format("bsgen layout 1\nheads {}\ngrid {} x {}\nblock {}\nsize {} x {}\n", heads(), grid_rows(),
                     grid_cols(), to_string(block()), rows(), cols());
  const auto row = [&](std::int64_t r) {
    return block_cols().subspan(row_offsets()[r], row_offsets()[r + 1] - row_offsets()[r]);
  };
  for (std::int64_t head = 0; head < heads(); ++head) {
    if (heads() > 1) out << "head " << head << '\n';
    const std::int64_t end = (head + 1) * grid_rows();
    for (std::int64_t r = head * grid_rows(); r < end;) {
      std::int64_t next = r + 1;
      while (next < end && std::ranges::equal(row(r), row(next))) ++next;
      out << format_row(row(r), grid_cols());
      if (next - r > 1) out << " x" << next - r;
      out << '\n';
      r = next;
    }
  }
  out << "end\n";
}

Expected<Layout> Layout::parse_text(std::string_view text) {
  return layout::within_memory([&] { return Parser(text).parse(); });
}

}  // namespace bsgen
