#include "compiler/layout/npy.h"

#include <fmt/format.h>

#include "compiler/layout/scanner.h"

namespace bsgen::layout {
namespace {

Status npy_error(std::string_view name, std::string_view what) {
  return Status(ErrorCode::kInvalidArgument, fmt::format("mask: {}: {}", name, what));
}

std::uint64_t little_endian(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  for (std::size_t n = bytes.size(); n-- > 0;) value = value << 8 | std::to_integer<std::uint64_t>(bytes[n]);
  return value;
}

// The header's Python dictionary: {'descr': '<i4', 'fortran_order': False, 'shape': (3, 4), }, keys in any order.
class DictionaryParser {
 public:
  DictionaryParser(std::string_view name, std::string_view text, std::size_t offset)
      : name_(name), text_(text), offset_(offset) {}

  Status parse(NpyHeader& header) {
    if (!accept('{')) return error("a dictionary is expected");
    bool have_descr = false, have_order = false, have_shape = false;
    while (!accept('}')) {
      std::string key;
      if (!quoted(key) || !accept(':')) return error("a key in quotes and a colon are expected");
      if (key == "descr" && !have_descr) {
        have_descr = true;
        if (!quoted(header.descr)) return error("descr is not a plain type like '|b1'; save a bool array");
        BSGEN_TRY(parse_descr(header));
      } else if (key == "fortran_order" && !have_order) {
        have_order = true;
        header.fortran = accept_word("True");
        if (!header.fortran && !accept_word("False")) return error("fortran_order is neither True nor False");
      } else if (key == "shape" && !have_shape) {
        have_shape = true;
        BSGEN_TRY(parse_shape(header));
      } else {
        return error(fmt::format("key \"{}\" is unknown or repeated", excerpt(key)));
      }
      if (!accept(',') && peek() != '}') return error("a comma or the end of the dictionary is expected");
    }
    if (!have_descr || !have_order || !have_shape) return error("descr, fortran_order and shape are needed");
    skip();
    return at_ == text_.size() ? Status() : error("the header goes on after the dictionary");
  }

 private:
  Status error(std::string_view what) const {
    return npy_error(name_, fmt::format("header at offset {}: {}", offset_ + at_, what));
  }
  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  char peek() {
    skip();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  bool accept_word(std::string_view word) {
    skip();
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  bool quoted(std::string& out) {
    const char quote = peek();
    if (quote != '\'' && quote != '"') return false;
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) return false;
    out = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return true;
  }
  Status parse_descr(NpyHeader& header) {
    const std::string_view d = header.descr;
    std::int64_t count = 0;
    if (d.size() < 3 || std::string_view("<>|=").find(d[0]) == std::string_view::npos ||
        !parse_integer(d.substr(2), count) || count < 0 || count > 4096)
      return error(fmt::format("descr \"{}\" is not a plain type like \"|b1\"", excerpt(d)));
    header.big_endian = d[0] == '>';
    header.kind = d[1];
    header.item_bytes = static_cast<int>(d[1] == 'U' ? 4 * count : count);
    return {};
  }
  Status parse_shape(NpyHeader& header) {
    if (!accept('(')) return error("shape is not a tuple");
    while (!accept(')')) {
      skip();
      std::size_t end = at_;
      while (end < text_.size() && text_[end] != ',' && text_[end] != ')') ++end;
      const std::string_view token = trimmed(text_.substr(at_, end - at_));
      std::int64_t side = 0;
      if (!parse_integer(token, side) || side < 0)
        return error(fmt::format("shape holds \"{}\", sizes are integers from 0", excerpt(token)));
      header.shape.push_back(side);
      if (header.shape.size() > 32) return error("more than 32 dimensions");
      at_ = end;
      if (!accept(',') && peek() != ')') return error("shape does not end");
    }
    return {};
  }

  std::string_view name_, text_;
  std::size_t offset_, at_ = 0;
};

}  // namespace

std::int64_t NpyHeader::count() const {
  std::int64_t product = 1;
  for (const std::int64_t side : shape) product *= side;
  return product;
}

Expected<NpyHeader> parse_npy_header(std::string_view name, std::span<const std::byte> bytes, std::uint64_t file_bytes) {
  constexpr std::string_view kMagic = "\x93NUMPY";
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.substr(0, kMagic.size()) != kMagic)
    return npy_error(name, fmt::format("begins with \"{}\", not with \\x93NUMPY", excerpt(text.substr(0, 6))));
  if (bytes.size() < 10) return npy_error(name, fmt::format("ends inside the header, at offset {}", bytes.size()));
  const int version = std::to_integer<int>(bytes[6]);
  if (version < 1 || version > 3) return npy_error(name, fmt::format("format version {}, 1 to 3 are read", version));
  const std::size_t length_bytes = version == 1 ? 2 : 4, begin = 8 + length_bytes;
  if (bytes.size() < begin) return npy_error(name, fmt::format("ends inside the header, at offset {}", bytes.size()));
  const std::uint64_t length = little_endian(bytes.subspan(8, length_bytes));
  if (length > kMaxNpyHeader || length > bytes.size() - begin)
    return npy_error(name, fmt::format("a header of {} bytes, {} follow and the limit is {}", length,
                                       bytes.size() - begin, kMaxNpyHeader));
  NpyHeader header;
  BSGEN_TRY(DictionaryParser(name, text.substr(begin, length), begin).parse(header));
  header.data_offset = begin + length;

