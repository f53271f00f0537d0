// .mtx, NIST's Matrix Market exchange format: coordinate matrices of any field and symmetry; entries in any order, each
// once. https://math.nist.gov/MatrixMarket/formats.html
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "compiler/layout/element_blocks.h"
#include "compiler/layout/mask_input.h"
#include "compiler/layout/scanner.h"

namespace bsgen::layout {
namespace {

bool equal_ignoring_case(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; });
}

bool is_number(std::string_view token) {
  if (!token.empty() && token[0] == '+') token.remove_prefix(1);
  double value = 0;
  const auto [rest, error] = std::from_chars(token.data(), token.data() + token.size(), value);
  // An exponent out of double's range is still a number, and a mask does not care which.
  return rest == token.data() + token.size() && !token.empty() && error != std::errc::invalid_argument;
}

class Reader {
 public:
  explicit Reader(const MaskInput& input) : input_(input), lines_(input.name, input.text()) {}

  Expected<Layout> read() {
    BSGEN_TRY(read_banner());
    BSGEN_TRY(read_size());
    BSGEN_ASSIGN(const Shape shape, element_shape(input_, 1, rows_, cols_));
    BSGEN_TRY(read_entries());
    std::sort(positions_.begin(), positions_.end());
    if (const auto twice = std::adjacent_find(positions_.begin(), positions_.end()); twice != positions_.end())
      return input_.error(fmt::format("element ({}, {}) is given twice{}; give it once", *twice / cols_ + 1,
                                      *twice % cols_ + 1, mirrored_ ? " (symmetry counts)" : ""));
    return input_.in_file(layout_of_counts({count_sorted(positions_, shape)}, shape, input_.options.keep));
  }

 private:
  Status read_banner() {
    std::string_view line;
    lines_.next(line);
    Tokens tokens(line);
    if (tokens.next() != "%%MatrixMarket" || !equal_ignoring_case(tokens.next(), "matrix"))
      return lines_.error(fmt::format("\"%%MatrixMarket matrix ...\" is expected, found \"{}\"", excerpt(line)));
    const std::string_view format = tokens.next(), field = tokens.next(), symmetry = tokens.next();
    if (!equal_ignoring_case(format, "coordinate"))
      return lines_.error(fmt::format("format \"{}\" is not read, coordinate is; convert with "
                                      "scipy.io.mmwrite(file, scipy.sparse.coo_matrix(matrix))",
                                      excerpt(format)));
    if (equal_ignoring_case(field, "pattern")) values_ = 0;
    else if (equal_ignoring_case(field, "real") || equal_ignoring_case(field, "integer")) values_ = 1;
    else if (equal_ignoring_case(field, "complex")) values_ = 2;
    else
      return lines_.error(fmt::format("field \"{}\" is none of pattern, real, integer, complex", excerpt(field)));
    skew_ = equal_ignoring_case(symmetry, "skew-symmetric");
    mirrored_ = skew_ || equal_ignoring_case(symmetry, "symmetric") || equal_ignoring_case(symmetry, "hermitian");
    if (!mirrored_ && !equal_ignoring_case(symmetry, "general"))
      return lines_.error(fmt::format("symmetry \"{}\" is none of general, symmetric, skew-symmetric, hermitian",
                                      excerpt(symmetry)));
    return {};
  }

  // The next line that says something.
  bool next(std::string_view& line) {
    while (lines_.next(line))
      if (!line.empty() && line[0] != '%') return true;
    return false;
  }

  Status read_size() {
    std::string_view line;
    if (!next(line)) return lines_.error("the file ends before the line \"rows cols entries\"");
    Tokens tokens(line);
    if (!parse_integer(tokens.next(), rows_) || !parse_integer(tokens.next(), cols_) ||
        !parse_integer(tokens.next(), entries_) || !tokens.done())
      return lines_.error(fmt::format("\"rows cols entries\" is expected, found \"{}\"", excerpt(line)));
    if (rows_ < 1 || cols_ < 1 || rows_ > kMaxSide || cols_ > kMaxSide)
      return lines_.error(fmt::format("{} x {} elements, each side is 1 to {}", rows_, cols_, kMaxSide));
    if (mirrored_ && rows_ != cols_)
      return lines_.error(fmt::format("{} x {} elements, a symmetric matrix is square", rows_, cols_));
    if (entries_ < 0 || entries_ > rows_ * cols_)
      return lines_.error(fmt::format("{} entries, a {} x {} matrix has 0 to {}", entries_, rows_, cols_, rows_ * cols_));
    return {};
  }

  Status read_entries() {
    std::int64_t seen = 0;
    for (std::string_view line; next(line); ++seen) {
      if (seen == entries_) return lines_.error(fmt::format("more than the {} entries announced", entries_));
      BSGEN_TRY(read_entry(line));
    }
    if (seen != entries_)
      return lines_.error(fmt::format("the file ends after {} of {} entries", seen, entries_));
    return {};
  }

  Status read_entry(std::string_view line) {
    Tokens tokens(line);
    const std::string_view row_text = tokens.next(), col_text = tokens.next();
    std::int64_t row = 0, col = 0;
    if (!parse_integer(row_text, row) || row < 1 || row > rows_)
      return lines_.error(fmt::format("row \"{}\", rows are 1 to {}", excerpt(row_text), rows_));
    if (!parse_integer(col_text, col) || col < 1 || col > cols_)
      return lines_.error(fmt::format("column \"{}\", columns are 1 to {}", excerpt(col_text), cols_));
    for (int n = 0; n < values_; ++n)
      if (const std::string_view value = tokens.next(); !is_number(value))
        return lines_.error(fmt::format("value \"{}\" is not a number", excerpt(value)));
    if (!tokens.done())
      return lines_.error(fmt::format("\"{}\" after the entry's {} words", excerpt(tokens.next()), 2 + values_));
    if (skew_ && row == col)
      return lines_.error(fmt::format("element ({}, {}) is on the diagonal of a skew-symmetric matrix", row, col));
    add(row - 1, col - 1);
    if (mirrored_ && row != col) add(col - 1, row - 1);
    return {};
  }

  void add(std::int64_t row, std::int64_t col) {
    positions_.push_back(static_cast<std::uint64_t>(row) * static_cast<std::uint64_t>(cols_) +
                         static_cast<std::uint64_t>(col));
  }

  const MaskInput& input_;
  Lines lines_;
  std::int64_t rows_ = 0, cols_ = 0, entries_ = 0;
  int values_ = 0;  // numbers after the two indices
  bool mirrored_ = false, skew_ = false;
  std::vector<std::uint64_t> positions_;
};

}  // namespace

Expected<Layout> read_mtx(const MaskInput& input) { return Reader(input).read(); }

}  // namespace bsgen::layout
