#include "compiler/layout/scanner.h"

#include <fmt/format.h>

#include <charconv>

namespace bsgen::layout {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
bool separates(char c) { return is_blank(c) || c == ',' || c == '\n'; }

}  // namespace

std::string excerpt(std::string_view text) {
  constexpr std::size_t kLongest = 24;
  std::string result;
  for (const char c : text.substr(0, kLongest)) {
    if (c >= ' ' && c <= '~')
      result += c;
    else
      result += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  if (text.size() > kLongest) result += "...";
  return result;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool parse_integer(std::string_view text, std::int64_t& value) {
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && rest == end && !text.empty();
}

bool Lines::next(std::string_view& line) {
  if (rest_.empty()) return false;
  const std::size_t end = rest_.find('\n');
  line = trimmed(rest_.substr(0, end));
  rest_ = end == std::string_view::npos ? std::string_view() : rest_.substr(end + 1);
  ++number_;
  return true;
}

Status Lines::error(std::string_view what) const {
  return Status(ErrorCode::kInvalidArgument, fmt::format("mask: {} line {}: {}", name_, number_, what));
}

void Tokens::skip() {
  while (!rest_.empty() && separates(rest_.front())) rest_.remove_prefix(1);
}

std::string_view Tokens::next() {
  std::size_t end = 0;
  while (end < rest_.size() && !separates(rest_[end])) ++end;
  const std::string_view token = rest_.substr(0, end);
  rest_.remove_prefix(end);
  skip();
  return token;
}

Status check_grid_against_bytes(std::string_view name, std::int64_t block_rows, std::int64_t block_cols, std::size_t bytes) {
  const std::int64_t limit = (std::int64_t{1} << 20) + static_cast<std::int64_t>(bytes);
  if (block_rows <= limit && block_cols <= limit) return {};
  return Status(ErrorCode::kInvalidArgument,
                fmt::format("mask: {}: a grid of {} x {} blocks from {} bytes, the limit is {} a side; use larger blocks",
                            name, block_rows, block_cols, bytes, limit));
}

}  // namespace bsgen::layout