  // The product of the sides, as far as it can be right: an overflow would claim more than any file holds.
  const std::uint64_t data_bytes = file_bytes - header.data_offset;
  std::uint64_t needed = static_cast<std::uint64_t>(header.item_bytes);
  bool empty = needed == 0, overflow = false;
  for (const std::int64_t side : header.shape) {
    empty = empty || side == 0;
    overflow = overflow || __builtin_mul_overflow(needed, static_cast<std::uint64_t>(side), &needed);
  }
  if (empty) needed = 0;
  if ((overflow && !empty) || needed != data_bytes)
    return npy_error(name, fmt::format("shape ({}) of {} needs {} bytes, {} follow the header", fmt::join(header.shape, ", "),
                                       excerpt(header.descr), overflow && !empty ? "more than 2^64" : std::to_string(needed),
                                       data_bytes));
  // An empty array may still have sides whose product overflows.
  if (empty && (overflow || header.item_bytes == 0)) header.shape.assign(header.shape.size(), 0);
  return header;
}

Expected<std::vector<std::int64_t>> npy_integers(std::string_view name, std::span<const std::byte> bytes) {
  BSGEN_ASSIGN(const NpyHeader header, parse_npy_header(name, bytes, bytes.size()));
  const int width = header.item_bytes;
  if ((header.kind != 'i' && header.kind != 'u') || (width != 1 && width != 2 && width != 4 && width != 8) ||
      header.shape.size() != 1)
    return npy_error(name, fmt::format("an array of {} with {} dimensions, integers in one are needed",
                                       excerpt(header.descr), header.shape.size()));
  std::vector<std::int64_t> values(header.shape[0]);
  const std::byte* item = bytes.data() + header.data_offset;
  for (std::int64_t& value : values) {
    std::uint64_t bits = 0;
    for (int n = 0; n < width; ++n) {
      const int at = header.big_endian ? n : width - 1 - n;  // from the highest byte down
      bits = bits << 8 | std::to_integer<std::uint64_t>(item[at]);
    }
    item += width;
    const int unused = 64 - 8 * width;
    value = static_cast<std::int64_t>(bits << unused);
    value = header.kind == 'i' ? value >> unused : static_cast<std::int64_t>(bits);
  }
  return values;
}

Expected<std::string> npy_string(std::string_view name, std::span<const std::byte> bytes) {
  BSGEN_ASSIGN(const NpyHeader header, parse_npy_header(name, bytes, bytes.size()));
  if ((header.kind != 'S' && header.kind != 'U') || header.count() != 1)
    return npy_error(name, fmt::format("an array of {}, one string is needed", excerpt(header.descr)));
  // Unicode is UCS-4: the characters of an ASCII word are its bytes that are not zero, in either byte order.
  std::string text;
  for (const std::byte b : bytes.subspan(header.data_offset))
    if (b != std::byte{0}) text += static_cast<char>(b);
  return text;
}

}  // namespace bsgen::layout
